#include "quota/expiry.h"

#include <gtest/gtest.h>

namespace mctenant::quota {
namespace {

constexpr int64_t kNow = 1'700'000'000;
constexpr int64_t kThirtyDays = 60 * 60 * 24 * 30;

TEST(ExpiryTime, NothingIsNever) { EXPECT_EQ(expiry_time(0, kNow), 0U); }

TEST(ExpiryTime, UpToThirtyDaysIsFromNow) {
  EXPECT_EQ(expiry_time(1, kNow), kNow + 1);
  EXPECT_EQ(expiry_time(kThirtyDays, kNow), kNow + kThirtyDays);
}

TEST(ExpiryTime, MoreIsATime) {
  EXPECT_EQ(expiry_time(kNow + 5, kNow), kNow + 5);
  EXPECT_EQ(expiry_time(kNow + 2 * kThirtyDays, kNow), kNow + 2 * kThirtyDays);
}

TEST(ExpiryTime, ATimeThatHasComeIsAtOnce) {
  EXPECT_EQ(expiry_time(kThirtyDays + 1, kNow), kExpired);
  EXPECT_EQ(expiry_time(kNow - 1, kNow), kExpired);
  EXPECT_EQ(expiry_time(kNow, kNow), kExpired);
}

TEST(ExpiryTime, NegativeIsAtOnce) {
  EXPECT_EQ(expiry_time(-1, kNow), kExpired);
  EXPECT_EQ(expiry_time(INT64_MIN, kNow), kExpired);
}

TEST(ExpiryTime, TheFarthestFutureIsATimeAndNotUnknown) {
  EXPECT_EQ(expiry_time(UINT32_MAX, kNow), kUnknownExpiry - 1);
  EXPECT_EQ(expiry_time(INT64_MAX, kNow), kUnknownExpiry - 1);
}

}  // namespace
}  // namespace mctenant::quota
