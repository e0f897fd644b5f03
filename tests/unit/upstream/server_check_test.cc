#include "upstream/server_check.h"

#include <gtest/gtest.h>

#include <string>

#include "support/memcached_process.h"

namespace mctenant::upstream {
namespace {

using Outcome = ServerCheck::Outcome;

// Feeds the lines of an answer up to its second END; false if one was no answer.
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

// What a real one answers.
std::string answer_of(const support::MemcachedProcess& memcached) {
  return memcached.text("version\r\nstats") + memcached.text("stats settings");
}

constexpr const char* kStats = "STAT pid 7\r\nSTAT uptime 30\r\nSTAT time 1795563839\r\nEND\r\n";

bool names(const std::vector<std::string>& lines, std::string_view what) {
  for (const std::string& line : lines) {
    if (line.find(what) != std::string::npos) return true;
  }
  return false;
}

TEST(ServerCheck, AnOrdinaryServerHasNoFault) {
  const support::MemcachedProcess memcached;
  ServerCheck check;
  EXPECT_EQ(ServerCheck::kQuestions, "version\r\nstats\r\nstats settings\r\n");
  ASSERT_TRUE(feed(check, answer_of(memcached)));
  EXPECT_TRUE(check.faults().empty());
  EXPECT_TRUE(check.warnings().empty());
  EXPECT_EQ(check.info().item_size_max, 2U << 20);
  EXPECT_EQ("VERSION " + check.info().version + "\r\n", memcached.text("version", "\r\n"));
}

TEST(ServerCheck, WhatAServerLacksNamesTheFlag) {
  const support::MemcachedProcess memcached({.flags = {"-C", "-X", "-o", "no_lru_crawler"}});
  ServerCheck check;
  ASSERT_TRUE(feed(check, answer_of(memcached)));
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
    ASSERT_TRUE(
        feed(check, "VERSION " + version + "\r\n" + kStats + "STAT item_size_max 1048576\r\nEND\r\n"));
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
    ASSERT_TRUE(feed(check, std::string("VERSION 1.6.18\r\n") + kStats + line + "END\r\n"));
    EXPECT_TRUE(names(check.faults(), "item_size_max")) << line;
  }
}

TEST(ServerCheck, TellsWhichProcessItIs) {
  ServerCheck check;
  ASSERT_TRUE(feed(check, std::string("VERSION 1.6.18\r\n") + "STAT limit_maxbytes 67108864\r\n" + kStats +
                              "STAT item_size_max 9\r\nEND\r\n"));
  EXPECT_EQ(check.info().pid, 7);
  EXPECT_EQ(check.info().started, 1795563809);
  EXPECT_EQ(check.info().limit_maxbytes, 64U << 20);
  EXPECT_TRUE(check.faults().empty());
}

TEST(ServerCheck, ARealOneIsTheSameProcessUntilItRestarts) {
  support::MemcachedProcess memcached({.flags = {"-m", "100"}});
  ServerCheck first;
  ASSERT_TRUE(feed(first, answer_of(memcached)));
  ServerCheck second;
  ASSERT_TRUE(feed(second, answer_of(memcached)));
  EXPECT_EQ(first.info().pid, second.info().pid);
  EXPECT_EQ(first.info().started, second.info().started);
  EXPECT_EQ(first.info().limit_maxbytes, 100U << 20);
  memcached.kill();
  memcached.start();
  ServerCheck third;
  ASSERT_TRUE(feed(third, answer_of(memcached)));
  EXPECT_NE(first.info().pid, third.info().pid);
}

TEST(ServerCheck, CountsWhatWatchersAreNotToldOf) {
  const auto untold = [](const std::string& line) {
    ServerCheck check;
    EXPECT_TRUE(feed(check, "VERSION 1.6.18\r\n" + line + kStats + "STAT item_size_max 9\r\nEND\r\n"));
    return check.info().untold;
  };
  EXPECT_EQ(untold(""), 0U);
  EXPECT_EQ(untold("STAT evictions 7\r\nSTAT log_watcher_skipped 7\r\n"), 0U);
  for (const std::string name :
       {"log_worker_dropped", "slab_reassign_evictions_nomem", "slab_reassign_busy_deletes", "cmd_flush"}) {
    EXPECT_EQ(untold("STAT " + name + " 7\r\n"), 7U) << name;
    const support::MemcachedProcess memcached;
    EXPECT_NE(memcached.text("stats").find("STAT " + name + " "), std::string::npos) << name;
  }
}

TEST(ServerCheck, AServerThatDoesNotTellItsProcessIsFaulty) {
  for (const char* stats : {"", "STAT uptime 30\r\nSTAT time 1795563839\r\n",
                            "STAT pid 7\r\nSTAT uptime 30\r\n", "STAT pid 7\r\nSTAT time 1795563839\r\n",
                            "STAT pid x\r\nSTAT uptime 30\r\nSTAT time 1795563839\r\n"}) {
    ServerCheck check;
    ASSERT_TRUE(feed(
        check, std::string("VERSION 1.6.18\r\n") + stats + "END\r\nSTAT item_size_max 1048576\r\nEND\r\n"));
    EXPECT_TRUE(names(check.faults(), "pid")) << stats;
  }
}

TEST(ServerCheck, ItemsTooSmallForTheClientsAreWarnedOf) {
  const support::MemcachedProcess memcached({.flags = {"-I", "1m"}});
  ServerCheck check;
  ASSERT_TRUE(feed(check, answer_of(memcached)));
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
