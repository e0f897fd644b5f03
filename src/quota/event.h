#pragma once

#include <cstdint>
#include <string_view>

#include "quota/entry.h"
#include "quota/key_table.h"
#include "tenant/namespace.h"

namespace mctenant::quota {

// Threads that talk to servers, numbered: each has its own connections, so that of two replies from one
// server to one observer the first tells of the earlier moment. Between observers only versions tell.
using Observer = uint8_t;
inline constexpr size_t kMaxObservers = 255;
inline constexpr Observer kSeveral = 255;  // observers, whose replies have no order

// What a server told of a key; the ledger knows nothing else. Views are valid during the call.
struct Event {
  enum class Kind : uint8_t {
    // There:
    stored,     // stored or grown, confirmed
    hit,        // read; the expiry is not told
    touched,    // given an expiry; size 0: not told
    counted,    // incremented or decremented, or created by that; size: of an item of so many digits
    inspected,  // a probe's answer: all that can be known
    listed,     // met by a crawl
    // Gone:
    missed,           // looked for and not found
    removed,          // deleted, or nothing was there to delete
    removed_version,  // deleted, on condition that it was `cas`
  };
  enum class ClientFlags : uint8_t { unknown, none, some };

  Kind kind = Kind::missed;
  Observer observer = 0;
  uint8_t crawl = 0;                  // number of the server's latest crawl (upstream::ServerState)
  uint16_t source = 0;                // the incarnation of the server; a later one is larger
  uint32_t sent = 0;                  // Ledger::clock() of the key when the question was sent
  KeyHash hash = 0;                   // Ledger::hash() of the key
  std::string_view key;               // the server's key behind the prefix, 1 to 250 bytes
  tenant::Generation generation = 0;  // of the prefix

  uint64_t cas = 0;         // of what is there
  uint64_t grown_from = 0;  // stored by append or prepend: the CAS it was conditional on, whose expiry stays
  uint32_t size = 0;        // of the whole item, as memcached counts it
  uint32_t expiry = kUnknownExpiry;  // Unix seconds; 0 none; see expiry_time()
  ClientFlags flags = ClientFlags::unknown;
  bool created = false;  // counted: may have been made by this, with `expiry`
  bool listing = false;  // a crawl is under way, which will tell what this does not
};

}  // namespace mctenant::quota
