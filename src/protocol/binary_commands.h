#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "protocol/message.h"

namespace mctenant::protocol {

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

// One opcode of the binary protocol.
struct BinaryCommand {
  uint8_t opcode = 0;
  std::string_view name;
  Command command = Command::unknown;
  Handling handling = Handling::refused;
  Access access = Access::tenant;
  bool quiet = false;  // success (of reads: a miss) is not answered
  bool returns_key = false;
  bool writes = false;
  uint8_t extras = 0;  // bytes
  bool extras_optional = false;
  Presence key = Presence::none;
  Presence value = Presence::none;
};

// The row of `opcode`; of an unknown one, a row that is refused.
[[nodiscard]] const BinaryCommand& binary_command(uint8_t opcode);
// All 256 rows, for the tests that walk them.
[[nodiscard]] const std::array<BinaryCommand, 256>& binary_commands();

// Whether a quiet command's reply with this status is left out. A quiet read's reply that is no hit would be
// taken for the end of a stream of hits; so a key whose server is gone reads as a miss.
[[nodiscard]] inline bool silent(const BinaryCommand& row, Status status) {
  if (!row.quiet) return false;
  const bool read = row.command == Command::get || row.command == Command::get_and_touch;
  return read ? status == Status::not_found || status == Status::temporary_failure : status == Status::ok;
}

}  // namespace mctenant::protocol
