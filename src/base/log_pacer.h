#pragma once

#include <cstdint>
#include <utility>

#include "base/clock.h"

namespace mctenant::base {

// Keeps lines that others cause from filling the log: one in a while is let through, the rest is counted.
// Not thread-safe.
class LogPacer {
 public:
  explicit LogPacer(Duration pause) : pause_(pause) {}

  // Whether a line may be written now.
  [[nodiscard]] bool may_write(TimePoint now) {
    if (now < next_) {
      ++left_out_;
      return false;
    }
    next_ = now + pause_;
    return true;
  }
  // How many were not, since the last that was; once.
  [[nodiscard]] uint64_t take_left_out() { return std::exchange(left_out_, 0); }

 private:
  Duration pause_;
  TimePoint next_{};
  uint64_t left_out_ = 0;
};

}  // namespace mctenant::base
