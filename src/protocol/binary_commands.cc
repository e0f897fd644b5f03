#include "protocol/binary_commands.h"

namespace mctenant::protocol {
namespace {

using enum Command;
using enum Handling;
using enum Presence;

constexpr bool kLoud = false;
constexpr bool kQuiet = true;

constexpr CommandRow read(uint8_t opcode, std::string_view name, bool quiet, bool returns_key) {
  return {opcode, name, get, forwarded, Access::tenant, quiet, returns_key, false, 0, false, required, none};
}
constexpr CommandRow touching(uint8_t opcode, std::string_view name, Command command, bool quiet,
                              bool returns_key) {
  return {opcode,      name, command, forwarded, Access::tenant, quiet,
          returns_key, true, 4,       false,     required,       none};
}
constexpr CommandRow store(uint8_t opcode, std::string_view name, Command command, bool quiet,
                           uint8_t extras) {
  return {opcode, name,   command, forwarded, Access::tenant, quiet, false,
          true,   extras, false,   required,  optional,       false, command == set};
}
constexpr CommandRow change(uint8_t opcode, std::string_view name, Command command, bool quiet,
                            uint8_t extras) {
  return {opcode, name, command, forwarded, Access::tenant, quiet,
          false,  true, extras,  false,     required,       none};
}
constexpr CommandRow here(uint8_t opcode, std::string_view name, Command command, Handling handling,
                          Access access, bool quiet = kLoud) {
  return {opcode, name, command, handling, access, quiet, false, false, 0, false, none, none};
}
constexpr CommandRow flushing(uint8_t opcode, std::string_view name, bool quiet) {
  return {opcode, name, flush, barrier, Access::tenant, quiet, false, true, 4, true, none, none};
}
constexpr CommandRow sasl(uint8_t opcode, std::string_view name, Command command) {
  return {opcode, name, command, barrier, Access::anyone, kLoud, false, false, 0, false, optional, optional};
}

constexpr std::array kRows{
    read(0x00, "GET", kLoud, false),
    store(0x01, "SET", set, kLoud, 8),
    store(0x02, "ADD", add, kLoud, 8),
    store(0x03, "REPLACE", replace, kLoud, 8),
    change(0x04, "DELETE", remove, kLoud, 0),
    change(0x05, "INCREMENT", increment, kLoud, 20),
    change(0x06, "DECREMENT", decrement, kLoud, 20),
    here(0x07, "QUIT", quit, barrier, Access::anyone),
    flushing(0x08, "FLUSH", kLoud),
    read(0x09, "GETQ", kQuiet, false),
    here(0x0a, "NOOP", noop, local, Access::anyone),
    here(0x0b, "VERSION", version, local, Access::anyone),
    read(0x0c, "GETK", kLoud, true),
    read(0x0d, "GETKQ", kQuiet, true),
    store(0x0e, "APPEND", append, kLoud, 0),
    store(0x0f, "PREPEND", prepend, kLoud, 0),
    CommandRow{0x10, "STAT", stat, barrier, Access::tenant, kLoud, false, false, 0, false, optional, none},
    store(0x11, "SETQ", set, kQuiet, 8),
    store(0x12, "ADDQ", add, kQuiet, 8),
    store(0x13, "REPLACEQ", replace, kQuiet, 8),
    change(0x14, "DELETEQ", remove, kQuiet, 0),
    change(0x15, "INCREMENTQ", increment, kQuiet, 20),
    change(0x16, "DECREMENTQ", decrement, kQuiet, 20),
    here(0x17, "QUITQ", quit, barrier, Access::anyone, kQuiet),
    flushing(0x18, "FLUSHQ", kQuiet),
    store(0x19, "APPENDQ", append, kQuiet, 0),
    store(0x1a, "PREPENDQ", prepend, kQuiet, 0),
    CommandRow{0x1b, "VERBOSITY", verbosity, local, Access::tenant, kLoud, false, false, 4, true, none, none},
    touching(0x1c, "TOUCH", touch, kLoud, false),
    touching(0x1d, "GAT", get_and_touch, kLoud, false),
    touching(0x1e, "GATQ", get_and_touch, kQuiet, false),
    here(0x20, "SASL_LIST", sasl_list, barrier, Access::anyone),
    sasl(0x21, "SASL_AUTH", sasl_auth),
    sasl(0x22, "SASL_STEP", sasl_step),
    touching(0x23, "GATK", get_and_touch, kLoud, true),
    touching(0x24, "GATKQ", get_and_touch, kQuiet, true),
};

constexpr std::array<CommandRow, 256> make_table() {
  std::array<CommandRow, 256> table{};
  for (size_t i = 0; i < table.size(); ++i) {
    table[i].opcode = static_cast<uint8_t>(i);
    table[i].name = "UNKNOWN";
  }
  for (const CommandRow& row : kRows) table[row.opcode] = row;
  return table;
}

constexpr std::array<CommandRow, 256> kTable = make_table();

}  // namespace

const CommandRow& binary_command(uint8_t opcode) { return kTable[opcode]; }

const std::array<CommandRow, 256>& binary_commands() { return kTable; }

}  // namespace mctenant::protocol
