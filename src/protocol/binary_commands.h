#pragma once

#include <array>
#include <cstdint>

#include "protocol/command_row.h"

namespace mctenant::protocol {

// The row of `opcode`; of an unknown one, a row that is refused.
[[nodiscard]] const CommandRow& binary_command(uint8_t opcode);
// All 256 rows, for the tests that walk them.
[[nodiscard]] const std::array<CommandRow, 256>& binary_commands();

}  // namespace mctenant::protocol
