#pragma once

#include <cstdint>

#include "quota/entry.h"

namespace mctenant::quota {

// An expiry that has passed: the item is gone as soon as it is stored.
inline constexpr uint32_t kExpired = 1;

// When an item expires, in Unix seconds, 0 for never, from what memcached was told (its doc/protocol.txt):
// nothing, up to 30 days from now, a time beyond that, or a negative number, which is at once.
[[nodiscard]] constexpr uint32_t expiry_time(int64_t told, int64_t now) {
  constexpr int64_t kLongestRelative = 60 * 60 * 24 * 30;
  constexpr int64_t kLast = kUnknownExpiry - 1;
  if (told == 0) return 0;
  const int64_t at = told > kLongestRelative ? told : now + told;
  if (told < 0 || at <= now) return kExpired;
  return static_cast<uint32_t>(at < kLast ? at : kLast);
}

}  // namespace mctenant::quota
