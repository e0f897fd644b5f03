#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mctenant::protocol {

// What a client of the meta protocol wants back, kept until its reply is written. It costs next
// to nothing where nobody is such a client: nothing of it is set before MetaReturn{} or, cheaper, clear().
struct MetaReturn {
  // The longest opaque token that memcached takes, with its letter.
  static constexpr size_t kMaxOpaque = 32;

  uint8_t count;
  std::array<char, 8> letters;  // of c f h k l s t O, each once, in the client's order
  uint8_t opaque_size;
  std::array<char, kMaxOpaque> opaque;  // with its letter
  bool value;                           // v
  bool key;                             // k
  bool base64;                          // b: the key is given back in base64
  bool conditional;                     // C: what is not there is not found, rather than not stored

  // Nothing is given back; the arrays, which then say nothing, stay as they are.
  void clear() {
    count = opaque_size = 0;
    value = key = base64 = conditional = false;
  }
  void add(char letter) { letters[count++] = letter; }
  [[nodiscard]] std::string_view opaque_token() const { return {opaque.data(), opaque_size}; }
};

}  // namespace mctenant::protocol
