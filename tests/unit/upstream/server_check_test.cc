#include "upstream/server_check.h"

#include <gtest/gtest.h>

#include "support/memcached_process.h"

namespace mctenant::upstream {
namespace {

using Outcome = ServerCheck::Outcome;

// Feeds the lines of an answer up to its END; false if one was no answer.
bool feed(ServerCheck& check, std::string_view answer) {
  while (!answer.empty()) {
    const size_t end = answer.find("\r\n");
    const auto outcome = check.take(answer.substr(0, end));
    if (!outcome) return false;
    if (*outcome == Outcome::finished) return true;
    answer.remove_prefix(end + 2);
  }
  return false;
}

bool names(const std::vector<std::string>& lines, std::string_view what) {
  for (const std::string& line : lines) {
    if (line.find(what) != std::string::npos) return true;
  }
  return false;
}

TEST(ServerCheck, AnOrdinaryServerHasNoFault) {
  const support::MemcachedProcess memcached;
  ServerCheck check;
  EXPECT_EQ(ServerCheck::kQuestions, "version\r\nstats settings\r\n");
  ASSERT_TRUE(feed(check, memcached.text("version\r\nstats settings")));
  EXPECT_TRUE(check.faults().empty());
  EXPECT_TRUE(check.warnings().empty());
  EXPECT_EQ(check.info().item_size_max, 2U << 20);
  EXPECT_EQ("VERSION " + check.info().version + "\r\n", memcached.text("version", "\r\n"));
}

TEST(ServerCheck, WhatAServerLacksNamesTheFlag) {
  const support::MemcachedProcess memcached({.flags = {"-C", "-X", "-o", "no_lru_crawler"}});
  ServerCheck check;
  ASSERT_TRUE(feed(check, memcached.text("version\r\nstats settings")));
  EXPECT_EQ(check.info().item_size_max, 1U << 20);
  ASSERT_EQ(check.faults().size(), 1U);
  EXPECT_TRUE(names(check.faults(), "-C"));
  EXPECT_EQ(check.warnings().size(), 2U);
  EXPECT_TRUE(names(check.warnings(), "-X"));
  EXPECT_TRUE(names(check.warnings(), "no_lru_crawler"));
}

TEST(ServerCheck, TheOldestVersionIsTaken) {
  for (const auto& [version, taken] : std::vector<std::pair<std::string, bool>>{{"1.6.13", true},
                                                                                {"1.6.18", true},
                                                                                {"1.6.13-rc1", true},
                                                                                {"1.6.40_7_gabcdef", true},
                                                                                {"1.7.0", true},
                                                                                {"2.0", true},
                                                                                {"10.0.0", true},
                                                                                {"1.6.12", false},
                                                                                {"1.6.9", false},
                                                                                {"1.5.22", false},
                                                                                {"1.6", false},
                                                                                {"", false},
                                                                                {"unknown", false}}) {
    ServerCheck check;
    ASSERT_TRUE(feed(check, "VERSION " + version + "\r\nSTAT item_size_max 1048576\r\nEND\r\n"));
    EXPECT_EQ(check.faults().empty(), taken) << version;
    if (!taken) {
      EXPECT_TRUE(names(check.faults(), "1.6.13")) << version;
    }
  }
}

TEST(ServerCheck, AServerThatDoesNotTellItsItemSizeIsFaulty) {
  for (const char* line :
       {"", "STAT item_size_max\r\n", "STAT item_size_max many\r\n", "STAT item_size_max 0\r\n"}) {
    ServerCheck check;
    ASSERT_TRUE(feed(check, std::string("VERSION 1.6.18\r\n") + line + "END\r\n"));
    EXPECT_TRUE(names(check.faults(), "item_size_max")) << line;
  }
}

TEST(ServerCheck, ItemsTooSmallForTheClientsAreWarnedOf) {
  const support::MemcachedProcess memcached({.flags = {"-I", "1m"}});
  ServerCheck check;
  ASSERT_TRUE(feed(check, memcached.text("version\r\nstats settings")));
  EXPECT_TRUE(names(check.warnings(1U << 20), "-I 2m"));
  EXPECT_TRUE(check.warnings((1U << 20) - 128).empty());
}

TEST(ServerCheck, AnythingElseIsNoMemcached) {
  for (const char* line : {"ERROR", "CLIENT_ERROR unauthenticated", "HTTP/1.1 400 Bad Request", "", "\x81",
                           "STATS", "-ERR unknown command 'version'"}) {
    ServerCheck check;
    EXPECT_FALSE(check.take(line).has_value()) << line;
  }
}

}  // namespace
}  // namespace mctenant::upstream
