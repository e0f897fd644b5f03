#include "base/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace mctenant::base {
namespace {

using Unit = std::pair<std::string_view, uint64_t>;

constexpr std::array<Unit, 5> kSizeUnits{
    {{"TiB", kGiB * 1024}, {"GiB", kGiB}, {"MiB", kMiB}, {"KiB", kKiB}, {"B", 1}}};
constexpr uint64_t kMillisecond = 1'000'000;
constexpr std::array<Unit, 5> kTimeUnits{{{"d", 86'400'000 * kMillisecond},
                                          {"h", 3'600'000 * kMillisecond},
                                          {"m", 60'000 * kMillisecond},
                                          {"s", 1'000 * kMillisecond},
                                          {"ms", kMillisecond}}};

// Splits "25MiB" into 25 and "MiB" and multiplies. `limit` is the largest result.
template <size_t N>
Expected<uint64_t> parse_with_units(std::string_view text, const std::array<Unit, N>& units, uint64_t limit,
                                    std::string_view what) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error == std::errc() && end != text.data()) {
    for (const auto& [name, factor] : units) {
      if (suffix != name) continue;
      if (number > limit / factor) return fail("\"" + std::string(text) + "\" is too large");
      return number * factor;
    }
  }
  return fail("\"" + std::string(text) + "\" is not " + std::string(what));
}

template <size_t N>
std::string format_with_units(uint64_t value, const std::array<Unit, N>& units) {
  for (const auto& [name, factor] : units) {
    if (value >= factor && value % factor == 0) return std::to_string(value / factor) + std::string(name);
  }
  return "0" + std::string(units.back().first);
}

}  // namespace

Expected<uint64_t> parse_byte_size(std::string_view text) {
  uint64_t plain = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), plain);
  if (error == std::errc() && end == text.data() + text.size()) return plain;
  return parse_with_units(text, kSizeUnits, std::numeric_limits<uint64_t>::max(),
                          "a size, such as \"25MiB\", \"64KiB\" or a number of bytes");
}

std::string format_byte_size(uint64_t bytes) { return format_with_units(bytes, kSizeUnits); }

Expected<Duration> parse_duration(std::string_view text) {
  return parse_with_units(text, kTimeUnits, static_cast<uint64_t>(std::numeric_limits<int64_t>::max()),
                          "a duration, such as \"250ms\", \"5s\" or \"30d\"")
      .map([](uint64_t nanoseconds) { return Duration(static_cast<int64_t>(nanoseconds)); });
}

std::string format_duration(Duration duration) {
  return format_with_units(static_cast<uint64_t>(duration.count()), kTimeUnits);
}

}  // namespace mctenant::base
