#include "quota/expiry_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace mctenant::quota {
namespace {

constexpr uint32_t kStart = 1'700'000'000;
constexpr uint32_t kHour = 3600;
constexpr uint32_t kDay = 24 * kHour;

class ExpiryWheelTest : public testing::Test {
 protected:
  EntryRef add(uint32_t expiry) {
    const EntryRef ref = arena.make(std::to_string(expiry));
    arena[ref].expiry = expiry;
    wheel.insert(arena, ref);
    return ref;
  }
  // Goes on to `now`, `steps` at a time: the expiries of what came due, in that order.
  std::vector<uint32_t> advance(uint32_t now, uint32_t steps = 1'000'000'000) {
    std::vector<uint32_t> due;
    for (int call = 0; call < 100'000'000; ++call) {
      uint32_t left = steps;
      while (const EntryRef ref = wheel.advance(arena, now, left)) due.push_back(arena[ref].expiry);
      if (wheel.now() >= now) return due;
      EXPECT_EQ(left, 0U) << "it stopped before its time";
    }
    return due;
  }
  // The entry is due at its second, and not before it.
  void expect_on_time(uint32_t expiry) {
    SCOPED_TRACE(expiry - wheel.now());
    add(expiry);
    EXPECT_TRUE(advance(expiry - 1).empty());
    EXPECT_EQ(advance(expiry), std::vector<uint32_t>{expiry});
  }

  EntryArena arena;
  ExpiryWheel wheel{kStart};
};

TEST_F(ExpiryWheelTest, EachIsDueAtItsSecondAtEveryBorderOfARing) {
  for (const uint32_t distance : {1U,    2U,    62U,      63U,      64U,      65U,      66U,     127U,  128U,
                                  129U,  4094U, 4095U,    4096U,    4097U,    4159U,    4160U,   4161U, 8191U,
                                  8192U, 8193U, 262'143U, 262'144U, 262'145U, 266'240U, 524'288U}) {
    expect_on_time(wheel.now() + distance);
  }
}

TEST_F(ExpiryWheelTest, WhereverTheHandStandsInItsSlots) {
  for (const uint32_t stand : {0U, 1U, 62U, 63U, 4032U, 4095U, 262'080U, 262'143U}) {
    for (const uint32_t distance : {1U, 63U, 64U, 65U, 4095U, 4096U, 4097U, 262'144U}) {
      wheel = ExpiryWheel((kStart & ~262'143U) + stand);
      expect_on_time(wheel.now() + distance);
    }
  }
}

TEST_F(ExpiryWheelTest, BeyondItsLastRing) {
  constexpr uint32_t kTurn = 64U * 262'144U;  // 194 days
  for (const uint32_t distance : {kTurn - 1, kTurn, kTurn + 1, kTurn + 262'144, 2 * kTurn + 7, 400 * kDay}) {
    expect_on_time(wheel.now() + distance);
  }
}

TEST_F(ExpiryWheelTest, AtTheEndOfTime) {
  wheel = ExpiryWheel(UINT32_MAX - 10'000);
  expect_on_time(UINT32_MAX - 1);
}

TEST_F(ExpiryWheelTest, ABigJumpOfTimeBringsAllInTheirOrder) {
  std::vector<uint32_t> expected;
  for (const uint32_t distance : {5 * kDay, 3U, 100 * kDay, 70U, 5000U, 4 * kHour, 200 * kDay}) {
    expected.push_back(kStart + distance);
    add(expected.back());
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(advance(kStart + 201 * kDay), expected);
}

TEST_F(ExpiryWheelTest, TimeThatStandsOrGoesBackBringsNothing) {
  add(kStart + 1);
  EXPECT_TRUE(advance(kStart).empty());
  EXPECT_TRUE(advance(kStart - 100).empty());
  EXPECT_EQ(wheel.now(), kStart);
}

TEST_F(ExpiryWheelTest, GoesOnWhereItsStepsRanOutInTheMiddleOfACascade) {
  // Thirty in one slot of each ring, so that every cascade is cut many times.
  std::vector<uint32_t> expected;
  for (const uint32_t base : {64U, 4096U, 262'144U}) {
    const uint32_t slot = (kStart / base + 2) * base;
    for (uint32_t i = 0; i < 30; ++i) expected.push_back(slot + i % 7);
  }
  for (const uint32_t expiry : expected) add(expiry);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(advance(expected.back() + 1, 7), expected);
}

TEST_F(ExpiryWheelTest, AnInsertionBetweenTheStepsOfACascadeIsNotLost) {
  const uint32_t minute = (kStart / 64 + 2) * 64;
  for (int i = 0; i < 10; ++i) add(minute + 5);
  uint32_t steps = minute - kStart + 3;  // three into the cascade
  EXPECT_EQ(wheel.advance(arena, minute + 100, steps), 0U);
  EXPECT_EQ(wheel.now(), minute - 1);
  for (const uint32_t distance : {0U, 1U, 5U, 63U, 64U, 65U}) add(minute + distance);
  std::vector<uint32_t> due = advance(minute + 100);
  EXPECT_EQ(due.size(), 16U);
  EXPECT_TRUE(std::is_sorted(due.begin(), due.end()));
}

TEST_F(ExpiryWheelTest, StepsBoundTheWork) {
  for (int i = 0; i < 100; ++i) add(kStart + 1);
  uint32_t steps = 10;
  int due = 0;
  while (wheel.advance(arena, kStart + 5, steps) != 0) ++due;
  EXPECT_EQ(due, 10);
  EXPECT_EQ(steps, 0U);
  EXPECT_EQ(wheel.now(), kStart);
}

TEST_F(ExpiryWheelTest, ErasesInAnyPlaceOfASlot) {
  for (size_t erased = 0; erased < 4; ++erased) {
    std::vector<EntryRef> refs;
    for (int i = 0; i < 4; ++i) refs.push_back(add(wheel.now() + 100));
    wheel.erase(arena, refs[erased]);
    EXPECT_EQ(advance(wheel.now() + 100).size(), 3U);
  }
}

TEST_F(ExpiryWheelTest, AgreesWithAMapOverRandomLives) {
  std::mt19937 random(7);
  std::multimap<uint32_t, EntryRef> expected;
  uint32_t now = kStart;
  for (int round = 0; round < 20'000; ++round) {
    constexpr uint32_t kLengths[] = {10, 100, 5000, 300'000, 20'000'000};
    const uint32_t expiry = now + 1 + random() % kLengths[random() % 5];
    expected.emplace(expiry, add(expiry));
    if (random() % 4 == 0) {
      const auto victim = std::next(expected.begin(), random() % std::min<size_t>(expected.size(), 50));
      wheel.erase(arena, victim->second);
      arena.drop(victim->second);
      expected.erase(victim);
    }
    now += random() % 3 == 0 ? random() % 200 : 1;
    for (const uint32_t due : advance(now, 1 + random() % 50)) {
      ASSERT_LE(due, now);
      const auto found = expected.find(due);
      ASSERT_NE(found, expected.end());
      expected.erase(found);
    }
    ASSERT_TRUE(expected.empty() || expected.begin()->first > now);
  }
}

}  // namespace
}  // namespace mctenant::quota
