#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mctenant::quota {

// Where an entry lies in its stripe's arena, in units of 8 bytes; 0 is nowhere. Half as wide as a pointer,
// and an entry holds five of them. The highest bit is never set (see ExpiryWheel).
using EntryRef = uint32_t;

// No expiry is known: the item was met by a reply that does not tell it.
inline constexpr uint32_t kUnknownExpiry = UINT32_MAX;

// What the ledger knows of one stored item: 46 bytes, and the key behind them.
struct Entry {
  enum Bit : uint8_t {
    visited = 1,       // read since the eviction hand passed
    ranked = 2,        // in the eviction order
    leaving = 4,       // its eviction is under way
    uncertain = 8,     // replies have contradicted each other; a probe is under way
    flags_known = 16,  // whether the item has client flags is known
    has_flags = 32,    // … and it has
    derived = 64,      // expiry, and of a counted one size, were taken over from the version known before
    counted = 128,     // size and flags were taken over from the version known before
  };

  uint64_t cas = 0;
  EntryRef chain = 0;  // KeyTable
  EntryRef newer = 0;  // Sieve
  EntryRef older = 0;
  EntryRef due_previous = 0;  // ExpiryWheel
  EntryRef due_next = 0;
  uint32_t size = 0;     // of the whole item, as memcached counts it
  uint32_t expiry = 0;   // Unix seconds; 0: none; kUnknownExpiry
  uint32_t learned = 0;  // the stripe's clock when this version was learned
  uint16_t source = 0;   // the incarnation of the server that gave `cas`
  uint8_t observer = 0;  // who learned it
  uint8_t crawl = 0;     // the number of the server's crawl during which it was last known to be there
  uint8_t bits = 0;
  uint8_t key_size = 0;
  char key_begin[2] = {};  // the key runs on behind the struct

  static constexpr size_t kHeader = 46;

  [[nodiscard]] std::string_view key() const { return {key_begin, key_size}; }
  [[nodiscard]] bool is(Bit bit) const { return (bits & bit) != 0; }
  void set(Bit bit, bool on) { bits = static_cast<uint8_t>(on ? bits | bit : bits & ~bit); }
};
static_assert(offsetof(Entry, key_begin) == Entry::kHeader && sizeof(Entry) == 48);

}  // namespace mctenant::quota
