#pragma once

#include <atomic>

namespace mctenant::base {

// A value that its owner reads and writes as any other, and that other threads may read at any time for a
// hint: what they get may be old, and fit nothing else that they read.
template <typename T>
class Relaxed {
 public:
  Relaxed() = default;
  Relaxed(T value) : value_(value) {}  // NOLINT(google-explicit-constructor): stands in a T's place
  Relaxed(const Relaxed& other) : value_(other.get()) {}
  Relaxed& operator=(const Relaxed& other) {
    value_.store(other.get(), std::memory_order_relaxed);
    return *this;
  }
  ~Relaxed() = default;

  [[nodiscard]] T get() const { return value_.load(std::memory_order_relaxed); }
  operator T() const { return get(); }  // NOLINT(google-explicit-constructor): as above

 private:
  std::atomic<T> value_{};
};

}  // namespace mctenant::base
