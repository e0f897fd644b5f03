#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mctenant::auth {

// RFC 4648, section 4: the ordinary alphabet, with padding.
[[nodiscard]] std::string encode_base64(std::string_view bytes);
// Takes only what encode_base64() writes: no white space, no missing padding, no stray bits.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace mctenant::auth
