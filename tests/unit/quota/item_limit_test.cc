#include "quota/item_limit.h"

#include <gtest/gtest.h>

namespace mctenant::quota {
namespace {

TEST(ItemLimit, CountsAnItemAsMemcachedDoes) {
  EXPECT_EQ(item_overhead(0), 59U);
  EXPECT_EQ(item_overhead(1), 63U);
  // As its metadump shows: 3 bytes under a key of 3 with flags are 48 + 8 + 3 + 1 + 4 + 3 + 2.
  EXPECT_EQ(item_bytes(3, 3, 5), 69U);
}

TEST(ItemLimit, IsWhatAServerOfOneMebibyteTakes) {
  // Tried with memcached 1.6.18 -I 1m and a key of 250 bytes: the longest values that it stores.
  const ItemLimit limit{UINT64_MAX, 1 << 20};
  EXPECT_TRUE(limit.fits(250, 250, 1'048'267, 0));
  EXPECT_FALSE(limit.fits(250, 250, 1'048'268, 0));
  EXPECT_TRUE(limit.fits(250, 250, 1'048'263, 1));
  EXPECT_FALSE(limit.fits(250, 250, 1'048'264, 1));
}

TEST(ItemLimit, TheTenantsLimitCountsTheClientsKey) {
  const ItemLimit limit{1 << 20, 2 << 20};
  EXPECT_TRUE(limit.fits(10, 40, (1 << 20) - 10, 0));
  EXPECT_FALSE(limit.fits(10, 40, (1 << 20) - 9, 0));
  // A long key is stored as a digest, but counts in full.
  EXPECT_TRUE(limit.fits(60'000, 70, (1 << 20) - 60'000, 0));
  EXPECT_FALSE(limit.fits(60'000, 70, (1 << 20) - 59'999, 0));
}

TEST(ItemLimit, TheSmallerLimitCounts) {
  EXPECT_FALSE((ItemLimit{100, 1000}.fits(1, 20, 100, 0)));
  EXPECT_FALSE((ItemLimit{1000, 100}.fits(1, 20, 22, 0)));
  EXPECT_TRUE((ItemLimit{1000, 100}.fits(1, 20, 21, 0)));
  EXPECT_TRUE((ItemLimit{0, 1000}.fits(0, 1, 0, 0)));
}

}  // namespace
}  // namespace mctenant::quota
