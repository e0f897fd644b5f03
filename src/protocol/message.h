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
  probe,  // size, CAS, flags and expiry without the value; never a client's
  flush,
  noop,
  version,
  stat,
  verbosity,
  quit,
  sasl_list,
  sasl_auth,
  sasl_step,
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
};

// What came of a request.
struct Reply {
  Status status = Status::temporary_failure;
  uint32_t flags = 0;
  uint64_t cas = 0;
  uint64_t number = 0;  // increment, decrement: the new value; probe: the size of the stored value
  int64_t expiry = -1;  // probe: seconds until the item expires, -1 if it never does
  base::Slice value;
};

}  // namespace mctenant::protocol
