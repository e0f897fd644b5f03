#pragma once

#include <chrono>
#include <cstdint>

namespace mctenant::bench {

// Nanoseconds of a clock that only goes forward.
inline uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

inline uint64_t seconds_to_ns(double seconds) { return static_cast<uint64_t>(seconds * 1e9); }

}  // namespace mctenant::bench
