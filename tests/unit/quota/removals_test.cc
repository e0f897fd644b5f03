#include "quota/removals.h"

#include <gtest/gtest.h>

namespace mctenant::quota {
namespace {

TEST(Removals, FindsWhatWasAddedAndNothingElse) {
  Removals removals;
  EXPECT_EQ(removals.find(1), nullptr);
  removals.add(1, 10, 3);
  ASSERT_NE(removals.find(1), nullptr);
  EXPECT_EQ(removals.find(1)->clock, 10U);
  EXPECT_EQ(removals.find(1)->observer, 3U);
  EXPECT_EQ(removals.find(2), nullptr);
  EXPECT_EQ(removals.size(), 1U);
}

TEST(Removals, KnowsTheLatestOfEveryoneElse) {
  Removals removals;
  removals.add(1, 10, 3);
  EXPECT_EQ(removals.find(1)->last_by_others(3), std::nullopt);
  EXPECT_EQ(removals.find(1)->last_by_others(4), 10U);
  removals.add(1, 20, 4);
  EXPECT_EQ(removals.find(1)->last_by_others(3), 20U);
  EXPECT_EQ(removals.find(1)->last_by_others(4), 10U);
  removals.add(1, 30, 4);
  EXPECT_EQ(removals.find(1)->last_by_others(3), 30U);
  EXPECT_EQ(removals.find(1)->last_by_others(4), 10U);
  EXPECT_EQ(removals.find(1)->last_by_others(5), 30U);
  removals.add(1, 40, 3);
  EXPECT_EQ(removals.find(1)->last_by_others(3), 30U);
}

TEST(Removals, AnAgeThatIsTooLongIsNone) {
  Removals removals;
  removals.add(1, 10, 3);
  removals.add(1, 20 + Removals::kLong, 4);
  EXPECT_EQ(removals.find(1)->last_by_others(4), std::nullopt);
}

TEST(Removals, ForgetsInTwoTurns) {
  Removals removals;
  removals.add(1, 10, 3);
  removals.turn();
  EXPECT_NE(removals.find(1), nullptr);
  removals.add(2, 20, 3);
  removals.turn();
  EXPECT_EQ(removals.find(1), nullptr);
  EXPECT_NE(removals.find(2), nullptr);
  removals.turn();
  EXPECT_EQ(removals.find(2), nullptr);
  EXPECT_EQ(removals.size(), 0U);
  removals.turn();
}

TEST(Removals, OneThatIsAddedAgainCarriesOnWhatWasKnownBeforeTheTurn) {
  Removals removals;
  removals.add(1, 10, 3);
  removals.turn();
  removals.add(1, 20, 4);
  EXPECT_EQ(removals.find(1)->clock, 20U);
  EXPECT_EQ(removals.find(1)->last_by_others(4), 10U);
}

TEST(Removals, HoldsManyAndGivesTheirMemoryBack) {
  Removals removals;
  const auto hash = [](uint32_t i) { return i * 0xd6e8feb86659fd93U; };
  for (uint32_t i = 0; i < 100'000; ++i) removals.add(hash(i), i, 1);
  for (uint32_t i = 0; i < 100'000; ++i) {
    ASSERT_NE(removals.find(hash(i)), nullptr) << i;
    ASSERT_EQ(removals.find(hash(i))->clock, i);
  }
  EXPECT_LE(removals.memory(), size_t{100'000} * 16 * 4 + 4096);
  removals.turn();
  removals.turn();
  EXPECT_LE(removals.memory(), size_t{2} * 4096 * 16);
}

TEST(Removals, AHashOfZeroIsAHash) {
  Removals removals;
  EXPECT_EQ(removals.find(0), nullptr);
  removals.add(0, 10, 3);
  EXPECT_NE(removals.find(0), nullptr);
}

}  // namespace
}  // namespace mctenant::quota
