#include "protocol/text_decoder.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "protocol/meta_flags.h"

namespace mctenant::protocol {
namespace {

using Outcome = Decoded::Outcome;

constexpr std::string_view kBadFormat = "CLIENT_ERROR bad command line format";
constexpr std::string_view kNoReply = "noreply";
// Words of a line that are counted and kept; no command takes more.
constexpr size_t kMostWords = 8;
constexpr size_t kLongestValue = std::numeric_limits<int32_t>::max() - 2;
constexpr size_t kValueEnd = 2;

// The words of a line, of which commands that are not reads have a few.
struct Words {
  explicit Words(std::string_view line) {
    for (std::string_view word = take_word(line); !word.empty(); word = take_short_word(line)) {
      if (count < kMostWords) all[count] = {word.data(), word.size()};
      last = word;
      ++count;
    }
  }
  // Of those that there are.
  [[nodiscard]] std::string_view operator[](size_t i) const { return {all[i].data, all[i].size}; }
  [[nodiscard]] bool quiet() const { return last == kNoReply; }

  struct Word {
    const char* data;
    size_t size;
  };
  std::array<Word, kMostWords>
      all;  // NOLINT(cppcoreguidelines-pro-type-member-init): `count` of them are set
  std::string_view last;
  size_t count = 0;
};

void skip_spaces(std::string_view& line) {
  const size_t at = line.find_first_not_of(' ');
  line.remove_prefix(at == line.npos ? line.size() : at);
}

// A NUL ends the words of a line.
std::string_view until_nul(std::string_view words) { return words.substr(0, words.find('\0')); }

Decoded incomplete(size_t needed) {
  Decoded result;
  result.needed = needed;
  return result;
}

Decoded found(size_t consumed, const CommandRow& row) {
  Decoded result;
  result.outcome = Outcome::request;
  result.consumed = consumed;
  result.request.row = &row;
  result.request.request.command = row.command;
  return result;
}

Decoded error(size_t consumed, std::string_view words, bool quiet = false) {
  Decoded result = found(consumed, refused_text_row(quiet));
  result.request.fault = Status::invalid;
  result.request.words = words;
  return result;
}

Decoded unknown(size_t consumed) {
  Decoded result = found(consumed, refused_text_row(false));
  result.request.fault = Status::unknown_command;
  return result;
}

Decoded unauthenticated(size_t consumed, std::string_view words = {}) {
  Decoded result = found(consumed, refused_text_row(false));
  result.request.fault = Status::auth_error;
  result.request.words = words;
  return result;
}

// A browser, or a request that a browser was made to send.
bool is_http(std::string_view line) {
  const size_t last = line.find_last_of(' ');
  return last != line.npos && line.substr(last + 1).starts_with("HTTP/");
}

// Lengths as memcached takes them.
bool read_length(std::string_view word, uint64_t& size) {
  const auto number = read_signed(word);
  if (!number || *number < 0 || static_cast<uint64_t>(*number) > kLongestValue) return false;
  size = static_cast<uint64_t>(*number);
  return true;
}

// <key> <flags> <expiry> <bytes>, and the CAS of a comparison.
bool read_store_words(const Words& words, Form form, Request& request, uint64_t& size) {
  request.key = words[0];
  const auto flags = read_unsigned(words[1]);
  const auto expiry = read_signed32(words[2]);
  if (request.key.size() > TextDecoder::kMaxKey || !flags || !expiry || !read_length(words[3], size))
    return false;
  request.flags = static_cast<uint32_t>(*flags);
  request.expiry = *expiry;
  if (form != Form::compare) return true;
  const auto cas = read_unsigned(words[4]);
  if (!cas) return false;
  request.cas = *cas != 0 ? *cas : kNoCas;
  return true;
}

}  // namespace

TextDecoder::Result TextDecoder::decode(std::string_view in) {
  if (drop_left_ > 0 || refusal_waits_) return drop(in);
  if (!refused_key_.empty()) refused_key_ = std::string();  // nobody looks at it any more
  if (keys_bytes_ > 0) return next_key(in);
  const auto* end = static_cast<const char*>(std::memchr(in.data() + scanned_, '\n', in.size() - scanned_));
  if (end == nullptr) return unfinished(in);
  scanned_ = 0;
  Line line{in, {in.data(), static_cast<size_t>(end - in.data())}, static_cast<size_t>(end - in.data()) + 1};
  if (line.words.ends_with('\r')) line.words.remove_suffix(1);
  line.words = until_nul(line.words);
  // However its bytes arrive, a line that is too long ends the connection.
  if (!signed_in_) return line.bytes > kMaxLine ? unfinished(in) : read_sign_in(line);
  std::string_view rest = line.words;
  const std::string_view name = take_short_word(rest);
  const TextVerb* verb = find_text_verb(name);
  const bool keys = verb != nullptr && (verb->form == Form::keys || verb->form == Form::keys_and_expiry);
  if (line.bytes > (keys ? kMaxKeysLine : kMaxLine)) return unfinished(in);
  if (verb == nullptr) return read_unknown(line);
  line.words = rest;
  return read(line, *verb);
}

// Without a line's end, or with too much before it.
TextDecoder::Result TextDecoder::unfinished(std::string_view in) {
  std::string_view rest = until_nul(in.substr(0, kMaxLine));
  const TextVerb* verb = find_text_verb(take_word(rest));
  const bool keys =
      signed_in_ && verb != nullptr && (verb->form == Form::keys || verb->form == Form::keys_and_expiry);
  if (in.size() <= (keys ? kMaxKeysLine : kMaxLine)) {
    scanned_ = in.size();
    return incomplete(std::max<size_t>(2 * in.size(), 256));
  }
  Result result = error(0, "CLIENT_ERROR line too long");
  result.outcome = Outcome::broken;
  return result;
}

TextDecoder::Result TextDecoder::read_unknown(const Line& line) const {
  if (is_http(line.words)) {
    Result result;
    result.outcome = Outcome::foreign;
    return result;
  }
  return unknown(line.bytes);
}

TextDecoder::Result TextDecoder::read(const Line& line, const TextVerb& verb) {
  switch (verb.form) {
    case Form::keys:
    case Form::keys_and_expiry:
      return read_keys(line, verb);
    case Form::store:
    case Form::compare:
      return read_store(line, verb);
    case Form::arithmetic:
    case Form::touch:
      return read_change(line, verb);
    case Form::remove:
      return read_remove(line, verb);
    case Form::meta_get:
    case Form::meta_set:
    case Form::meta_remove:
    case Form::meta_arithmetic:
      return read_meta(line, verb.form);
    case Form::meta_describe:
      return read_describe(line);
    default:
      return read_other(line, verb);
  }
}

// set <key> <flags> <expiry> <bytes>, then name and password, or the password of the name that is the key.
TextDecoder::Result TextDecoder::read_sign_in(const Line& line) {
  if (line.bytes > kMaxLine) return unfinished(line.in);
  const Words words(line.words);
  if (words.count == 0) return unauthenticated(line.bytes);
  if (words[0] != "set") return is_http(line.words) ? read_unknown(line) : unauthenticated(line.bytes);
  uint64_t size = 0;
  if (words.count < 5 || !read_length(words[4], size)) return unauthenticated(line.bytes);
  Result result = found(0, text_sign_in_row());
  result.request.request.key = words[1];
  if (size > kMaxSignIn) {
    result.request.fault = Status::auth_error;
    return swallow(line, result.request, size);
  }
  const size_t total = line.bytes + size + kValueEnd;
  if (line.in.size() < total) return incomplete(total);
  if (line.in.substr(line.bytes + size, kValueEnd) != "\r\n")
    return unauthenticated(total, "CLIENT_ERROR bad command line termination");
  if (size == 0) return unauthenticated(total, "CLIENT_ERROR bad authentication token format");
  result.consumed = total;
  result.request.request.value = {{}, line.in.data() + line.bytes, size};
  return result;
}

TextDecoder::Result TextDecoder::read_keys(const Line& line, const TextVerb& verb) {
  std::string_view rest = line.words;
  skip_spaces(rest);
  if (rest.empty()) return unknown(line.bytes);
  int64_t expiry = 0;
  if (verb.form == Form::keys_and_expiry) {
    const auto told = read_signed32(take_word(rest));
    if (!told) return error(line.bytes, "CLIENT_ERROR invalid exptime argument");
    expiry = *told;
    skip_spaces(rest);
    if (rest.empty()) return found(line.bytes, end_row());
  }
  const char* const first = rest.data();
  const std::string_view key = take_word(rest);
  skip_spaces(rest);
  if (rest.empty()) {
    if (key.size() > kMaxKey) return error(line.bytes, kBadFormat);
    Result result = found(line.bytes, verb.loud);
    result.request.alone = result.request.last = true;
    result.request.request.key = key;
    result.request.request.expiry = expiry;
    return result;
  }
  // As in memcached one key that is too long spoils the whole line.
  const char* const end = line.words.data() + line.words.size();
  rest = {first, static_cast<size_t>(end - first)};
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    if (word.size() > kMaxKey) return error(line.bytes, kBadFormat);
  }
  keys_row_ = &verb.loud;
  keys_expiry_ = expiry;
  keys_words_ = static_cast<size_t>(end - line.in.data());
  keys_bytes_ = line.bytes;
  const auto before = static_cast<size_t>(first - line.in.data());
  keys_words_ -= before;
  keys_bytes_ -= before;
  Result result = next_key(line.in.substr(before));
  result.consumed += before;
  return result;
}

TextDecoder::Result TextDecoder::next_key(std::string_view in) {
  if (in.size() < keys_bytes_) return incomplete(keys_bytes_);
  std::string_view words = in.substr(0, keys_words_);
  const std::string_view key = take_word(words);
  skip_spaces(words);
  const bool last = words.empty();
  const size_t consumed = last ? keys_bytes_ : keys_words_ - words.size();
  keys_words_ -= std::min(keys_words_, consumed);
  keys_bytes_ -= consumed;
  Result result = found(consumed, *keys_row_);
  result.request.last = last;
  result.request.request.key = key;
  result.request.request.expiry = keys_expiry_;
  return result;
}

// The result has one name, and so is made where it is wanted.
TextDecoder::Result TextDecoder::read_store(const Line& line, const TextVerb& verb) {
  const Words words(line.words);
  const size_t least = verb.form == Form::compare ? 5 : 4;
  const bool quiet = words.quiet();
  Result result = found(0, verb.row(quiet));
  uint64_t size = 0;
  if (words.count != least && words.count != least + 1) {
    result = unknown(line.bytes);
  } else if (!read_store_words(words, verb.form, result.request.request, size)) {
    result = error(line.bytes, kBadFormat, quiet);
  } else {
    take_value(line, size, result);
  }
  return result;
}

void TextDecoder::take_value(const Line& line, uint64_t size, Result& result) {
  Request& request = result.request.request;
  if (request.key.size() + size > item_size_) {
    result.request.fault = Status::too_large;
    result = swallow(line, result.request, size);
    return;
  }
  const size_t total = line.bytes + size + kValueEnd;
  if (line.in.size() < total) {
    result = incomplete(total);
    return;
  }
  const char* const value = line.in.data() + line.bytes;
  if (value[size] != '\r' || value[size + 1] != '\n') {
    const bool quiet = result.request.row->quiet && result.request.row->dialect == Dialect::text;
    result = error(total, "CLIENT_ERROR bad data chunk", quiet);
    return;
  }
  result.outcome = Outcome::request;
  result.consumed = total;
  request.value = {{}, value, size};
}

TextDecoder::Result TextDecoder::read_change(const Line& line, const TextVerb& verb) const {
  const Words words(line.words);
  if (words.count != 2 && words.count != 3) return unknown(line.bytes);
  const bool quiet = words.quiet();
  Result result = found(line.bytes, verb.row(quiet));
  Request& request = result.request.request;
  request.key = words[0];
  if (request.key.size() > kMaxKey) return error(line.bytes, kBadFormat, quiet);
  if (verb.form == Form::touch) {
    const auto expiry = read_signed32(words[1]);
    if (!expiry) return error(line.bytes, "CLIENT_ERROR invalid exptime argument", quiet);
    request.expiry = *expiry;
  } else {
    const auto delta = read_unsigned(words[1]);
    if (!delta) return error(line.bytes, "CLIENT_ERROR invalid numeric delta argument", quiet);
    request.delta = *delta;
  }
  return result;
}

// Once there was a time to hold a key back, and 0 is still taken for it.
TextDecoder::Result TextDecoder::read_remove(const Line& line, const TextVerb& verb) const {
  const Words words(line.words);
  if (words.count < 1 || words.count > 3) return unknown(line.bytes);
  const bool quiet = words.count > 1 && words.quiet();
  if (words.count > 1) {
    const bool zero = words[1] == "0";
    const bool valid = words.count == 2 ? zero || quiet : zero && quiet;
    if (!valid) {
      return error(line.bytes, "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]", quiet);
    }
  }
  if (words[0].size() > kMaxKey) return error(line.bytes, kBadFormat, quiet);
  Result result = found(line.bytes, verb.row(quiet));
  result.request.request.key = words[0];
  return result;
}

TextDecoder::Result TextDecoder::read_other(const Line& line, const TextVerb& verb) const {
  const Words words(line.words);
  const bool quiet = words.quiet();
  switch (verb.form) {
    case Form::flush: {
      if (words.count > 2) return unknown(line.bytes);
      Result result = found(line.bytes, verb.row(quiet));
      if (words.count == (quiet ? 1 : 0)) return result;
      const auto delay = read_signed32(words[0]);
      if (!delay) return error(line.bytes, "CLIENT_ERROR invalid exptime argument", quiet);
      result.request.request.expiry = *delay;
      return result;
    }
    case Form::verbosity:
      if (words.count != 1 && words.count != 2) return unknown(line.bytes);
      if (!read_unsigned(words[0])) return error(line.bytes, kBadFormat, quiet);
      return found(line.bytes, verb.row(quiet));
    case Form::statistics: {
      Result result = found(line.bytes, verb.loud);
      if (words.count > 0) result.request.request.key = words[0];
      return result;
    }
    case Form::administrative:
      return error(line.bytes, "CLIENT_ERROR command not allowed");
    default:
      return found(line.bytes, verb.loud);
  }
}

TextDecoder::Result TextDecoder::swallow(const Line& line, const ClientRequest& request, uint64_t size) {
  refused_ = request;
  if (refused_.meta != nullptr) refused_.meta = &meta_;
  if (request.fault == Status::too_large) {
    refused_key_.assign(request.request.key);
    refused_.request.key = refused_key_;
  } else {
    refused_.request.key = {};
  }
  refused_.request.value = {};
  refused_.request.meta_flags = {};
  drop_left_ = line.bytes + size + kValueEnd;
  refusal_waits_ = true;
  return drop(line.in);
}

TextDecoder::Result TextDecoder::drop(std::string_view in) {
  Result result;
  result.consumed = static_cast<size_t>(std::min<uint64_t>(drop_left_, in.size()));
  if (result.consumed < drop_left_) {
    drop_left_ -= result.consumed;
    result.outcome = Outcome::dropped;
    return result;
  }
  drop_left_ = 0;
  refusal_waits_ = false;
  result.outcome = Outcome::request;
  result.request = refused_;
  return result;
}

}  // namespace mctenant::protocol
