#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/meta_return.h"

namespace mctenant::protocol {

// A set of flags' letters as bits.
[[nodiscard]] constexpr uint64_t meta_bit(char letter) { return uint64_t{1} << (letter - 'A'); }

// The flags of one command of the meta protocol, read as memcached 1.6.18 reads them.
struct MetaFlags {
  // Flags of one line, at most; of ms one less, for the length.
  static constexpr size_t kMost = 17;

  uint64_t seen = 0;          // meta_bit() of each
  int64_t expiry = 0;         // T
  int64_t vivify_expiry = 0;  // N
  uint32_t client_flags = 0;  // F
  uint64_t cas = 0;           // C
  uint64_t delta = 1;         // D
  uint64_t initial = 0;       // J
  char mode = 0;              // M; 0: none
  std::string_view error;     // the line to answer with; empty: none

  [[nodiscard]] bool has(char letter) const { return (seen & meta_bit(letter)) != 0; }
};

// Reads flags, each a letter and its token. `key_is_base64`: what b would decode is base64.
[[nodiscard]] MetaFlags read_meta_flags(std::span<const std::string_view> words, bool key_is_base64);

// What of them is to be given back. False if the opaque token is too long.
[[nodiscard]] bool read_meta_return(std::span<const std::string_view> words, const MetaFlags& flags,
                                    MetaReturn& out);

// Numbers as memcached's C functions take them: with a sign, and with white space (no space) around.
[[nodiscard]] std::optional<int64_t> read_signed(std::string_view word);
// A negative one is none.
[[nodiscard]] std::optional<uint64_t> read_unsigned(std::string_view word);
// A signed one cut to 32 bits.
[[nodiscard]] std::optional<int32_t> read_signed32(std::string_view word);

}  // namespace mctenant::protocol
