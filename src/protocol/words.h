#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

namespace mctenant::protocol {

// The lines that servers write: words between spaces, many of them name=value.

// All of `text` is the number; else false, and `out` may have changed.
template <class Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// The next word of `line`, which loses it; empty at the end.
inline std::string_view take_word(std::string_view& line) {
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

// One word as name=value; the name is empty where it has none.
struct Field {
  std::string_view name;
  std::string_view value;
};
inline Field field_of(std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == word.npos) return {};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

// Room for the longest key of a server.
using KeyBuffer = std::array<char, 250>;

// A key as dumps and watches write it (%25 for a percent sign), plain in `buffer`. Nothing if it is empty,
// too long, or not so written.
[[nodiscard]] std::optional<std::string_view> decode_key(std::string_view text, KeyBuffer& buffer);

}  // namespace mctenant::protocol
