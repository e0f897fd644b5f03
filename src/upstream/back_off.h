#pragma once

#include <cstdint>
#include <random>

#include "base/clock.h"

namespace mctenant::upstream {

// How long to rest before the next attempt: doubled from `least` to `most`, each with random jitter.
class BackOff {
 public:
  BackOff(base::Duration least, base::Duration most)
      : least_(least), most_(most), random_(std::random_device{}()) {}

  // From half to all of the interval, which is twice as long the next time.
  [[nodiscard]] base::Duration next();
  // An attempt went well: begins with `least` again.
  void reset() { attempts_ = 0; }

 private:
  base::Duration least_;
  base::Duration most_;
  uint32_t attempts_ = 0;  // in a row
  std::minstd_rand random_;
};

}  // namespace mctenant::upstream
