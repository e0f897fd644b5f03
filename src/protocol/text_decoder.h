#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/client_request.h"
#include "protocol/meta_return.h"
#include "protocol/text_commands.h"
#include "protocol/words.h"

namespace mctenant::protocol {

// Turns bytes into requests of the text and meta protocols (memcached's doc/protocol.txt, and where that says
// nothing, what 1.6.18 does). Pure: no sockets, no tenants, no clock.
//
// A line with several keys comes out as several requests, one after another; the last says that it is. A
// value that can't be used is dropped as it arrives, as in BinaryDecoder.
class TextDecoder {
 public:
  using Result = Decoded;
  using Outcome = Decoded::Outcome;

  // Longest line, in bytes with its end.
  static constexpr size_t kMaxLine = 2048;
  // … of one with keys to read.
  static constexpr size_t kMaxKeysLine = size_t{1} << 20;
  // Longest key of a client, as it is written.
  static constexpr size_t kMaxKey = 250;
  // Longest name and password of a sign-in: with its line, what a stranger can make us hold.
  static constexpr size_t kMaxSignIn = 1920;

  // Key + value of a stored item, at most.
  explicit TextDecoder(uint64_t item_size) : item_size_(item_size) {}

  // Before sign-in only a sign-in comes through; every other line gets auth_error.
  void set_signed_in(bool signed_in) { signed_in_ = signed_in; }

  // As BinaryDecoder::decode().
  [[nodiscard]] Result decode(std::string_view in);

 private:
  // A line: its words, and its bytes with its end.
  struct Line {
    std::string_view in;
    std::string_view words;
    size_t bytes = 0;
  };
  struct MetaLine;

  [[nodiscard]] Result unfinished(std::string_view in);
  [[nodiscard]] Result read(const Line& line, const TextVerb& verb);
  [[nodiscard]] Result read_sign_in(const Line& line);
  [[nodiscard]] Result read_unknown(const Line& line) const;
  [[nodiscard]] Result read_keys(const Line& line, const TextVerb& verb);
  [[nodiscard]] Result next_key(std::string_view in);
  [[nodiscard]] Result read_store(const Line& line, const TextVerb& verb);
  [[nodiscard]] Result read_change(const Line& line, const TextVerb& verb) const;
  [[nodiscard]] Result read_remove(const Line& line, const TextVerb& verb) const;
  [[nodiscard]] Result read_other(const Line& line, const TextVerb& verb) const;
  [[nodiscard]] Result read_meta(const Line& line, Form form);
  [[nodiscard]] Result meta_request(const MetaLine& meta, Command command) const;
  [[nodiscard]] Result read_meta_get(const MetaLine& meta) const;
  [[nodiscard]] Result read_meta_remove(const MetaLine& meta) const;
  [[nodiscard]] Result read_meta_set(const MetaLine& meta);
  [[nodiscard]] Result read_meta_store(const MetaLine& meta, uint64_t size);
  [[nodiscard]] Result read_meta_arithmetic(const MetaLine& meta);
  [[nodiscard]] Result read_describe(const Line& line);
  // Gives the request in `result` its value, once that is whole.
  void take_value(const Line& line, uint64_t size, Result& result);
  // A request that comes out when its value of `size` bytes has been dropped.
  [[nodiscard]] Result swallow(const Line& line, const ClientRequest& request, uint64_t size);
  [[nodiscard]] Result drop(std::string_view in);

  uint64_t item_size_;
  bool signed_in_ = false;
  size_t scanned_ = 0;  // bytes without a line's end, as was seen
  // A line of keys under way: its row, and what is left of it.
  const CommandRow* keys_row_ = nullptr;
  int64_t keys_expiry_ = 0;
  size_t keys_words_ = 0;
  size_t keys_bytes_ = 0;
  uint64_t drop_left_ = 0;      // bytes of a refused value still to come
  bool refusal_waits_ = false;  // `refused_` comes out once they have
  ClientRequest refused_;
  std::string refused_key_;
  MetaReturn meta_{};
  std::unique_ptr<KeyBuffer> decoded_key_;  // once a client writes keys in base64
};

}  // namespace mctenant::protocol
