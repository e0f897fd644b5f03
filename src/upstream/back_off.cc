#include "upstream/back_off.h"

#include <algorithm>

namespace mctenant::upstream {

base::Duration BackOff::next() {
  const auto doubled = least_ * (int64_t{1} << std::min(attempts_++, 20U));
  const auto ceiling = std::min<base::Duration>(doubled, most_);
  // Half fixed, half at random, so that many workers and proxies don't come back in step.
  std::uniform_int_distribution<int64_t> jitter(ceiling.count() / 2, ceiling.count());
  return base::Duration(jitter(random_));
}

}  // namespace mctenant::upstream
