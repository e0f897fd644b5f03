#include "quota/ledger.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "quota/books.h"

namespace mctenant::quota {
namespace {

using Kind = Event::Kind;

constexpr uint32_t kNow = 1'700'000'000;

class LedgerTest : public testing::Test {
 protected:
  Event event(Kind kind, const std::string& key, uint64_t version, uint32_t size = 100, uint32_t expiry = 0) {
    Event made;
    made.kind = kind;
    made.source = 1;
    made.key = key;
    made.hash = ledger.hash(key);
    made.sent = ledger.clock(made.hash);
    made.generation = generation;
    made.cas = version;
    made.size = size;
    made.expiry = expiry;
    return made;
  }
  void store(const std::string& key, uint32_t size = 100, uint32_t expiry = 0) {
    const std::string copy = key;
    ASSERT_FALSE(ledger.apply(event(Kind::stored, copy, ++cas, size, expiry)));
  }
  void fill(int items) {
    for (int i = 0; i < items; ++i) store("key " + std::to_string(i));
  }
  bool knows(const std::string& key) {
    KnownItem item{};
    return ledger.look_up(ledger.hash(key), key, generation, item);
  }
  // Deletes the coldest, as its server confirms.
  std::string evict() {
    Victim victim;
    if (!ledger.choose_victim(victim)) return "none";
    const std::string key(victim.key());
    (void)ledger.apply(event(Kind::removed_version, key, victim.cas));
    ledger.put_back(victim);
    return key;
  }
  // What is claimed, found by the quota that it just fills.
  uint64_t claimed() {
    const uint64_t quota = ledger.quota();
    uint64_t low = 0;
    uint64_t high = uint64_t{1} << 40;
    while (low < high) {
      const uint64_t middle = (low + high) / 2;
      ledger.set_quota(0);
      ledger.set_quota(middle == 0 ? 1 : middle);
      if (ledger.lowering() || (middle == 0 && ledger.over())) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    ledger.set_quota(quota);
    return low;
  }

  Ledger ledger{4, kNow};
  tenant::Generation generation = 0;
  uint64_t cas = 0;
};

TEST_F(LedgerTest, SumsUpOverItsStripes) {
  fill(1000);
  const Ledger::Usage usage = ledger.usage();
  EXPECT_EQ(usage.items, 1000U);
  EXPECT_EQ(usage.bytes, 100'000U);
  EXPECT_GT(usage.memory, 1000U * 60);
  EXPECT_EQ(claimed(), 100'000U);
}

TEST_F(LedgerTest, HashesDifferentlyInEachLedger) {
  const Ledger other(4, kNow);
  EXPECT_NE(ledger.hash("key"), other.hash("key"));
  EXPECT_EQ(Ledger(4, kNow, 5).hash("key"), Ledger(4, kNow, 5).hash("key"));
}

TEST_F(LedgerTest, WithoutAQuotaNothingIsOver) {
  fill(100);
  EXPECT_FALSE(ledger.over());
  EXPECT_TRUE(ledger.admits(UINT64_MAX));
  ledger.set_quota(10'000);
  EXPECT_FALSE(ledger.over());
  store("one more");
  EXPECT_TRUE(ledger.over());
  ledger.set_quota(0);
  EXPECT_FALSE(ledger.over());
}

TEST_F(LedgerTest, AdmitsWhatIsNotLargerThanTheWholeQuota) {
  ledger.set_quota(1000);
  EXPECT_TRUE(ledger.admits(1000));
  EXPECT_FALSE(ledger.admits(1001));
}

TEST_F(LedgerTest, WhatIsReservedCountsUntilItIsReleased) {
  ledger.set_quota(1000);
  fill(9);
  const uint64_t reserved = ledger.reserve(ledger.hash("new"), "new", generation, 101);
  EXPECT_EQ(reserved, 101U);
  EXPECT_TRUE(ledger.over());
  ledger.release(reserved);
  EXPECT_FALSE(ledger.over());
  EXPECT_EQ(claimed(), 900U);
}

TEST_F(LedgerTest, NearTheLimitAStoreClaimsOnlyWhatItAdds) {
  ledger.set_quota(1000);
  fill(10);
  EXPECT_EQ(ledger.reserve(ledger.hash("key 3"), "key 3", generation, 130), 30U);
  EXPECT_TRUE(ledger.over());
  ledger.release(30);
  EXPECT_EQ(ledger.reserve(ledger.hash("key 3"), "key 3", generation, 50), 0U);
  EXPECT_FALSE(ledger.over());
  // Of another generation nothing is known.
  EXPECT_EQ(ledger.reserve(ledger.hash("key 3"), "key 3", generation + 1, 130), 130U);
  ledger.release(130);
}

TEST_F(LedgerTest, EvictsUntilItIsWithinItsQuotaAndNoFurther) {
  ledger.set_quota(50'000);
  fill(1000);
  int evictions = 0;
  for (; ledger.over(); ++evictions) ASSERT_NE(evict(), "none");
  EXPECT_EQ(ledger.usage().bytes, 50'000U);
  EXPECT_EQ(evictions, 500);
}

TEST_F(LedgerTest, EvictsWhatWasNotReadAndKeepsStripesAboutAsFull) {
  ledger.set_quota(100'000);
  fill(1000);
  for (int i = 0; i < 100; ++i) {
    const std::string key = "key " + std::to_string(i);
    (void)ledger.apply(event(Kind::hit, key, static_cast<uint64_t>(i) + 1));
  }
  for (int i = 0; i < 800; ++i) {
    const std::string victim = evict();
    EXPECT_GE(std::stoi(victim.substr(4)), 100) << victim;
  }
}

TEST_F(LedgerTest, AnEmptyOneHasNoVictim) { EXPECT_EQ(evict(), "none"); }

TEST_F(LedgerTest, EveryStripeIsAskedForAVictim) {
  store("the only one");
  EXPECT_EQ(evict(), "the only one");
}

TEST_F(LedgerTest, AVictimUnderWayMakesRoomAtOnce) {
  ledger.set_quota(1000);
  fill(11);
  EXPECT_TRUE(ledger.over());
  Victim victim;
  ASSERT_TRUE(ledger.choose_victim(victim));
  EXPECT_FALSE(ledger.over());
  ledger.put_back(victim);
  EXPECT_TRUE(ledger.over());
}

TEST_F(LedgerTest, ASmallerQuotaIsApproachedStepByStep) {
  ledger.set_quota(100'000);
  fill(1000);
  ledger.set_quota(90'000);
  EXPECT_FALSE(ledger.over());
  EXPECT_TRUE(ledger.lowering());
  int evicted = 0;
  for (; ledger.lowering(); ++evicted) {
    ASSERT_NE(evict(), "none");
    ledger.lower_limit();
    EXPECT_FALSE(ledger.over());
    if (evicted == 50) {  // a store holds the usage where it is
      store("new");
      EXPECT_TRUE(ledger.over());
      evict();
    }
  }
  EXPECT_LE(ledger.usage().bytes, 90'000U);
  EXPECT_GE(ledger.usage().bytes, 89'900U);
}

TEST_F(LedgerTest, ALargerQuotaHoldsAtOnceAndEndsTheLowering) {
  ledger.set_quota(100'000);
  fill(1000);
  ledger.set_quota(10'000);
  ledger.set_quota(200'000);
  EXPECT_FALSE(ledger.lowering());
  store("one", 100'000);
  EXPECT_FALSE(ledger.over());
  store("more");
  EXPECT_TRUE(ledger.over());
}

TEST_F(LedgerTest, ATenantFarBelowASmallerQuotaIsNotLowered) {
  ledger.set_quota(100'000);
  fill(10);
  ledger.set_quota(10'000);
  EXPECT_FALSE(ledger.lowering());
}

TEST_F(LedgerTest, ExpiryLeavesTheSumsStepByStep) {
  for (int i = 0; i < 1000; ++i) store("key " + std::to_string(i), 100, kNow + 1);
  EXPECT_FALSE(ledger.expire(kNow + 1, 10));
  while (!ledger.expire(kNow + 1, 100)) {
  }
  EXPECT_EQ(ledger.usage().items, 0U);
  EXPECT_EQ(ledger.expired(), 1000U);
  EXPECT_EQ(claimed(), 0U);
}

TEST_F(LedgerTest, AFlushLeavesNothingInTheSumsAndAllKeysToBeDeletedOnce) {
  fill(1000);
  generation = 1;
  ledger.begin_generation(1);
  EXPECT_EQ(ledger.usage().items, 0U);
  EXPECT_EQ(claimed(), 0U);
  store("new");
  std::set<std::string> keys;
  tenant::Generation of = 9;
  std::string key;
  while (ledger.next_retired(of, key)) {
    EXPECT_EQ(of, 0U);
    EXPECT_TRUE(keys.insert(key).second) << key;
    EXPECT_LE(ledger.retired(), 1000 - keys.size());
  }
  EXPECT_EQ(keys.size(), 1000U);
  EXPECT_EQ(ledger.retired(), 0U);
  EXPECT_TRUE(knows("new"));
}

TEST_F(LedgerTest, SeveralFlushesAndStraysAreAllDeleted) {
  fill(10);
  ledger.begin_generation(1);
  generation = 1;
  fill(20);
  ledger.begin_generation(2);
  (void)ledger.apply(event(Kind::stored, "late", 99));
  std::multiset<tenant::Generation> of;
  tenant::Generation generation_of = 0;
  std::string key;
  while (ledger.next_retired(generation_of, key)) of.insert(generation_of);
  EXPECT_EQ(of.count(0), 10U);
  EXPECT_EQ(of.count(1), 21U);
}

TEST_F(LedgerTest, ASweepGoesOverAllStripes) {
  fill(5000);
  Ledger::Cursor cursor;
  std::vector<OpenQuestion> open;
  while (ledger.sweep({1}, 1, 3, cursor, open)) {
  }
  EXPECT_EQ(ledger.usage().items, 0U);
  EXPECT_EQ(claimed(), 0U);
  EXPECT_FALSE(ledger.sweep({1}, 1, 3, cursor, open));
}

TEST(Books, HashAlikeWithTheSameSeedAndNotWithout) {
  Books one(3, 17);
  Books same(3, 17);
  Books other(3);
  EXPECT_EQ(one.open(1, kNow).hash("key"), same.open(1, kNow).hash("key"));
  EXPECT_NE(one.open(1, kNow).hash("key"), other.open(1, kNow).hash("key"));
}

TEST(Books, KeepALedgerForEachTenant) {
  Books books(3);
  EXPECT_EQ(books.find(7), nullptr);
  Ledger& ledger = books.open(7, kNow);
  EXPECT_EQ(&books.open(7, kNow + 5), &ledger);
  EXPECT_EQ(books.find(7), &ledger);
  books.open(8, kNow);
  EXPECT_EQ(books.all().size(), 2U);
}

}  // namespace
}  // namespace mctenant::quota
