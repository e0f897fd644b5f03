// A tenant's memory: what it is told of it, what lies on the servers, and what happens when it is full.

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

struct Usage {
  uint64_t items = 0;
  uint64_t bytes = 0;
  bool operator==(const Usage&) const = default;
  Usage& operator+=(const Usage& other) {
    items += other.items;
    bytes += other.bytes;
    return *this;
  }
};

std::ostream& operator<<(std::ostream& out, const Usage& usage) {
  return out << usage.items << " items, " << usage.bytes << " bytes";
}

uint64_t figure(BinaryClient& client, const std::string& name) {
  for (const auto& [found, value] : client.stats()) {
    if (found == name) return std::stoull(value);
  }
  ADD_FAILURE() << "no figure " << name;
  return 0;
}

// What the tenant is told.
Usage told(BinaryClient& client) {
  const auto stats = client.stats();
  const std::map<std::string, std::string> figures(stats.begin(), stats.end());
  if (!figures.contains("curr_items") || !figures.contains("bytes")) return {~uint64_t{0}, ~uint64_t{0}};
  return {std::stoull(figures.at("curr_items")), std::stoull(figures.at("bytes"))};
}

int64_t number_after(std::string_view line, std::string_view name) {
  const size_t at = line.find(name);
  return at == std::string_view::npos ? 0 : std::stoll(std::string(line.substr(at + name.size(), 20)));
}

// What a server holds and has not expired, under client keys that begin so.
Usage held(const MemcachedProcess& server, const std::string& begin) {
  Usage usage;
  const std::string list = server.dump();
  const int64_t now = std::time(nullptr);
  for (size_t at = 0, end = 0; (end = list.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string_view line = std::string_view(list).substr(at, end - at);
    const size_t prefix_end = line.find("%3A");
    if (!line.starts_with("key=") || prefix_end == std::string_view::npos) continue;
    if (!line.substr(prefix_end + 3).starts_with(begin)) continue;
    const int64_t expiry = number_after(line, " exp=");
    if (expiry >= 0 && expiry <= now) continue;
    usage += {1, static_cast<uint64_t>(number_after(line, " size="))};
  }
  return usage;
}

Usage held(const World& world, const std::string& begin = "") {
  Usage usage = held(world.first, begin);
  usage += held(world.second, begin);
  return usage;
}

// Until the tenant is told what the servers hold, twice in a row.
testing::AssertionResult agree(const World& world, BinaryClient& client, const std::string& begin = "") {
  Usage by_tenant;
  Usage by_servers;
  int equal = 0;
  const auto look = [&] {
    by_servers = held(world, begin);
    by_tenant = told(client);
    equal = by_tenant == by_servers ? equal + 1 : 0;
    return equal == 2;
  };
  if (wait_until(look, 30s)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "told " << by_tenant << "; on the servers " << by_servers;
}

MctenantOptions with_memory(const std::string& memory) { return {.plan = R"("memory": ")" + memory + '"'}; }

std::string name(const std::string& begin, size_t number) { return begin + std::to_string(number); }

// Sizes from 1 byte to `most`, the same in every run.
std::string random_value(std::mt19937& random, size_t most) {
  return std::string(std::uniform_int_distribution<size_t>(1, most)(random), 'v');
}

class Quota : public testing::Test {
 protected:
  explicit Quota(const std::string& memory = "4MiB", const MemcachedProcess::Options& servers = {})
      : world_(with_memory(memory), servers), alice_(world_.mctenant.sign_in("alice")) {}

  void store_many(BinaryClient& client, const std::string& begin, size_t count, size_t size) {
    const std::string value(size, 'v');
    for (size_t i = 0; i < count; i += 100) {
      std::vector<Packet> stores;
      for (size_t j = i; j < std::min(i + 100, count); ++j)
        stores.push_back(set(name(begin, j), value).with_opcode(op::kSetQ));
      EXPECT_TRUE(client.call_all(stores).empty()) << "a store failed";
    }
  }
  size_t present(BinaryClient& client, const std::string& begin, size_t first, size_t count) {
    size_t found = 0;
    for (size_t i = first; i < first + count; ++i) found += client.fetch(name(begin, i)).has_value() ? 1 : 0;
    return found;
  }

  World world_;
  BinaryClient alice_;
};

TEST_F(Quota, IsTheLimitThatTheTenantIsTold) { EXPECT_EQ(figure(alice_, "limit_maxbytes"), 4 * kMiB); }

TEST_F(Quota, EveryKindOfChangeIsCountedAsTheServersCount) {
  alice_.store("plain", std::string(100, 'v'));
  EXPECT_TRUE(agree(world_, alice_));
  alice_.store("flags", std::string(100, 'v'), 7);
  alice_.store(std::string(1000, 'k'), "long key");
  alice_.store("with space", "v");
  EXPECT_TRUE(agree(world_, alice_));
  alice_.store("plain", "shorter");
  EXPECT_EQ(alice_.status_of(append("plain", " and longer")), status::kOk);
  EXPECT_EQ(alice_.status_of(append("plain", "before ").with_opcode(op::kPrepend)), status::kOk);
  EXPECT_EQ(alice_.status_of(set("flags", "replaced").with_opcode(op::kReplace)), status::kOk);
  EXPECT_TRUE(agree(world_, alice_));
  alice_.store("number", "9");
  EXPECT_EQ(alice_.status_of(increment("number", 123456789)), status::kOk);
  EXPECT_EQ(alice_.status_of(increment("made", 1, 17, 0)), status::kOk);
  EXPECT_EQ(alice_.status_of(decrement("number", 5)), status::kOk);
  EXPECT_TRUE(agree(world_, alice_));
  EXPECT_EQ(told(alice_).items, 6u);
  EXPECT_EQ(alice_.status_of(keyed(op::kDelete, "plain")), status::kOk);
  EXPECT_EQ(alice_.status_of(keyed(op::kDelete, "plain")), status::kNotFound);
  EXPECT_EQ(told(alice_).items, 5u);
  EXPECT_TRUE(agree(world_, alice_));
}

TEST_F(Quota, QuietStoresAreCountedWhenTheyAreDone) {
  alice_.call_all({set("a", "1").with_opcode(op::kSetQ), set("b", "1").with_opcode(op::kAddQ),
                   set("a", "12").with_opcode(op::kReplaceQ), append("a", "3").with_opcode(op::kAppendQ),
                   keyed(op::kDeleteQ, "b"), increment("c", 1, 1, 0).with_opcode(op::kIncrementQ)});
  EXPECT_EQ(told(alice_).items, 2u);
  EXPECT_TRUE(agree(world_, alice_));
}

TEST_F(Quota, AStoreIntoAFullTenantSucceedsAndItsTotalStaysWithin) {
  std::mt19937 random(1);
  const size_t largest = 100 * kKiB;
  const uint64_t most = 4 * kMiB + 4 * kMiB / 100 + largest + 400;
  uint64_t stored = 0;
  std::string last;
  for (size_t i = 0; i < 500; ++i) {
    last = random_value(random, largest);
    stored += last.size();
    ASSERT_EQ(alice_.status_of(set(name("a", i), last)), status::kOk) << "store " << i;
    ASSERT_LE(told(alice_).bytes, most) << "behind store " << i;
    if (i % 50 == 49) {
      EXPECT_LE(held(world_).bytes, most) << "behind store " << i;
    }
  }
  ASSERT_GT(stored, 4 * most);
  EXPECT_EQ(alice_.fetch("a499"), last);
  EXPECT_GT(figure(alice_, "evictions"), 100u);
  EXPECT_TRUE(agree(world_, alice_));
  EXPECT_GE(told(alice_).bytes, 4 * kMiB * 9 / 10) << "the tenant has the memory that it pays for";
  EXPECT_LE(told(alice_).bytes, 4 * kMiB);
}

TEST_F(Quota, TheColdestGoFirst) {
  store_many(alice_, "hot", 500, 1000);
  EXPECT_EQ(present(alice_, "hot", 0, 500), 500u);
  store_many(alice_, "cold", 5000, 1000);
  EXPECT_EQ(present(alice_, "hot", 0, 500), 500u) << "read once, before items that never were";
  EXPECT_LT(present(alice_, "cold", 0, 1000), 100u);
  EXPECT_GT(figure(alice_, "evictions"), 1500u);
}

TEST_F(Quota, ANeighbourLosesNothing) {
  BinaryClient bob = world_.mctenant.sign_in("bob");
  store_many(bob, "b", 2000, 1000);
  const Usage before = told(bob);
  store_many(alice_, "a", 3000, 10'000);
  EXPECT_GT(figure(alice_, "evictions"), 2000u);
  EXPECT_EQ(told(bob), before);
  EXPECT_EQ(figure(bob, "evictions"), 0u);
  EXPECT_EQ(present(bob, "b", 0, 2000), 2000u);
  EXPECT_TRUE(agree(world_, alice_, "a"));
  EXPECT_TRUE(agree(world_, bob, "b"));
}

TEST_F(Quota, ExpiryLeavesTheTotalsWithoutBeingRead) {
  for (size_t i = 0; i < 10; ++i) {
    ASSERT_EQ(alice_.status_of(set(name("short", i), "v", 0, 2)), status::kOk);
    ASSERT_EQ(alice_.status_of(set(name("lasting", i), "v")), status::kOk);
    ASSERT_EQ(alice_.status_of(set(name("soon", i), "v", 0, static_cast<uint32_t>(std::time(nullptr) + 3))),
              status::kOk);
  }
  ASSERT_EQ(alice_.status_of(touch("short0", 1000)), status::kOk);
  ASSERT_EQ(alice_.status_of(get_and_touch("short1", 0)), status::kOk);
  ASSERT_EQ(alice_.status_of(touch("lasting0", 1)), status::kOk);
  ASSERT_EQ(alice_.status_of(set("past", "v", 0, static_cast<uint32_t>(std::time(nullptr) - 10))),
            status::kOk);
  EXPECT_TRUE(wait_until([&] { return told(alice_).items == 11; }, 10s)) << told(alice_);
  EXPECT_TRUE(agree(world_, alice_));
  EXPECT_EQ(alice_.fetch("short0"), "v");
  EXPECT_EQ(alice_.fetch("lasting0"), std::nullopt);
}

TEST_F(Quota, AFlushFreesTheMemoryOfItsTenantAlone) {
  BinaryClient bob = world_.mctenant.sign_in("bob");
  store_many(alice_, "a", 1000, 1000);
  store_many(bob, "b", 1000, 1000);
  ASSERT_EQ(alice_.status_of(simple(op::kFlush)), status::kOk);
  EXPECT_EQ(told(alice_), Usage{}) << "at once";
  alice_.store("after", "v");
  EXPECT_EQ(told(alice_).items, 1u);
  EXPECT_TRUE(wait_until([&] { return held(world_, "a").items == 1; }, 30s)) << held(world_, "a");
  EXPECT_EQ(alice_.fetch("after"), "v");
  EXPECT_EQ(present(bob, "b", 0, 1000), 1000u);
  EXPECT_TRUE(agree(world_, bob, "b"));
}

TEST_F(Quota, ARestartOfMctenantKeepsItemsAndAccounting) {
  store_many(alice_, "a", 3000, 1000);
  ASSERT_EQ(alice_.status_of(set("expires", "v", 7, 1000)), status::kOk);
  const Usage before = held(world_);
  ASSERT_EQ(before.items, 3001u);
  world_.mctenant.process().kill();
  world_.mctenant.start();
  alice_ = world_.mctenant.sign_in("alice");
  EXPECT_EQ(present(alice_, "a", 0, 3000), 3000u);
  EXPECT_TRUE(wait_until([&] { return told(alice_) == before; }, 20s)) << told(alice_);
  store_many(alice_, "more", 3000, 1000);
  EXPECT_TRUE(wait_until([&] { return held(world_).bytes <= 4 * kMiB; }, 20s)) << held(world_);
  EXPECT_TRUE(agree(world_, alice_)) << "what was found counts against the quota";
}

TEST_F(Quota, ARestartOfAServerTakesItsItemsOutOfTheTotals) {
  store_many(alice_, "a", 2000, 1000);
  const Usage on_second = held(world_.second, "a");
  ASSERT_GT(on_second.items, 100u);
  ASSERT_LT(on_second.items, 1900u);
  world_.first.kill();
  world_.first.start();
  EXPECT_TRUE(wait_until([&] { return told(alice_) == on_second; }, 20s)) << told(alice_);
  EXPECT_TRUE(wait_until([&] { return alice_.status_of(set("a0", "v")) == status::kOk; }, 10s));
  EXPECT_TRUE(agree(world_, alice_));
}

TEST_F(Quota, ALowerOneEvictsDownWhileTheConnectionStays) {
  store_many(alice_, "a", 3000, 1000);
  EXPECT_EQ(present(alice_, "a", 0, 300), 300u);
  MctenantOptions lower = with_memory("2MiB");
  lower.servers = {world_.first.address(), world_.second.address()};
  MctenantProcess& mctenant = world_.mctenant;
  mctenant.folder().write("mctenant.json", configuration(lower, mctenant.address(), mctenant.admin(),
                                                         mctenant.folder().file("state.db")));
  EXPECT_TRUE(wait_until([&] { return figure(alice_, "limit_maxbytes") == 2 * kMiB; }, 10s));
  EXPECT_TRUE(wait_until([&] { return told(alice_).bytes <= 2 * kMiB; }, 20s)) << told(alice_);
  EXPECT_TRUE(agree(world_, alice_));
  EXPECT_EQ(present(alice_, "a", 0, 300), 300u) << "those that were read";
  EXPECT_GE(told(alice_).bytes, 2 * kMiB * 9 / 10) << "no more than needed";
}

class SmallQuota : public Quota {
 protected:
  SmallQuota() : Quota("64KiB") {}
};

TEST_F(SmallQuota, AnItemLargerThanAllOfItIsRefused) {
  alice_.store("other", "v");
  EXPECT_EQ(alice_.status_of(set("a", std::string(64 * kKiB, 'v'))), status::kTooLarge);
  EXPECT_EQ(alice_.status_of(set("a", std::string(64 * kKiB, 'v')).with_opcode(op::kAdd)), status::kTooLarge);
  EXPECT_EQ(alice_.fetch("a"), std::nullopt);
  EXPECT_EQ(alice_.fetch("other"), "v") << "nothing was evicted for it";
  EXPECT_EQ(alice_.status_of(set("a", std::string(60 * kKiB, 'v'))), status::kOk);
  EXPECT_TRUE(agree(world_, alice_));
}

class SmallServers : public Quota {
 protected:
  SmallServers() : Quota("64MiB", {.flags = {"-I", "2m", "-m", "8"}}) {}
};

TEST_F(SmallServers, WhatTheyEvictLeavesTheTotalsAndIsToldApart) {
  store_many(alice_, "a", 6000, 8000);
  EXPECT_TRUE(agree(world_, alice_));
  EXPECT_LT(told(alice_).items, 4000u);
  EXPECT_TRUE(wait_until([&] { return figure(alice_, "server_evictions") > 2000; }, 10s));
  EXPECT_EQ(figure(alice_, "evictions"), 0u) << "the quota was never reached";
}

// One connection's part of a mixed load: all connections share the keys.
void mixed_load(BinaryClient& client, const std::string& begin, unsigned seed, size_t rounds) {
  std::mt19937 random(seed);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (size_t i = 0; i < rounds; ++i) {
    std::vector<Packet> batch;
    for (int j = 0; j < 8; ++j) {
      const std::string key = name(begin, below(3) == 0 ? below(8) : below(2000));
      const std::string value(1 + below(2000), 'v');
      const uint32_t expiry = below(4) == 0 ? 1 + below(2) : 0;
      const Packet kinds[] = {set(key, value, below(2), expiry),
                              set(key, value, 0, expiry).with_opcode(op::kSetQ),
                              set(key, value, 1, expiry).with_opcode(op::kAdd),
                              set(key, value, 1, expiry).with_opcode(op::kReplace),
                              append(key, std::string(below(50), 'w')),
                              append(key, "w").with_opcode(op::kPrependQ),
                              set(key, std::to_string(below(1000))),
                              increment(key, random(), 9, expiry),
                              decrement(key, below(100)),
                              touch(key, 1 + below(3)),
                              get_and_touch(key, 0),
                              get(key),
                              keyed(op::kDelete, key),
                              keyed(op::kDeleteQ, key)};
      batch.push_back(kinds[below(std::size(kinds))]);
    }
    client.call_all(batch, 20s);
  }
}

TEST(ConcurrentQuota, TheLedgerIsWhatTheServersHoldAfterAMixedLoadOfTwoWorkers) {
  World world(with_memory("512KiB"));
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const bool bobs = t % 2 == 1;
      BinaryClient client = world.mctenant.sign_in(bobs ? "bob" : "alice");
      mixed_load(client, bobs ? "b" : "a", t, 400);
    });
  }
  for (std::thread& thread : threads) thread.join();
  BinaryClient alice = world.mctenant.sign_in("alice");
  BinaryClient bob = world.mctenant.sign_in("bob");
  EXPECT_GT(figure(alice, "evictions"), 0u);
  EXPECT_TRUE(agree(world, alice, "a"));
  EXPECT_TRUE(agree(world, bob, "b"));
  EXPECT_LE(told(alice).bytes, 512 * kKiB);
  EXPECT_LE(told(bob).bytes, 512 * kKiB);
}

TEST(ConcurrentQuota, FlushesBesideStoresLeaveTheLedgerRight) {
  World world(with_memory("1MiB"));
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      BinaryClient client = world.mctenant.sign_in("alice");
      while (!done) mixed_load(client, "a", t, 10);
    });
  }
  BinaryClient alice = world.mctenant.sign_in("alice");
  for (size_t i = 0; i < 20; ++i) {
    const uint64_t stored = figure(alice, "cmd_set");
    EXPECT_TRUE(wait_until([&] { return figure(alice, "cmd_set") > stored + 100; }, 20s));
    EXPECT_EQ(alice.status_of(simple(op::kFlush)), status::kOk);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(agree(world, alice)) << "nothing of a generation that was flushed is left, nor counted";
}

TEST(ConcurrentQuota, ACrawlBesideTrafficEndsWithWhatTheServersHold) {
  World world(with_memory("2MiB"));
  {
    BinaryClient alice = world.mctenant.sign_in("alice");
    mixed_load(alice, "a", 99, 300);
  }
  world.mctenant.process().kill();
  world.mctenant.start();
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      BinaryClient client = world.mctenant.sign_in("alice");
      mixed_load(client, "a", t, 150);
    });
  }
  world.first.kill();
  world.first.start();
  for (std::thread& thread : threads) thread.join();
  BinaryClient alice = world.mctenant.sign_in("alice");
  EXPECT_TRUE(agree(world, alice));
}

}  // namespace
}  // namespace mctenant::integration
