#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/message.h"

namespace mctenant::protocol {

// What a client speaks. Text and meta share a connection; binary has its own.
enum class Dialect : uint8_t { binary, text, meta };

// Where a command is carried out.
enum class Handling : uint8_t {
  forwarded,  // by the server that has the key, inside the tenant's namespace
  local,      // answered here, at its place in the order of replies
  barrier,    // answered here, once every command before it has been
  refused,    // not a command: answered with an error
};

enum class Presence : uint8_t { none, optional, required };

// Before sign-in some commands are served and all others refused.
enum class Access : uint8_t { anyone, tenant };

// One command of one dialect: an opcode of the binary protocol, a verb of the others.
struct CommandRow {
  uint8_t opcode = 0;  // binary
  std::string_view name;
  Command command = Command::unknown;
  Handling handling = Handling::refused;
  Access access = Access::tenant;
  bool quiet = false;  // see silent()
  bool returns_key = false;
  bool writes = false;
  // The shape of a binary frame. Extras in bytes.
  uint8_t extras = 0;
  bool extras_optional = false;
  Presence key = Presence::none;
  Presence value = Presence::none;
  bool returns_cas = false;  // text: beside the flags of a hit
  bool drops_old = false;    // a store that is too large takes the old value with it
  Dialect dialect = Dialect::binary;
};

// Whether a binary quiet command's reply with this status is left out. A quiet read's reply that is no hit
// would be taken for the end of a stream of hits; so a key whose server is gone reads as a miss.
[[nodiscard]] inline bool silent(const CommandRow& row, Status status) {
  if (!row.quiet) return false;
  const bool read = row.command == Command::get || row.command == Command::get_and_touch;
  return read ? status == Status::not_found || status == Status::temporary_failure : status == Status::ok;
}

}  // namespace mctenant::protocol
