#include "upstream/back_off.h"

#include <gtest/gtest.h>

#include <set>

namespace mctenant::upstream {
namespace {

using namespace std::chrono_literals;

TEST(BackOff, DoublesUpToItsMostWithHalfOfItAtRandom) {
  BackOff back_off(100ms, 1s);
  for (const base::Duration most : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    const base::Duration rest = back_off.next();
    EXPECT_GE(rest, most / 2);
    EXPECT_LE(rest, most);
  }
  for (int i = 0; i < 100; ++i) EXPECT_LE(back_off.next(), 1s);
}

TEST(BackOff, BeginsAgainAfterSuccess) {
  BackOff back_off(100ms, 1s);
  for (int i = 0; i < 10; ++i) (void)back_off.next();
  back_off.reset();
  EXPECT_LE(back_off.next(), 100ms);
}

TEST(BackOff, ManyDoNotComeInStep) {
  std::set<base::Duration> rests;
  for (int i = 0; i < 20; ++i) rests.insert(BackOff(100ms, 1s).next());
  EXPECT_GT(rests.size(), 10U);
}

}  // namespace
}  // namespace mctenant::upstream
