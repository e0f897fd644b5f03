#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace mctenant::base {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// "25MiB" → bytes. A whole number with the suffix B, KiB, MiB, GiB, TiB or none (bytes).
[[nodiscard]] Expected<uint64_t> parse_byte_size(std::string_view text);
// 26214400 → "25MiB"; a size that is no whole multiple of a unit is told in the next smaller one.
[[nodiscard]] std::string format_byte_size(uint64_t bytes);

// "250ms", "5s", "2m", "12h", "30d" → duration. A whole number with one of the suffixes ms, s, m, h, d.
[[nodiscard]] Expected<Duration> parse_duration(std::string_view text);
[[nodiscard]] std::string format_duration(Duration duration);

}  // namespace mctenant::base
