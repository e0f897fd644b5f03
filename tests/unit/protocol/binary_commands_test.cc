#include "protocol/binary_commands.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace mctenant::protocol {
namespace {

// The commands of the binary protocol, written down a second time.
struct Expectation {
  Command command;
  uint8_t extras;
  bool quiet = false;
  bool returns_key = false;
};

const std::map<int, Expectation>& expectations() {
  static const std::map<int, Expectation> rows{
      {0x00, {Command::get, 0}},
      {0x01, {Command::set, 8}},
      {0x02, {Command::add, 8}},
      {0x03, {Command::replace, 8}},
      {0x04, {Command::remove, 0}},
      {0x05, {Command::increment, 20}},
      {0x06, {Command::decrement, 20}},
      {0x07, {Command::quit, 0}},
      {0x08, {Command::flush, 4}},
      {0x09, {Command::get, 0, true}},
      {0x0a, {Command::noop, 0}},
      {0x0b, {Command::version, 0}},
      {0x0c, {Command::get, 0, false, true}},
      {0x0d, {Command::get, 0, true, true}},
      {0x0e, {Command::append, 0}},
      {0x0f, {Command::prepend, 0}},
      {0x10, {Command::stat, 0}},
      {0x11, {Command::set, 8, true}},
      {0x12, {Command::add, 8, true}},
      {0x13, {Command::replace, 8, true}},
      {0x14, {Command::remove, 0, true}},
      {0x15, {Command::increment, 20, true}},
      {0x16, {Command::decrement, 20, true}},
      {0x17, {Command::quit, 0, true}},
      {0x18, {Command::flush, 4, true}},
      {0x19, {Command::append, 0, true}},
      {0x1a, {Command::prepend, 0, true}},
      {0x1b, {Command::verbosity, 4}},
      {0x1c, {Command::touch, 4}},
      {0x1d, {Command::get_and_touch, 4}},
      {0x1e, {Command::get_and_touch, 4, true}},
      {0x20, {Command::sasl_list, 0}},
      {0x21, {Command::sasl_auth, 0}},
      {0x22, {Command::sasl_step, 0}},
      {0x23, {Command::get_and_touch, 4, false, true}},
      {0x24, {Command::get_and_touch, 4, true, true}},
  };
  return rows;
}

TEST(BinaryCommands, EveryOpcodeIsTheCommandThatTheProtocolSays) {
  for (int opcode = 0; opcode < 256; ++opcode) {
    const CommandRow& row = binary_command(static_cast<uint8_t>(opcode));
    EXPECT_EQ(&row, &binary_commands()[static_cast<size_t>(opcode)]);
    EXPECT_EQ(row.opcode, opcode);
    const auto found = expectations().find(opcode);
    if (found == expectations().end()) {
      EXPECT_EQ(row.command, Command::unknown) << opcode;
      EXPECT_EQ(row.handling, Handling::refused) << opcode;
      continue;
    }
    const Expectation& expected = found->second;
    EXPECT_EQ(row.command, expected.command) << row.name;
    EXPECT_EQ(row.extras, expected.extras) << row.name;
    EXPECT_EQ(row.quiet, expected.quiet) << row.name;
    EXPECT_EQ(row.returns_key, expected.returns_key) << row.name;
    EXPECT_NE(row.handling, Handling::refused) << row.name;
  }
}

TEST(BinaryCommands, NamesAreDistinctAndSayWhatIsQuiet) {
  std::set<std::string_view> names;
  for (const auto& [opcode, expected] : expectations()) {
    const CommandRow& row = binary_command(static_cast<uint8_t>(opcode));
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.name.ends_with('Q'), row.quiet) << row.name;
  }
}

TEST(BinaryCommands, AQuietTwinDiffersInBeingQuietOnly) {
  std::map<std::string_view, const CommandRow*> by_name;
  for (const CommandRow& row : binary_commands()) by_name[row.name] = &row;
  size_t twins = 0;
  for (const CommandRow& row : binary_commands()) {
    if (!row.quiet) continue;
    const auto found = by_name.find(row.name.substr(0, row.name.size() - 1));
    ASSERT_NE(found, by_name.end()) << row.name;
    CommandRow loud = *found->second;
    EXPECT_FALSE(loud.quiet);
    EXPECT_EQ(loud.command, row.command);
    EXPECT_EQ(loud.handling, row.handling);
    EXPECT_EQ(loud.access, row.access);
    EXPECT_EQ(loud.returns_key, row.returns_key);
    EXPECT_EQ(loud.writes, row.writes);
    EXPECT_EQ(loud.extras, row.extras);
    EXPECT_EQ(loud.extras_optional, row.extras_optional);
    EXPECT_EQ(loud.key, row.key);
    EXPECT_EQ(loud.value, row.value);
    ++twins;
  }
  EXPECT_EQ(twins, 14U);
}

TEST(BinaryCommands, BeforeSignInOnlyWhatAnyoneMayDo) {
  std::set<std::string> anyone;
  for (const CommandRow& row : binary_commands()) {
    if (row.access == Access::anyone) anyone.emplace(row.name);
  }
  EXPECT_EQ(anyone, (std::set<std::string>{"QUIT", "QUITQ", "NOOP", "VERSION", "SASL_LIST", "SASL_AUTH",
                                           "SASL_STEP"}));
}

TEST(BinaryCommands, WhatIsForwardedHasAKeyAndIsATenants) {
  for (const CommandRow& row : binary_commands()) {
    if (row.handling != Handling::forwarded) continue;
    EXPECT_EQ(row.key, Presence::required) << row.name;
    EXPECT_EQ(row.access, Access::tenant) << row.name;
    EXPECT_EQ(row.writes, row.command != Command::get) << row.name;
  }
}

TEST(BinaryCommands, OnlyStoresAndSignInHaveAValue) {
  for (const CommandRow& row : binary_commands()) {
    const bool has = (row.command >= Command::set && row.command <= Command::prepend) ||
                     row.command == Command::sasl_auth || row.command == Command::sasl_step;
    EXPECT_EQ(row.value != Presence::none, has) << row.name;
  }
}

TEST(BinaryCommands, QuietReadsLeaveOutMissesAndOtherQuietCommandsSuccess) {
  for (const CommandRow& row : binary_commands()) {
    const bool read = row.command == Command::get || row.command == Command::get_and_touch;
    EXPECT_EQ(silent(row, Status::ok), row.quiet && !read) << row.name;
    EXPECT_EQ(silent(row, Status::not_found), row.quiet && read) << row.name;
    EXPECT_EQ(silent(row, Status::temporary_failure), row.quiet && read) << row.name;
    for (const Status status :
         {Status::exists, Status::too_large, Status::invalid, Status::not_stored, Status::non_numeric,
          Status::auth_error, Status::unknown_command, Status::out_of_memory}) {
      EXPECT_FALSE(silent(row, status)) << row.name;
    }
  }
}

TEST(Message, StatusesHaveTheNumbersAndWordsOfMemcached) {
  const std::map<Status, std::pair<int, std::string_view>> words{
      {Status::ok, {0, ""}},
      {Status::not_found, {1, "Not found"}},
      {Status::exists, {2, "Data exists for key."}},
      {Status::too_large, {3, "Too large."}},
      {Status::invalid, {4, "Invalid arguments"}},
      {Status::not_stored, {5, "Not stored."}},
      {Status::non_numeric, {6, "Non-numeric server-side value for incr or decr"}},
      {Status::auth_error, {0x20, "Auth failure."}},
      {Status::auth_continue, {0x21, ""}},
      {Status::unknown_command, {0x81, "Unknown command"}},
      {Status::out_of_memory, {0x82, "Out of memory"}},
      {Status::temporary_failure, {0x86, "Temporary failure"}},
  };
  for (const auto& [status, expected] : words) {
    EXPECT_EQ(static_cast<int>(status), expected.first);
    EXPECT_EQ(text_of(status), expected.second);
  }
}

}  // namespace
}  // namespace mctenant::protocol
