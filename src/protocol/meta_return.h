#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mctenant::protocol {

// What a client of the meta protocol wants back, kept until its reply is written. Without pointers, so that
// it is copied as it is.
struct MetaReturn {
  // The longest opaque token that memcached takes, with its letter.
  static constexpr size_t kMaxOpaque = 32;

  uint8_t count = 0;
  std::array<char, 8> letters;  // of c f h k l s t O, each once, in the client's order
  uint8_t opaque_size = 0;
  std::array<char, kMaxOpaque> opaque;  // with its letter
  bool value = false;                   // v
  bool key = false;                     // k
  bool base64 = false;                  // b: the key is given back in base64
  bool conditional = false;             // C: what is not there is not found, rather than not stored

  void add(char letter) { letters[count++] = letter; }
  [[nodiscard]] std::string_view opaque_token() const { return {opaque.data(), opaque_size}; }
};

}  // namespace mctenant::protocol
