#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace mctenant::bench {

// A small fast generator (SplitMix64). The same seed gives the same run.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15U); }
  // Even over [0, n); n below 2^32 and not 0.
  uint64_t below(uint64_t n) { return ((next() >> 32) * n) >> 32; }
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  bool one_in(uint64_t n) { return below(n) == 0; }
  // Even over [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // A bijection of 64 bits: different numbers give different results.
  static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
  }

 private:
  uint64_t state_;
};

// Numbers in [0, count) by Zipf's law: rank r comes with weight 1/(r+1)^exponent; exponent 0 is even.
// Rejection-inversion (Hörmann and Derflinger 1996): constant memory, whatever the count.
class Zipf {
 public:
  Zipf(uint64_t count, double exponent) : count_(count), exponent_(exponent) {
    if (exponent_ == 0) return;
    first_ = integral(1.5) - 1;
    last_ = integral(static_cast<double>(count) + 0.5);
    shortcut_ = 2 - inverse(integral(2.5) - weight(2));
  }

  uint64_t operator()(Random& random) const {
    if (exponent_ == 0) return random.below(count_);
    while (true) {
      const double u = last_ + random.unit() * (first_ - last_);
      const double x = inverse(u);
      const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(count_));
      if (k - x <= shortcut_ || u >= integral(k + 0.5) - weight(k)) return static_cast<uint64_t>(k) - 1;
    }
  }

 private:
  double weight(double x) const { return std::pow(x, -exponent_); }
  double integral(double x) const {
    return exponent_ == 1 ? std::log(x) : (std::pow(x, 1 - exponent_) - 1) / (1 - exponent_);
  }
  double inverse(double y) const {
    return exponent_ == 1 ? std::exp(y) : std::pow(1 + y * (1 - exponent_), 1 / (1 - exponent_));
  }

  uint64_t count_;
  double exponent_;
  double first_ = 0;
  double last_ = 0;
  double shortcut_ = 0;
};

}  // namespace mctenant::bench
