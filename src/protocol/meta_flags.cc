#include "protocol/meta_flags.h"

#include <charconv>
#include <cstring>
#include <system_error>

namespace mctenant::protocol {
namespace {

constexpr std::string_view kBadToken = "CLIENT_ERROR bad token in command line format";
// The longest token that goes to a server: a letter and 20 digits with a sign, and some room.
constexpr size_t kLongestNumber = 24;

bool is_space(char c) { return c >= '\t' && c <= '\r'; }

void trim(std::string_view& word) {
  while (!word.empty() && is_space(word.front())) word.remove_prefix(1);
  size_t size = 0;
  while (size < word.size() && !is_space(word[size])) ++size;
  word = word.substr(0, size);
}

template <class Number>
std::optional<Number> read(std::string_view word) {
  trim(word);
  if (!word.empty() && word.front() == '+') word.remove_prefix(1);
  Number number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

constexpr uint64_t letters(std::string_view all) {
  uint64_t set = 0;
  for (const char letter : all) set |= meta_bit(letter);
  return set;
}
constexpr uint64_t kKnown = letters("bNTRlOPLkstcfvhuqFCMJDI");

template <class Number, class Value>
bool take(const std::optional<Number>& number, Value& out) {
  if (number) out = static_cast<Value>(*number);
  return number.has_value();
}

// The token of one flag. False leaves its complaint in `error`.
void read_token(std::string_view word, bool key_is_base64, MetaFlags& out) {
  const std::string_view token = word.substr(1);
  int64_t ignored = 0;
  switch (word.front()) {
    case 'b':
      if (!key_is_base64) out.error = "CLIENT_ERROR error decoding key";
      return;
    case 'N':
      if (!take(read_signed32(token), out.vivify_expiry)) out.error = kBadToken;
      return;
    case 'T':
      if (!take(read_signed32(token), out.expiry)) out.error = kBadToken;
      return;
    case 'R':
      if (!take(read_signed32(token), ignored)) out.error = kBadToken;
      return;
    case 'F':
      if (!take(read_unsigned(token), out.client_flags) && out.error.empty())
        out.error = "CLIENT_ERROR bad command line format";
      return;
    case 'C':
      if (!take(read_unsigned(token), out.cas)) out.error = kBadToken;
      return;
    case 'M':
      if (token.size() != 1) {
        out.error = "CLIENT_ERROR incorrect length for M token";
      } else {
        out.mode = token.front();
      }
      return;
    case 'J':
      if (!take(read_unsigned(token), out.initial)) out.error = "CLIENT_ERROR invalid numeric initial value";
      return;
    case 'D':
      if (!take(read_unsigned(token), out.delta)) out.error = "CLIENT_ERROR invalid numeric delta value";
      return;
    default:
      return;
  }
}

}  // namespace

std::optional<int64_t> read_signed(std::string_view word) { return read<int64_t>(word); }

std::optional<uint64_t> read_unsigned(std::string_view word) { return read<uint64_t>(word); }

std::optional<int32_t> read_signed32(std::string_view word) {
  const auto number = read_signed(word);
  if (!number) return std::nullopt;
  return static_cast<int32_t>(*number);
}

MetaFlags read_meta_flags(std::span<const std::string_view> words, bool key_is_base64) {
  MetaFlags out;
  for (const std::string_view word : words) {
    const char letter = word.front();
    const bool in_range = letter >= 'A' && letter <= 'z';
    if (static_cast<uint8_t>(letter) >= 127 || (in_range && out.has(letter))) {
      out.error = "CLIENT_ERROR duplicate flag";
      return out;
    }
    if (!in_range || (kKnown & meta_bit(letter)) == 0) {
      out.error = "CLIENT_ERROR invalid flag";
      return out;
    }
    out.seen |= meta_bit(letter);
    if (word.size() > 1 || letters("bNTRFCMJD") & meta_bit(letter)) read_token(word, key_is_base64, out);
    // Such a token would make the line to the server longer than any is. O, P and L don't go there.
    const bool stays_here = letter == 'O' || letter == 'P' || letter == 'L';
    if (word.size() > kLongestNumber && !stays_here) out.error = kBadToken;
  }
  return out;
}

bool read_meta_return(std::span<const std::string_view> words, const MetaFlags& flags, MetaReturn& out) {
  out = MetaReturn{};
  out.value = flags.has('v');
  out.key = flags.has('k');
  out.base64 = flags.has('b');
  out.conditional = flags.has('C');
  constexpr uint64_t kReturned = letters("cfhklstO");
  for (const std::string_view word : words) {
    if ((kReturned & meta_bit(word.front())) == 0) continue;
    out.add(word.front());
    if (word.front() != 'O') continue;
    if (word.size() > MetaReturn::kMaxOpaque) return false;
    out.opaque_size = static_cast<uint8_t>(word.size());
    std::memcpy(out.opaque.data(), word.data(), word.size());
  }
  return true;
}

}  // namespace mctenant::protocol
