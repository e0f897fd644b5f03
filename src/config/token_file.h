#pragma once

#include <string>

#include "base/error.h"

namespace mctenant::config {

struct TokenFile {
  std::string token;
  bool open_to_others = false;  // anybody on the machine may read or write it
};

inline constexpr size_t kMinToken = 16;
inline constexpr size_t kMaxToken = 1024;

// Reads a token: the file's text without white space at its ends, kMinToken to kMaxToken visible ASCII
// characters, as an HTTP header can carry. The error never holds the token.
[[nodiscard]] base::Expected<TokenFile> read_token_file(const std::string& path);

}  // namespace mctenant::config
