#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mctenant::bench {

// Counts of durations in nanoseconds, in buckets that grow with the value: every one is told to within 0.8 %,
// from 1 ns to centuries, in constant memory.
class Histogram {
 public:
  void add(uint64_t nanoseconds) {
    ++buckets_[index(nanoseconds)];
    ++count_;
    sum_ += nanoseconds;
    if (nanoseconds > max_) max_ = nanoseconds;
  }

  void merge(const Histogram& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    if (other.max_ > max_) max_ = other.max_;
  }

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }

  // The duration that `share` (0..1) of all were not above; 0 without any.
  uint64_t quantile(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted || (seen == count_ && count_ > 0)) return upper(i) < max_ ? upper(i) : max_;
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 7;
  static constexpr uint64_t kSteps = 1U << kBits;

  static size_t index(uint64_t value) {
    if (value < kSteps) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kBits;
    return (shift + 1) * kSteps + (value >> shift) - kSteps;
  }

  static uint64_t upper(size_t index) {
    if (index < kSteps) return index;
    const size_t shift = index / kSteps - 1;
    return ((index % kSteps + kSteps + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - kBits + 1) * kSteps> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace mctenant::bench
