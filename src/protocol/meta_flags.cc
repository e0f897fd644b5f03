#include "protocol/meta_flags.h"

#include <charconv>
#include <cstring>
#include <system_error>

#include "protocol/base64_key.h"
#include "protocol/words.h"

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

// The rare ones.
template <class Number>
[[gnu::noinline]] std::optional<Number> read_other(std::string_view word) {
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
constexpr uint64_t kReturned = letters("cfhklstO");
constexpr uint64_t kWithToken = letters("bNTRFCMJD");
constexpr uint64_t kPlain = kKnown & ~(kReturned | kWithToken);

template <class Number>
std::optional<Number> read(std::string_view word) {
  Number number = 0;
  if (read_digits(word, number)) return number;
  return read_other<Number>(word);
}

template <class Number, class Value>
bool take(const std::optional<Number>& number, Value& out) {
  if (number) out = static_cast<Value>(*number);
  return number.has_value();
}

bool decode_key(std::string_view& key, std::unique_ptr<KeyBuffer>& buffer) {
  if (!buffer) buffer = std::make_unique<KeyBuffer>();
  const auto decoded = decode_base64_key(key, *buffer);
  if (decoded) key = *decoded;
  return decoded.has_value();
}

// The token of a flag that has one.
void read_token(std::string_view word, std::string_view& key, std::unique_ptr<KeyBuffer>& buffer,
                MetaFlags& out) {
  const std::string_view token = word.substr(1);
  int64_t ignored = 0;
  switch (word.front()) {
    case 'b':
      if (!decode_key(key, buffer)) out.error = "CLIENT_ERROR error decoding key";
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

void want(std::string_view word, MetaReturn& wanted, MetaFlags& out) {
  wanted.add(word.front());
  if (word.front() != 'O') return;
  out.long_opaque = word.size() > MetaReturn::kMaxOpaque;
  if (out.long_opaque) return;
  wanted.opaque_size = static_cast<uint8_t>(word.size());
  std::memcpy(wanted.opaque.data(), word.data(), word.size());
}

// False if no further flag is looked at.
bool read_flag(std::string_view word, std::string_view& key, std::unique_ptr<KeyBuffer>& buffer,
               MetaReturn& wanted, MetaFlags& out) {
  const char letter = word.front();
  const bool in_range = letter >= 'A' && letter <= 'z';
  const uint64_t bit = in_range ? meta_bit(letter) : 0;
  if (static_cast<uint8_t>(letter) >= 127 || (out.seen & bit) != 0) {
    out.error = "CLIENT_ERROR duplicate flag";
    return false;
  }
  if ((kKnown & bit) == 0) {
    out.error = "CLIENT_ERROR invalid flag";
    return false;
  }
  if ((bit & kPlain) != 0 && word.size() == 1) {
    out.seen |= bit;
    return true;
  }
  if ((bit & letters("TN")) != 0 && out.has('t')) out.expiry_told_late = false;
  out.seen |= bit;
  if ((bit & kReturned) != 0) want(word, wanted, out);
  if ((bit & kWithToken) != 0) read_token(word, key, buffer, out);
  // Such a token would make the line to the server longer than any is. O, P and L don't go there.
  if (word.size() > kLongestNumber && (bit & letters("OPL")) == 0) out.error = kBadToken;
  return true;
}

}  // namespace

std::optional<int64_t> read_signed(std::string_view word) { return read<int64_t>(word); }

std::optional<uint64_t> read_unsigned(std::string_view word) { return read<uint64_t>(word); }

std::optional<int32_t> read_signed32(std::string_view word) {
  const auto number = read_signed(word);
  if (!number) return std::nullopt;
  return static_cast<int32_t>(*number);
}

MetaFlags read_meta_flags(std::string_view text, size_t most, std::string_view& key,
                          std::unique_ptr<KeyBuffer>& buffer, MetaReturn& wanted) {
  MetaFlags out;
  wanted = MetaReturn{};
  size_t count = 0;
  bool refused = false;  // only the number of flags may still matter
  for (std::string_view word = take_short_word(text); !word.empty(); word = take_short_word(text)) {
    if (++count > most) {
      out.too_many = true;
      break;
    }
    refused = refused || !read_flag(word, key, buffer, wanted, out);
  }
  wanted.value = out.has('v');
  wanted.key = out.has('k');
  wanted.base64 = out.has('b');
  wanted.conditional = out.has('C');
  return out;
}

}  // namespace mctenant::protocol
