#include "protocol/base64_key.h"

#include <array>
#include <cstdint>

namespace mctenant::protocol {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNone = 0xff;

constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  for (uint8_t& value : values) value = kNone;
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return values;
}
constexpr std::array<uint8_t, 256> kValues = make_values();

}  // namespace

std::optional<std::string_view> decode_base64_key(std::string_view text, KeyBuffer& buffer) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  size_t size = 0;
  for (size_t at = 0; at < text.size(); at += 4) {
    const std::string_view group = text.substr(at, 4);
    size_t digits = 4;
    if (group[3] == '=') digits = group[2] == '=' ? 2 : 3;
    uint32_t bits = 0;
    for (size_t i = 0; i < digits; ++i) {
      const uint8_t value = kValues[static_cast<uint8_t>(group[i])];
      if (value == kNone) return std::nullopt;
      bits |= uint32_t{value} << (18 - 6 * i);
    }
    if (size + digits - 1 > buffer.size()) return std::nullopt;
    for (size_t i = 0; i + 1 < digits; ++i) buffer[size++] = static_cast<char>(bits >> (16 - 8 * i));
    if (digits < 4) break;
  }
  return std::string_view(buffer.data(), size);
}

char* encode_base64_key(std::string_view key, char* out) {
  for (size_t at = 0; at < key.size(); at += 3) {
    const std::string_view group = key.substr(at, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < group.size(); ++i)
      bits |= uint32_t{static_cast<uint8_t>(group[i])} << (16 - 8 * i);
    for (size_t i = 0; i < 4; ++i) *out++ = i <= group.size() ? kAlphabet[bits >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

}  // namespace mctenant::protocol
