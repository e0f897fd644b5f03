#pragma once

#include <cstdint>

namespace mctenant::quota {

// What a pool's tenants are promised against what its servers can hold. Bytes.
struct PoolPromise {
  // Of what memcached is given, this part is lost between the sizes of its slab classes (each 1.25 times the
  // one before, so that an item fills 90 % of its place on average).
  static constexpr uint64_t kSlabOverheadPercent = 10;

  uint64_t promised = 0;   // the quotas' sum
  uint64_t unlimited = 0;  // tenants without a quota
  uint64_t limit = 0;      // the servers' limit_maxbytes together; 0: not all are known yet

  [[nodiscard]] constexpr uint64_t usable() const { return limit / 100 * (100 - kSlabOverheadPercent); }
  // The servers will evict before the quotas are full.
  [[nodiscard]] constexpr bool oversold() const { return limit != 0 && promised > usable(); }
};

}  // namespace mctenant::quota
