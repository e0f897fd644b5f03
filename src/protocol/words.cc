#include "protocol/words.h"

#include <cstdint>

namespace mctenant::protocol {

std::optional<std::string_view> decode_key(std::string_view text, KeyBuffer& buffer) {
  size_t size = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (size == buffer.size()) return std::nullopt;
    char byte = text[at];
    if (byte == '%') {
      if (text.size() - at < 3) return std::nullopt;
      const char* const digits = text.data() + at + 1;
      uint8_t number = 0;
      const auto [end, error] = std::from_chars(digits, digits + 2, number, 16);
      if (error != std::errc() || end != digits + 2) return std::nullopt;
      byte = static_cast<char>(number);
      at += 2;
    }
    buffer[size++] = byte;
  }
  if (size == 0) return std::nullopt;
  return std::string_view(buffer.data(), size);
}

}  // namespace mctenant::protocol
