// What the operator is shown of tenants' memory, pools' promises and the bookkeeping behind them.

#include <map>

#include "integration/world.h"
#include "unit/admin/prometheus_text.h"

namespace mctenant::integration {
namespace {

using admin::PrometheusText;
using Labels = std::map<std::string, std::string>;

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

class LedgerFigures : public testing::Test {
 protected:
  static MctenantOptions with_memory(const std::string& memory) {
    return {.plan = R"("memory": ")" + memory + '"'};
  }

  [[nodiscard]] PrometheusText metrics() const {
    return admin::PrometheusParser::parse(world_.mctenant.metrics());
  }
  // By its name without "mctenant_"; -1 if it isn't there.
  [[nodiscard]] int64_t metric(const std::string& name, const Labels& labels = {}) const {
    const PrometheusText text = metrics();
    const auto family = text.families.find("mctenant_" + name);
    if (family == text.families.end() || !family->second.values.contains(labels)) return -1;
    return static_cast<int64_t>(family->second.values.at(labels));
  }
  [[nodiscard]] bool comes_to(const std::string& name, const Labels& labels, int64_t value) const {
    return wait_until([&] { return metric(name, labels) == value; }, 20s);
  }
  // A pool's figures are those of this moment, but servers are counted in their own time.
  [[nodiscard]] bool counted(int64_t crawls = 1) const {
    return wait_until(
        [&] {
          for (const MemcachedProcess* server : {&world_.first, &world_.second}) {
            if (metric("server_crawls_total", {{"server", server->address()}, {"result", "done"}}) < crawls ||
                metric("server_eviction_watch", {{"server", server->address()}}) != 1)
              return false;
          }
          return metric("resync_running") == 0;
        },
        20s);
  }
  static int64_t figure(BinaryClient& client, const std::string& name) {
    for (const auto& [found, value] : client.stats()) {
      if (found == name) return std::stoll(value);
    }
    ADD_FAILURE() << "no figure " << name;
    return -1;
  }
  void reload(const std::string& memory) const {
    MctenantOptions options = with_memory(memory);
    options.servers = {world_.first.address(), world_.second.address()};
    const MctenantProcess& mctenant = world_.mctenant;
    mctenant.folder().write("mctenant.json", configuration(options, mctenant.address(), mctenant.admin(),
                                                           mctenant.folder().file("state.db")));
  }
  // Of the log, those that hold this.
  [[nodiscard]] size_t lines(const std::string& text) {
    const std::string log = world_.mctenant.process().output();
    size_t count = 0;
    for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
    return count;
  }

  const Labels alice_{{"tenant", "alice"}};
  const Labels bob_{{"tenant", "bob"}};
  const Labels pool_{{"pool", "default"}};
  World world_{with_memory("4MiB"), {.flags = {"-I", "2m", "-m", "32"}}};
};

TEST_F(LedgerFigures, ATenantsMemoryIsShownAsTheServersCountIt) {
  BinaryClient alice = world_.mctenant.sign_in("alice");
  EXPECT_EQ(metric("tenant_quota_bytes", alice_), 4 * kMiB);
  EXPECT_EQ(metric("tenant_memory_bytes", alice_), 0);
  EXPECT_EQ(metric("tenant_items", alice_), 0);
  alice.store("a", std::string(1000, 'v'));
  alice.store("b", std::string(1000, 'v'), 7);
  EXPECT_EQ(metric("tenant_items", alice_), 2);
  EXPECT_EQ(metric("tenant_memory_bytes", alice_), figure(alice, "bytes"));
  const auto bytes_of = [](const MemcachedProcess& server) {
    const std::string stats = server.text("stats");
    return std::stoll(stats.substr(stats.find("STAT bytes ") + 11));
  };
  EXPECT_EQ(metric("tenant_memory_bytes", alice_), bytes_of(world_.first) + bytes_of(world_.second));
  EXPECT_GT(metric("tenant_ledger_bytes", alice_), 0);
  for (const char* name :
       {"tenant_items", "tenant_memory_bytes", "tenant_evictions_total", "tenant_server_evictions_total",
        "tenant_expired_total", "tenant_appends_by_ledger_total"}) {
    EXPECT_EQ(metric(name, bob_), 0) << name;
  }
  EXPECT_EQ(metric("tenant_quota_bytes", bob_), 4 * kMiB);
}

TEST_F(LedgerFigures, WhatHappensToATenantsItemsIsCounted) {
  BinaryClient alice = world_.mctenant.sign_in("alice");
  for (int i = 0; i < 60; ++i) alice.store("big" + std::to_string(i), std::string(100 * kKiB, 'v'));
  // What was evicted is counted when its server says that it's gone, which may be after the last store's
  // reply.
  EXPECT_TRUE(wait_until(
      [&] { return metric("tenant_items", alice_) + metric("tenant_evictions_total", alice_) == 60; }, 20s));
  EXPECT_TRUE(wait_until(
      [&] { return metric("tenant_evictions_total", alice_) == figure(alice, "evictions"); }, 20s));
  EXPECT_GE(metric("tenant_evictions_total", alice_), 20);
  EXPECT_LE(metric("tenant_memory_bytes", alice_), static_cast<int64_t>(4 * kMiB));
  EXPECT_EQ(metric("tenant_server_evictions_total", alice_), 0);
  alice.store("a", "1");
  EXPECT_EQ(alice.status_of(append("a", "2")), status::kOk);
  EXPECT_EQ(metric("tenant_appends_by_ledger_total", alice_), 1);
  EXPECT_EQ(alice.status_of(set("short", "v", 0, 3)), status::kOk);
  EXPECT_TRUE(comes_to("tenant_expired_total", alice_, 1));
}

TEST_F(LedgerFigures, AFlushLeavesDeletesThatAreDoneInTheBackground) {
  BinaryClient alice = world_.mctenant.sign_in("alice");
  for (int i = 0; i < 50; ++i) alice.store("a" + std::to_string(i), "v");
  EXPECT_EQ(metric("background_deletes_total"), 0);
  ASSERT_EQ(alice.status_of(simple(op::kFlush)), status::kOk);
  EXPECT_EQ(metric("tenant_items", alice_), 0) << "at once";
  EXPECT_TRUE(comes_to("background_deletes_total", {}, 50));
  EXPECT_TRUE(comes_to("background_deletes_pending", {}, 0));
  EXPECT_EQ(metric("background_deletes_dropped_total"), 0);
  EXPECT_TRUE(World::client_keys(world_.first, "a").empty());
  EXPECT_TRUE(World::client_keys(world_.second, "a").empty());
}

TEST_F(LedgerFigures, ALoweredQuotaIsShownWithWhatWasEvictedForIt) {
  BinaryClient alice = world_.mctenant.sign_in("alice");
  for (int i = 0; i < 100; ++i) alice.store("a" + std::to_string(i), std::string(10'000, 'v'));
  reload("512KiB");
  EXPECT_TRUE(comes_to("tenant_quota_bytes", alice_, 512 * kKiB));
  EXPECT_TRUE(wait_until([&] { return metric("tenant_memory_bytes", alice_) <= int64_t{512 * kKiB}; }, 20s));
  EXPECT_TRUE(wait_until(
      [&] { return metric("tenant_items", alice_) + metric("background_evictions_total") == 100; }, 20s));
  EXPECT_EQ(metric("background_evictions_total"), metric("tenant_evictions_total", alice_));
  EXPECT_TRUE(comes_to("pool_promised_bytes", pool_, 2 * 512 * kKiB));
}

TEST_F(LedgerFigures, CrawlsAreShownWithWhatTheyMet) {
  ASSERT_TRUE(counted());
  BinaryClient alice = world_.mctenant.sign_in("alice");
  for (int i = 0; i < 40; ++i) alice.store("a" + std::to_string(i), "v");
  const auto on_first = static_cast<int64_t>(World::client_keys(world_.first, "a").size());
  ASSERT_EQ(world_.first.text("set somebody%20else's 0 0 1\r\nv", "\r\n"), "STORED\r\n");
  EXPECT_EQ(world_.mctenant.process().stop(), 0);
  const auto before = std::time(nullptr);
  world_.mctenant.start();
  ASSERT_TRUE(counted());
  const Labels first{{"server", world_.first.address()}};
  const Labels second{{"server", world_.second.address()}};
  EXPECT_EQ(metric("server_crawl_items", first), on_first + 1);
  EXPECT_EQ(metric("server_crawl_foreign_items", first), 1);
  EXPECT_EQ(metric("server_crawl_items", second), 40 - on_first);
  EXPECT_EQ(metric("server_crawl_foreign_items", second), 0);
  EXPECT_GE(metric("server_crawl_finished_timestamp_seconds", first), before);
  EXPECT_EQ(metric("server_crawls_total", {{"server", world_.first.address()}, {"result", "failed"}}), 0);
  EXPECT_GE(metric("server_eviction_gaps_total", first), 1) << "before the watch there was none";
  EXPECT_GE(metric("ledger_probes_total"), 0);
  EXPECT_EQ(metric("tenant_items", alice_), 40);
  EXPECT_TRUE(world_.first.value("somebody%20else's").has_value());
}

TEST_F(LedgerFigures, PromisesStandBesideWhatServersCanHold) {
  EXPECT_EQ(metric("pool_promised_bytes", pool_), 2 * 4 * kMiB);
  EXPECT_EQ(metric("pool_unlimited_tenants", pool_), 0);
  EXPECT_EQ(metric("pool_usable_bytes", pool_), 2 * 32 * kMiB / 100 * 90);
  EXPECT_EQ(lines("oversold"), 0U);
}

TEST_F(LedgerFigures, APoolThatBecomesOversoldIsWarnedOfOnceWithItsNumbers) {
  ASSERT_EQ(lines("oversold"), 0U);
  reload("30MiB");
  const std::string warning =
      "warning pool default is oversold: its tenants are promised 60MiB, and its servers can hold ";
  EXPECT_TRUE(wait_until([&] { return lines(warning) == 1; }, 10s)) << world_.mctenant.process().output();
  EXPECT_EQ(lines("(64MiB less 10 % for slab overhead)"), 1U) << world_.mctenant.process().output();
  EXPECT_TRUE(comes_to("pool_promised_bytes", pool_, 60 * kMiB));
  reload("28MiB");
  EXPECT_TRUE(comes_to("pool_promised_bytes", pool_, 56 * kMiB));
  reload("29MiB");
  EXPECT_TRUE(wait_until([&] { return lines("promised 58MiB") == 1; }, 10s));
  EXPECT_EQ(lines("oversold"), 2U) << "what fits is not warned of";
}

TEST(LedgerFiguresOfNobody, TenantsWithoutAQuotaAreCountedAndPromisedNothing) {
  World world;
  const PrometheusText text = admin::PrometheusParser::parse(world.mctenant.metrics());
  EXPECT_EQ(text.value("mctenant_pool_unlimited_tenants", {{"pool", "default"}}), 2);
  EXPECT_EQ(text.value("mctenant_pool_promised_bytes", {{"pool", "default"}}), 0);
  EXPECT_EQ(text.value("mctenant_tenant_quota_bytes", {{"tenant", "alice"}}), 0);
}

TEST(Oversold, AtTheStartIsWarnedOfWithItsNumbers) {
  World world({.tenants = {{"alice", "a"}}, .plan = R"("memory": "64MiB")"}, {.flags = {"-m", "32"}});
  const auto warned = [&] {
    return world.mctenant.process().output().find(
               "warning pool default is oversold: its tenants are promised 64MiB, and its servers can "
               "hold ") != std::string::npos;
  };
  EXPECT_TRUE(wait_until(warned, 10s)) << world.mctenant.process().output();
}

}  // namespace
}  // namespace mctenant::integration
