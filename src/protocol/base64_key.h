#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "protocol/words.h"

namespace mctenant::protocol {

// Keys in base64 (RFC 4648, section 4), as meta commands write those that are not text.

// The key behind `text`, in `buffer`. Nothing if it is not base64, empty or too long. As in memcached, what
// stands behind padding is not looked at.
[[nodiscard]] std::optional<std::string_view> decode_base64_key(std::string_view text, KeyBuffer& buffer);

// Bytes of `size` bytes in base64.
[[nodiscard]] constexpr size_t base64_size(size_t size) { return (size + 2) / 3 * 4; }
// Writes base64_size(key.size()) bytes; returns their end.
char* encode_base64_key(std::string_view key, char* out);

}  // namespace mctenant::protocol
