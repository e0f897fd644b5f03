#pragma once

#include <atomic>
#include <cstdint>

namespace mctenant::base {

// A figure that one thread counts, without locked instructions, and any thread reads.
class Counter {
 public:
  void add(uint64_t n = 1) { set(get() + n); }
  void subtract(uint64_t n = 1) { set(get() - n); }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace mctenant::base
