// What `stats` tells a tenant of its memory.

#include "unit/session/quota_fixture.h"

namespace mctenant::session {
namespace {

using StatsTest = QuotaTest;

TEST_F(StatsTest, StatsTellTheTenantsOwnMemoryToTheByte) {
  auto lines = stats();
  EXPECT_EQ(lines.at("limit_maxbytes"), "1000");
  EXPECT_EQ(lines.at("bytes"), "0");
  EXPECT_EQ(lines.at("curr_items"), "0");
  store('a', 11);
  lines = stats();
  EXPECT_EQ(lines.at("bytes"), "1000");
  EXPECT_EQ(lines.at("curr_items"), "10");
  EXPECT_EQ(lines.at("total_items"), "11");
  EXPECT_EQ(lines.at("evictions"), "1");
  EXPECT_EQ(lines.at("server_evictions"), "0");
  EXPECT_EQ(lines.at("curr_connections"), "1");
  EXPECT_EQ(lines.at("max_connections"), "16000");
  EXPECT_EQ(lines.at("time"), std::to_string(h.context().accounting->now()));
  h.clock().advance(std::chrono::seconds(90));
  EXPECT_EQ(stats().at("uptime"), "90");
}

TEST_F(StatsTest, StatsSettingsAreTheTenantsOwn) {
  auto lines = stats("settings");
  EXPECT_EQ(lines.at("maxbytes"), "1000");
  EXPECT_EQ(lines.at("maxconns"), "16000") << "of all";
  EXPECT_EQ(lines.at("item_size_max"), "1048576");
  EXPECT_EQ(lines.at("num_threads"), "1");
  auto entries = h.context().directory().entries();
  entries[0].plan.memory = 2000;
  entries[0].plan.max_connections = 7;
  h.set_directory(std::move(entries));
  lines = stats("settings");
  EXPECT_EQ(lines.at("maxbytes"), "2000");
  EXPECT_EQ(lines.at("maxconns"), "7");
}

TEST_F(StatsTest, StatsItemsAreOfOneClass) {
  store('a', 12);
  const auto lines = stats("items");
  EXPECT_EQ(lines.at("items:1:number"), "10");
  EXPECT_EQ(lines.at("items:1:mem_requested"), "1000");
  EXPECT_EQ(lines.at("items:1:evicted"), "2");
  EXPECT_EQ(lines.at("items:1:reclaimed"), "0");
}

TEST_F(StatsTest, StatsResetForgetsCountsAndNotWhatIsThere) {
  store('a', 12);
  h.send(support::keyed(op::kStat, "reset").with_opaque(5));
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].status, status::kOk);
  EXPECT_EQ(replies[0].opaque, 5U);
  EXPECT_EQ(replies[0].key + replies[0].value, "");
  auto lines = stats();
  for (const char* name :
       {"cmd_set", "total_items", "evictions", "total_connections", "auth_cmds", "bytes_read"})
    EXPECT_LT(std::stoull(lines.at(name)), 200U) << name;
  EXPECT_EQ(lines.at("cmd_set"), "0");
  EXPECT_EQ(lines.at("evictions"), "0");
  EXPECT_EQ(lines.at("total_items"), "0");
  EXPECT_EQ(lines.at("bytes"), "1000");
  EXPECT_EQ(lines.at("curr_items"), "10");
  EXPECT_EQ(lines.at("curr_connections"), "1");
  EXPECT_EQ(stats("items").at("items:1:evicted"), "0");
  EXPECT_EQ(h.tenant().totals().evictions, 2U) << "the operator's stay";
  store('b', 1);
  EXPECT_EQ(stats().at("cmd_set"), "1");
}

TEST_F(StatsTest, AnUnknownGroupOfStatsIsNotFound) {
  for (const char* group : {"slabs", "sizes", "conns", "Items", "settings ", "detail on"}) {
    h.send(support::keyed(op::kStat, group));
    EXPECT_EQ(h.take_status(), status::kNotFound) << group;
  }
}

}  // namespace
}  // namespace mctenant::session
