// How items leave a stripe that no reply took away: expiry, eviction, generations, sweeps.

#include "unit/quota/stripe_fixture.h"

namespace mctenant::quota {
namespace {

using StripeLeavingTest = StripeFixture;

// ---- Expiry.

TEST_F(StripeLeavingTest, WhatExpiresLeavesTheSums) {
  store(7, 100, kNow + 10);
  key = "other";
  store(8, 60);
  EXPECT_TRUE(expire(kNow + 10));
  EXPECT_EQ(claimed, 60);
  EXPECT_EQ(stripe.usage().items, 1U);
}

TEST_F(StripeLeavingTest, ExpiryGoesOnWhereItsStepsRanOut) {
  for (int i = 0; i < 100; ++i) {
    key = std::to_string(i);
    store(static_cast<uint64_t>(i) + 1, 10, kNow + 1);
  }
  int calls = 1;
  while (!expire(kNow + 2, 10)) ++calls;
  EXPECT_GE(calls, 10);
  EXPECT_EQ(stripe.usage().items, 0U);
}

TEST_F(StripeLeavingTest, AStoresReplyThatComesAfterItsItemWasTouchedAndExpiredIsUncertain) {
  const uint32_t sent = stripe.clock();
  apply(event(Kind::touched, 7, 100, kNow + 1, 2, sent));
  EXPECT_TRUE(expire(kNow + 1));
  EXPECT_TRUE(apply(event(Kind::stored, 7, 100, 0, 1, sent)));
  EXPECT_EQ(known(), "7:100?");
}

// ---- Eviction.

TEST_F(StripeLeavingTest, TheColdestLeavesTheSumsAtOnce) {
  for (const char* name : {"a", "b", "c"}) {
    key = name;
    store(static_cast<uint64_t>(name[0]), 100);
  }
  key = "a";
  apply(event(Kind::hit, 'a', 100));
  Victim victim;
  ASSERT_TRUE(take(victim));
  EXPECT_EQ(victim.key(), "b");
  EXPECT_EQ(victim.cas, 'b');
  EXPECT_EQ(victim.size, 100U);
  EXPECT_EQ(victim.hash, hash_of(1, "b"));
  EXPECT_EQ(claimed, 200);
  EXPECT_EQ(stripe.usage().bytes, 200U);
  EXPECT_EQ(stripe.usage().items, 2U);
  key = "b";
  EXPECT_FALSE(apply(event(Kind::removed_version, 'b')));
  EXPECT_EQ(claimed, 200);
  EXPECT_EQ(stripe.usage().bytes, 200U);
}

TEST_F(StripeLeavingTest, AVictimIsNotTakenTwice) {
  store(7);
  Victim victim;
  ASSERT_TRUE(take(victim));
  EXPECT_FALSE(take(victim));
}

TEST_F(StripeLeavingTest, AVictimThatIsPutBackIsClaimedAndCanBeTakenAgain) {
  store(7);
  Victim victim;
  ASSERT_TRUE(take(victim));
  claimed += stripe.put_back(victim).claimed;
  EXPECT_EQ(claimed, 100);
  claimed += stripe.put_back(victim).claimed;
  EXPECT_EQ(claimed, 100);
  EXPECT_TRUE(take(victim));
}

TEST_F(StripeLeavingTest, AVictimThatIsStoredAnewStays) {
  store(7);
  Victim victim;
  ASSERT_TRUE(take(victim));
  store(8, 60);
  EXPECT_EQ(claimed, 60);
  // The delete was on condition of the old version.
  claimed += stripe.put_back(victim).claimed;
  EXPECT_EQ(known(), "8:60");
  EXPECT_EQ(claimed, 60);
}

TEST_F(StripeLeavingTest, AVictimThatGoesByItselfLeavesNothingClaimed) {
  store(7, 100, kNow + 1);
  Victim victim;
  ASSERT_TRUE(take(victim));
  EXPECT_TRUE(expire(kNow + 1));
  claimed += stripe.put_back(victim).claimed;
  EXPECT_EQ(claimed, 0);
}

// ---- Generations.

TEST_F(StripeLeavingTest, ANewGenerationRetiresWhatIsThere) {
  store(7);
  generation = 3;
  claimed += stripe.begin_generation(3).claimed;
  EXPECT_EQ(claimed, 0);
  EXPECT_EQ(known(), "none");
  std::vector<Retired> retired;
  std::vector<Stray> strays;
  stripe.collect(retired, strays);
  ASSERT_EQ(retired.size(), 1U);
  EXPECT_EQ(retired[0].generation, 0U);
  EXPECT_EQ(retired[0].items->table.size(), 1U);
  EXPECT_TRUE(strays.empty());
  stripe.collect(retired, strays);
  EXPECT_EQ(retired.size(), 1U);
}

TEST_F(StripeLeavingTest, TheFirstEventOfANewGenerationBeginsIt) {
  store(7);
  generation = 1;
  store(8, 60);
  EXPECT_EQ(known(), "8:60");
  EXPECT_EQ(claimed, 60);
}

TEST_F(StripeLeavingTest, AnEmptyGenerationLeavesNothingToDelete) {
  claimed += stripe.begin_generation(1).claimed;
  std::vector<Retired> retired;
  std::vector<Stray> strays;
  stripe.collect(retired, strays);
  EXPECT_TRUE(retired.empty());
  generation = 1;
}

TEST_F(StripeLeavingTest, WhatIsStoredUnderAnOldGenerationIsAStrayAndWhatIsGoneIsNot) {
  claimed += stripe.begin_generation(2).claimed;
  generation = 1;
  EXPECT_FALSE(store(7));
  EXPECT_FALSE(apply(event(Kind::removed)));
  generation = 2;
  EXPECT_EQ(known(), "none");
  std::vector<Retired> retired;
  std::vector<Stray> strays;
  stripe.collect(retired, strays);
  ASSERT_EQ(strays.size(), 1U);
  EXPECT_EQ(strays[0].generation, 1U);
  EXPECT_EQ(strays[0].key, "key");
}

TEST_F(StripeLeavingTest, AVictimOfAnOldGenerationIsNotPutBack) {
  store(7);
  Victim victim;
  ASSERT_TRUE(take(victim));
  claimed += stripe.begin_generation(1).claimed;
  generation = 1;
  store(8, 60);
  claimed += stripe.put_back(victim).claimed;
  EXPECT_EQ(claimed, 60);
}

// ---- Sweeps.

TEST_F(StripeLeavingTest, ASweepTakesWhatTheCrawlDidNotMeet) {
  crawl = 1;
  for (const char* name : {"met", "not met", "of another server"}) {
    key = name;
    source = std::string(name) == "of another server" ? 9 : kSource;
    store(7);
  }
  key = "of the process before";
  source = kSource - 1;
  crawl = 2;
  store(7);
  source = kSource;
  key = "met";
  apply(event(Kind::listed, 7, 100, 0, 9, 0));
  key = "stored meanwhile";
  store(8);
  key = "of no known expiry";
  apply(event(Kind::hit, 9, 100));
  uint32_t bucket = 0;
  Stripe::Change change;
  std::vector<OpenQuestion> open;
  while (stripe.sweep({kSource - 1, kSource}, kSource, 2, bucket, open, change)) {
  }
  claimed += change.claimed;
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].key, "of no known expiry");
  for (const auto& [name, is_there] :
       std::vector<std::pair<std::string, bool>>{{"met", true},
                                                 {"not met", false},
                                                 {"of another server", true},
                                                 {"of the process before", false},
                                                 {"stored meanwhile", true}}) {
    key = name;
    EXPECT_EQ(known() != "none", is_there) << name;
  }
}

TEST_F(StripeLeavingTest, ASweepGoesOnOverAllBuckets) {
  for (int i = 0; i < 5000; ++i) {
    key = std::to_string(i);
    crawl = i % 2 == 0 ? 1 : 2;
    store(static_cast<uint64_t>(i) + 1, 10);
  }
  uint32_t bucket = 0;
  int calls = 1;
  Stripe::Change change;
  std::vector<OpenQuestion> open;
  while (stripe.sweep({kSource}, kSource, 2, bucket, open, change)) ++calls;
  EXPECT_TRUE(open.empty());
  claimed += change.claimed;
  EXPECT_GE(calls, 9);
  EXPECT_EQ(stripe.usage().items, 2500U);
}

}  // namespace
}  // namespace mctenant::quota
