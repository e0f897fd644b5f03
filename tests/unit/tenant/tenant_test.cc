#include "tenant/tenant.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace mctenant::tenant {
namespace {

TEST(Tenant, PrefixFollowsTheGeneration) {
  Tenant tenant("acme", 7, 3, "x7", 2);
  EXPECT_EQ(tenant.prefix(tenant.shard(0)), "x7.7.3:");
  tenant.set_generation(4);
  EXPECT_EQ(tenant.prefix(tenant.shard(0)), "x7.7.4:");
  EXPECT_EQ(tenant.prefix(tenant.shard(1)), "x7.7.4:");
}

TEST(Tenant, FirstPrefixOfGenerationZeroIsMade) {
  Tenant tenant("acme", 7, 0, "x7", 1);
  EXPECT_EQ(tenant.prefix(tenant.shard(0)), "x7.7.0:");
}

TEST(Tenant, PrefixIsMadeOnceAGeneration) {
  Tenant tenant("acme", 4'000'000'000, 1'000'000'000'000, "0123456789abcdef", 1);
  const std::string_view first = tenant.prefix(tenant.shard(0));
  EXPECT_EQ(static_cast<const void*>(first.data()), tenant.prefix(tenant.shard(0)).data());
}

TEST(Tenant, TotalsAreTheSumOverTheWorkers) {
  Tenant tenant("acme", 1, 0, "x7", 3);
  tenant.shard(0).counters.get_hits.add(2);
  tenant.shard(1).counters.get_hits.add(40);
  tenant.shard(2).counters.curr_connections.add(5);
  tenant.shard(2).counters.curr_connections.subtract(2);
  EXPECT_EQ(tenant.totals().get_hits, 42u);
  EXPECT_EQ(tenant.totals().curr_connections, 3u);
  EXPECT_EQ(tenant.totals().get_misses, 0u);
}

TEST(Tenant, ConnectionsStopAtTheLimit) {
  Tenant tenant("acme", 1, 0, "x7", 1);
  EXPECT_TRUE(tenant.take_connection(2));
  EXPECT_TRUE(tenant.take_connection(2));
  EXPECT_FALSE(tenant.take_connection(2));
  EXPECT_EQ(tenant.connections(), 2u);
  tenant.give_back_connection();
  EXPECT_TRUE(tenant.take_connection(2));
}

TEST(Tenant, LimitZeroIsNoLimitAndALoweredLimitTakesNothingAway) {
  Tenant tenant("acme", 1, 0, "x7", 1);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(tenant.take_connection(0));
  EXPECT_FALSE(tenant.take_connection(10));
  EXPECT_EQ(tenant.connections(), 100u);
}

TEST(Tenant, ThreadsNeverTakeMoreThanTheLimitTogether) {
  constexpr uint32_t kLimit = 1000;
  Tenant tenant("acme", 1, 0, "x7", 1);
  std::atomic<uint32_t> taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        if (tenant.take_connection(kLimit)) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kLimit);
  EXPECT_EQ(tenant.connections(), kLimit);
}

TEST(Tenant, WorkersReadTheGenerationWhileItMoves) {
  Tenant tenant("acme", 1, 0, "x7", 2);
  constexpr Generation kLast = 2000;
  std::vector<std::thread> workers;
  for (size_t worker = 0; worker < 2; ++worker) {
    workers.emplace_back([&tenant, worker] {
      Shard& shard = tenant.shard(worker);
      Generation before = 0;
      while (shard.generation < kLast) {
        const std::string prefix(tenant.prefix(shard));
        ASSERT_EQ(prefix, make_prefix("x7", 1, shard.generation));
        ASSERT_GE(shard.generation, before);
        before = shard.generation;
      }
    });
  }
  for (Generation next = 1; next <= kLast; ++next) tenant.set_generation(next);
  for (std::thread& worker : workers) worker.join();
}

}  // namespace
}  // namespace mctenant::tenant
