#include "protocol/text_commands.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace mctenant::protocol {
namespace {

TEST(TextCommands, EveryVerbIsFoundByItsNameAlone) {
  std::set<std::string_view> names;
  for (const TextVerb& verb : text_verbs()) {
    EXPECT_TRUE(names.insert(verb.name).second) << verb.name;
    EXPECT_EQ(find_text_verb(verb.name), &verb);
    EXPECT_EQ(find_text_verb(std::string(verb.name) + "x"), nullptr);
  }
  EXPECT_EQ(find_text_verb(""), nullptr);
  EXPECT_EQ(find_text_verb("GET"), nullptr);
  for (const char* name :
       {"get",  "gets", "gat",  "gats",   "set",   "add",       "replace", "append",  "prepend",
        "cas",  "incr", "decr", "delete", "touch", "flush_all", "stats",   "version", "verbosity",
        "quit", "mg",   "ms",   "md",     "ma",    "mn",        "me"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(TextCommands, WhatIsForTheOperatorIsRefused) {
  size_t refused = 0;
  for (const TextVerb& verb : text_verbs()) {
    if (verb.form != Form::administrative) continue;
    ++refused;
    EXPECT_EQ(verb.loud.handling, Handling::refused) << verb.name;
  }
  EXPECT_EQ(refused, 10U);
}

TEST(TextCommands, WhatChangesItemsWrites) {
  const std::set<Command> reads{Command::get,     Command::meta_get, Command::describe,  Command::noop,
                                Command::version, Command::stat,     Command::verbosity, Command::quit};
  for (const TextVerb& verb : text_verbs()) {
    if (verb.loud.handling == Handling::refused) continue;  // or of the meta protocol
    EXPECT_EQ(verb.loud.writes, !reads.contains(verb.loud.command)) << verb.name;
    EXPECT_EQ(verb.quiet.writes, verb.loud.writes) << verb.name;
    EXPECT_EQ(verb.quiet.command, verb.loud.command) << verb.name;
    EXPECT_EQ(verb.loud.access, Access::tenant) << verb.name;
    EXPECT_FALSE(verb.loud.quiet) << verb.name;
  }
  for (const Command command : {Command::meta_get, Command::meta_get_and_touch, Command::set, Command::add,
                                Command::replace, Command::append, Command::prepend, Command::remove,
                                Command::increment, Command::decrement, Command::describe}) {
    for (const bool quiet : {false, true}) {
      const CommandRow& row = meta_row(command, quiet);
      EXPECT_EQ(row.command, command);
      EXPECT_EQ(row.quiet, quiet);
      EXPECT_EQ(row.handling, Handling::forwarded);
      EXPECT_EQ(row.dialect, Dialect::meta);
      EXPECT_EQ(row.writes, !reads.contains(command)) << row.name;
    }
  }
}

// memcached drops what a set would have replaced, and with ms whatever the mode.
TEST(TextCommands, WhatIsTooLargeTakesTheOldValueWithItWhereMemcachedDoesSo) {
  for (const TextVerb& verb : text_verbs()) EXPECT_EQ(verb.loud.drops_old, verb.name == "set") << verb.name;
  for (const Command command :
       {Command::set, Command::add, Command::replace, Command::append, Command::prepend}) {
    EXPECT_TRUE(meta_row(command, false).drops_old);
  }
  EXPECT_FALSE(meta_row(Command::remove, false).drops_old);
}

TEST(TextCommands, OnlyASignInIsForAnyone) {
  EXPECT_EQ(text_sign_in_row().access, Access::anyone);
  EXPECT_EQ(text_sign_in_row().handling, Handling::barrier);
  EXPECT_EQ(refused_text_row(false).access, Access::tenant);
}

}  // namespace
}  // namespace mctenant::protocol
