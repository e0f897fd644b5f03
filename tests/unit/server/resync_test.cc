#include "server/resync.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "quota/item_limit.h"
#include "unit/server/backroom.h"

namespace mctenant::server {
namespace {

using support::MemcachedProcess;

uint64_t size_of(std::string_view server_key, size_t value, uint32_t flags = 0) {
  return quota::item_bytes(server_key.size(), value, flags);
}

void store_many(const MemcachedProcess& server, int items) {
  support::Connection connection(server.address());
  std::string stores;
  for (int i = 0; i < items; ++i) stores += "ms x7.1.5:k" + std::to_string(i) + " 1 q\r\nv\r\n";
  connection.send(stores + "mn\r\n");
  ASSERT_EQ(connection.read_until("MN\r\n"), "MN\r\n");
}

TEST(Resync, CountsWhatAServerHoldsToTheByte) {
  const MemcachedProcess server;
  store(server, "x7.1.5:a", std::string(1000, 'v'));
  store(server, "x7.1.5:b", "v", " F7");
  store(server, "x7.1.5:c", "v", " T1000");
  store(server, "x7.1.5:" + std::string(243, 'k'), "v");
  store(server, "x7.1.5:\xc3\xbc%20+", "v");
  Backroom room({server.address()});
  ASSERT_TRUE(room.settle());
  EXPECT_EQ(room.ledger().usage().items, 5U);
  EXPECT_EQ(room.ledger().usage().bytes, stat(server, "bytes"));
  EXPECT_TRUE(room.knows("\xc3\xbc%20+"));
  EXPECT_EQ(room.resync(0).figures().items.get(), 5U);
  EXPECT_EQ(room.resync(0).figures().foreign.get(), 0U);
  EXPECT_EQ(room.resync(0).figures().removed.get(), 0U);
  EXPECT_EQ(room.state(0).limit_maxbytes(), stat(server, "limit_maxbytes"));
  EXPECT_FALSE(room.state(0).crawling());
  // The expiry, too.
  const auto now = static_cast<uint32_t>(std::time(nullptr));
  while (!room.ledger().expire(now + 990, 1000)) {
  }
  EXPECT_TRUE(room.knows("c"));
  while (!room.ledger().expire(now + 1001, 1000)) {
  }
  EXPECT_FALSE(room.knows("c"));
  EXPECT_EQ(room.ledger().usage().items, 4U);
}

TEST(Resync, AnEmptyServerIsCountedAtOnce) {
  const MemcachedProcess server;
  Backroom room({server.address()});
  ASSERT_TRUE(room.settle());
  EXPECT_EQ(room.ledger().usage().items, 0U);
  EXPECT_EQ(room.resync(0).figures().failed.get(), 0U);
  EXPECT_GT(room.resync(0).figures().finished.get(), 0U);
}

TEST(Resync, WhatIsOursAndOutOfReachIsDeletedAndNothingElse) {
  const MemcachedProcess server;
  const std::vector<std::string> left_over = {"x7.1.4:a", "x7.1.0:a", "x7.2.3:a", "x7.2.0:b",
                                              "x7.1.4:x7.1.5:a"};
  const std::vector<std::string> kept = {
      "x7.1.5:a",                                                 // a living tenant's
      "plain",     "x7",        "x7:a",      "session:x7.1.4:a",  // others'
      "x8.1.4:a",  "X7.1.4:a",  "x77.1.4:a", "7.1.4:a",           // of other namespaces
      "x7.3.0:a",  "x7.0.0:a",  "x7.11.4:a",                      // of ids that were never given here
      "x7.1.6:a",  "x7.2.4:a",                                    // of generations that were not
      "x7.01.4:a", "x7.1.04:a", "x7.1.+4:a", "x7.1.4.:a",        "x7.1.4", "x7.1.4:"};
  for (const std::string& key : left_over) store(server, key);
  for (const std::string& key : kept) store(server, key);
  Backroom room({server.address()});
  ASSERT_TRUE(room.settle());
  EXPECT_TRUE(room.work_until([&] { return stat(server, "curr_items") <= kept.size(); }));
  EXPECT_TRUE(room.work_until([&] { return room.janitor().figures().pending.get() == 0; }));
  for (const std::string& key : left_over) EXPECT_FALSE(has(server, key)) << key;
  for (const std::string& key : kept) EXPECT_TRUE(has(server, key)) << key;
  EXPECT_EQ(stat(server, "delete_hits"), left_over.size());
  EXPECT_EQ(stat(server, "delete_misses"), 0U);
  EXPECT_EQ(room.resync(0).figures().foreign.get(), kept.size() - 1);
  EXPECT_EQ(room.ledger().usage().items, 1U);
  EXPECT_EQ(room.ledger().usage().bytes, size_of("x7.1.5:a", 1));
}

TEST(Resync, AnItemOnAServerWhereNobodyLooksForItIsDeleted) {
  const MemcachedProcess one;
  const MemcachedProcess two;
  const MemcachedProcess* const servers[] = {&one, &two};
  Backroom room({one.address(), two.address()});
  ASSERT_TRUE(room.settle());
  size_t on_first = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "x7.1.5:k" + std::to_string(i);
    const size_t place = room.place(key);
    on_first += place == 0 ? 1 : 0;
    store(*servers[place], key, "here");
    store(*servers[1 - place], key, "the other");
  }
  ASSERT_GT(on_first, 0U);
  ASSERT_LT(on_first, 20U);
  store(one, "x7.1.6:k");  // not ours, wherever it lies
  store(two, "x7.1.6:k");
  room.state(0).doubt();
  room.state(1).doubt();
  EXPECT_TRUE(room.work_until([&] {
    return stat(one, "curr_items") == on_first + 1 && stat(two, "curr_items") == 20 - on_first + 1;
  }));
  ASSERT_TRUE(room.settle());
  for (int i = 0; i < 20; ++i) {
    const std::string key = "x7.1.5:k" + std::to_string(i);
    EXPECT_TRUE(has(*servers[room.place(key)], key)) << key;
    EXPECT_FALSE(has(*servers[1 - room.place(key)], key)) << key;
  }
  EXPECT_EQ(room.ledger().usage().items, 20U) << "each counted once";
  EXPECT_EQ(room.ledger().usage().bytes, 10 * size_of("x7.1.5:k0", 4) + 10 * size_of("x7.1.5:k10", 4));
  EXPECT_TRUE(has(one, "x7.1.6:k"));
  EXPECT_TRUE(has(two, "x7.1.6:k"));
}

TEST(Resync, ARestartTakesTheItemsOfThatServerOutOfTheLedgerAndNoOthers) {
  MemcachedProcess one;
  const MemcachedProcess two;
  Backroom room({one.address(), two.address()});
  std::vector<std::string> on_second;
  for (int i = 0; i < 20; ++i) {
    const std::string tail = "k" + std::to_string(i);
    const bool second = room.place("x7.1.5:" + tail) == 1;
    store(second ? two : one, "x7.1.5:" + tail);
    if (second) on_second.push_back(tail);
  }
  room.state(0).doubt();
  room.state(1).doubt();
  ASSERT_TRUE(room.work_until([&] { return room.ledger().usage().items == 20; }));
  const uint16_t before = room.state(0).incarnation();
  one.kill();
  one.start();
  EXPECT_TRUE(room.work_until([&] { return room.ledger().usage().items == on_second.size(); }));
  for (const std::string& tail : on_second) EXPECT_TRUE(room.knows(tail)) << tail;
  EXPECT_GT(room.state(0).incarnation(), before);
  EXPECT_EQ(stat(two, "delete_hits") + stat(two, "delete_misses"), 0U);
}

TEST(Resync, DoubtIsSettledByAnotherCrawl) {
  const MemcachedProcess server;
  store(server, "x7.1.5:a");
  store(server, "x7.1.5:b");
  Backroom room({server.address()});
  ASSERT_TRUE(room.settle());
  ASSERT_EQ(room.ledger().usage().items, 2U);
  const uint64_t done = room.resync(0).figures().done.get();
  // Behind our back.
  EXPECT_EQ(server.text("md x7.1.5:a", "\r\n"), "HD\r\n");
  store(server, "x7.1.5:c", "larger");
  room.state(0).doubt();
  ASSERT_TRUE(room.work_until([&] { return room.resync(0).figures().done.get() > done; }));
  ASSERT_TRUE(room.settle());
  EXPECT_FALSE(room.knows("a"));
  EXPECT_TRUE(room.knows("b"));
  EXPECT_TRUE(room.knows("c"));
  EXPECT_EQ(room.ledger().usage().bytes, stat(server, "bytes"));
}

TEST(Resync, ADoubtWhileACrawlIsUnderWayIsSettledByTheNext) {
  const MemcachedProcess server;
  Backroom room({server.address()});
  ASSERT_TRUE(room.settle());
  const uint64_t done = room.resync(0).figures().done.get();
  room.state(0).doubt();
  ASSERT_TRUE(support::wait_until(
      [&] {
        return room.running().call([&] {
          room.resync(0).look();
          if (room.resync(0).running()) room.state(0).doubt();
          return room.resync(0).running();
        });
      },
      std::chrono::seconds(20)));
  ASSERT_TRUE(room.settle());
  EXPECT_EQ(room.resync(0).figures().done.get(), done + 2);
}

TEST(Resync, WithoutADoubtThereIsNoCrawl) {
  const MemcachedProcess server;
  Backroom room({server.address()});
  ASSERT_TRUE(room.settle());
  const uint64_t done = room.resync(0).figures().done.get();
  int looks = 0;
  EXPECT_TRUE(room.work_until([&] { return ++looks == 20; }));  // some intervals
  EXPECT_EQ(room.resync(0).figures().done.get(), done);
}

TEST(Resync, AServerThatIsNotThereYetIsCountedWhenItIs) {
  MemcachedProcess server;
  server.kill();
  Backroom room({server.address()});
  int looks = 0;
  EXPECT_TRUE(room.work_until([&] { return ++looks == 10; }));
  EXPECT_EQ(room.resync(0).figures().done.get(), 0U);
  server.start();
  store(server, "x7.1.5:a");
  ASSERT_TRUE(room.settle());
  // It may have been met empty before.
  room.state(0).doubt();
  EXPECT_TRUE(room.work_until([&] { return room.ledger().usage().items == 1; }));
}

TEST(Resync, AServerThatDoesNotListItsItemsIsAskedAgainAfterAWhile) {
  const MemcachedProcess server({.flags = {"-X"}});
  store(server, "x7.1.4:a");
  Backroom room({server.address()});
  EXPECT_TRUE(room.work_until([&] { return room.resync(0).figures().failed.get() >= 3; }));
  EXPECT_EQ(room.resync(0).figures().done.get(), 0U);
  EXPECT_TRUE(has(server, "x7.1.4:a"));
}

TEST(Resync, WhatAServerEvictsLeavesTheLedgerAndIsCountedAsItsOwn) {
  const MemcachedProcess server({.flags = {"-m", "2", "-o", "slab_chunk_max=16384"}});
  Backroom room({server.address()});
  ASSERT_TRUE(room.settle());
  for (int i = 0; i < 2000; ++i) store(server, "x7.1.5:k" + std::to_string(i), std::string(2000, 'v'));
  const uint64_t evicted = stat(server, "evictions");
  ASSERT_GT(evicted, 100U);
  EXPECT_TRUE(room.work_until([&] { return room.acme().totals().server_evictions == evicted; }));
  EXPECT_EQ(room.acme().totals().evictions, 0U);
}

TEST(Resync, AFlushWhileACrawlIsUnderWayEndsWithNothingOfBefore) {
  const MemcachedProcess server;
  store_many(server, 20'000);
  store(server, "x7.1.6:new");
  Backroom room({server.address()});
  ASSERT_TRUE(room.work_until([&] { return room.ledger().usage().items > 0; }));
  room.acme().set_generation(6);
  room.ledger().begin_generation(6);
  EXPECT_TRUE(room.work_until([&] { return stat(server, "curr_items") == 1; }));
  EXPECT_TRUE(has(server, "x7.1.6:new"));
  room.state(0).doubt();
  EXPECT_TRUE(room.work_until([&] { return room.knows("new", 6); }));
  EXPECT_EQ(room.ledger().usage().items, 1U);
}

TEST(Resync, EndsInTheMiddleOfASweep) {
  const MemcachedProcess server;
  store_many(server, 40'000);
  Backroom room({server.address()});
  ASSERT_TRUE(room.settle());
  room.state(0).doubt();
  std::promise<void> closed;
  // With each turn of the loop, as the sweep does its part with each: it takes several.
  const std::function<void()> look = [&] {
    Resync& resync = room.resync(0);
    resync.look();
    if (!resync.running() || room.state(0).crawling()) return room.running().loop().post(look);
    room.close();
    // Behind the sweep's next turn, if there were one.
    room.running().loop().post([&] { room.running().loop().post([&] { closed.set_value(); }); });
  };
  room.running().loop().post(look);
  EXPECT_EQ(closed.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

}  // namespace
}  // namespace mctenant::server
