#pragma once

#include <cstdint>
#include <string_view>

#include "base/block.h"

namespace mctenant::protocol {

// What a client can ask for, whatever protocol it speaks; and what mctenant asks servers for itself.
enum class Command : uint8_t {
  get,
  get_and_touch,
  touch,
  set,
  add,
  replace,
  append,
  prepend,
  remove,
  increment,
  decrement,
  meta_get,            // of the meta protocol, with flags that change nothing
  meta_get_and_touch,  // … and with flags that change the expiry, or create an item (T, N)
  describe,            // what the server knows of an item, in words (me)
  probe,               // size, CAS, flags and expiry without the value; never a client's
  flush,
  noop,
  version,
  stat,
  verbosity,
  quit,
  sasl_list,
  sasl_auth,
  sasl_step,
  text_sign_in,
  unknown,
};

// How a command ended, with the numbers of the binary protocol.
enum class Status : uint16_t {
  ok = 0x00,
  not_found = 0x01,
  exists = 0x02,
  too_large = 0x03,
  invalid = 0x04,
  not_stored = 0x05,
  non_numeric = 0x06,
  auth_error = 0x20,
  auth_continue = 0x21,
  unknown_command = 0x81,
  out_of_memory = 0x82,
  temporary_failure = 0x86,
};

// The words that memcached sends with a status; some clients show or match them. Empty for ok.
[[nodiscard]] std::string_view text_of(Status status);

// A CAS that no item has: a condition that never holds.
inline constexpr uint64_t kNoCas = ~uint64_t{0};

// A command and its arguments. Views and slices without an owner are valid during the call that passes them.
struct Request {
  Command command = Command::unknown;
  bool create = false;  // increment, decrement: store `initial` where there is nothing
  uint32_t flags = 0;
  int64_t expiry =
      0;  // as memcached takes it: 0 none, to 30 days relative, beyond Unix time, negative gone at once
  uint64_t cas = 0;  // 0: whatever is stored
  uint64_t delta = 0;
  uint64_t initial = 0;
  std::string_view key;  // the client's, any bytes
  base::Slice value;

  // The meta protocol only.
  bool invalidate = false;    // I: an older CAS will do, and what is there is marked stale
  bool sets_expiry = false;   // remove with invalidate: `expiry` is to be set
  bool tells_expiry = false;  // the reply says when the item expires, after all that the request does to it
  bool unsettled = false;     // the reply does not tell all that the request may have changed
  bool wins_nothing =
      false;  // not to win the right to make an item anew that is about to expire (R is left out)
  // The flags as the client wrote them, and which they are (MetaFlags); meta_get, increment and decrement go
  // to the server with them.
  std::string_view meta_flags;
  uint64_t meta_seen = 0;
};

// What came of a request.
struct Reply {
  Status status = Status::temporary_failure;
  uint32_t flags = 0;
  uint64_t cas = 0;
  uint64_t number = 0;  // increment, decrement: the new value; probe, meta_get: the size of the stored value
  int64_t expiry = -1;  // probe, meta_get: seconds until the item expires, -1 if it never does
  base::Slice value;
  // meta_get:
  uint32_t idle = 0;     // seconds since the last access
  bool fetched = false;  // has been read before
  bool won = false;      // the client is to make the item anew
  bool stale = false;
  bool taken = false;  // another client is making it anew
};

}  // namespace mctenant::protocol
