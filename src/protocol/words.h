#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace mctenant::protocol {

// The lines that servers write: words between spaces, many of them name=value.

// All of `text` is the number, of digits only, and of so few that all that many fit; most are.
template <class Number>
bool read_digits(std::string_view text, Number& out) {
  if (text.size() - 1 >= static_cast<size_t>(std::numeric_limits<Number>::digits10)) return false;
  Number number = 0;
  for (const char c : text) {
    const auto digit = static_cast<unsigned>(static_cast<unsigned char>(c)) - '0';
    if (digit > 9) return false;
    number = static_cast<Number>(number * 10 + static_cast<Number>(digit));
  }
  out = number;
  return true;
}

// All of `text` is the number; else false, and `out` may have changed.
template <class Number>
bool read_number(std::string_view text, Number& out) {
  if (read_digits(text, out)) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// As take_word(), for words of a few bytes.
inline std::string_view take_short_word(std::string_view& line) {
  const char* begin = line.data();
  const char* const end = begin + line.size();
  while (begin != end && *begin == ' ') ++begin;
  const char* behind = begin;
  while (behind != end && *behind != ' ') ++behind;
  line = {behind, static_cast<size_t>(end - behind)};
  return {begin, static_cast<size_t>(behind - begin)};
}

// The next word of `line`, which loses it; empty at the end.
inline std::string_view take_word(std::string_view& line) {
  const char* begin = line.data();
  const char* const end = begin + line.size();
  while (begin != end && *begin == ' ') ++begin;
  const auto left = static_cast<size_t>(end - begin);
  const auto* space = left == 0 ? nullptr : static_cast<const char*>(std::memchr(begin, ' ', left));
  const char* const behind = space == nullptr ? end : space;
  line = {behind, static_cast<size_t>(end - behind)};
  return {begin, static_cast<size_t>(behind - begin)};
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
