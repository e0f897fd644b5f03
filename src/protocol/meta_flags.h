#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "protocol/meta_return.h"
#include "protocol/words.h"

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
  bool too_many = false;
  bool long_opaque = false;      // an opaque token that is too long; counts if nothing else is wrong
  bool expiry_told_late = true;  // t, if it is there, stands behind T and N

  [[nodiscard]] bool has(char letter) const { return (seen & meta_bit(letter)) != 0; }
};

// Reads `text`, flags of a letter and its token each. With b the key is decoded, in `buffer`. What is to be
// given back goes to `wanted`.
[[nodiscard]] MetaFlags read_meta_flags(std::string_view text, size_t most, std::string_view& key,
                                        std::unique_ptr<KeyBuffer>& buffer, MetaReturn& wanted);

// Numbers as memcached's C functions take them: with a sign, and with white space (no space) around.
[[nodiscard]] std::optional<int64_t> read_signed(std::string_view word);
// A negative one is none.
[[nodiscard]] std::optional<uint64_t> read_unsigned(std::string_view word);
// A signed one cut to 32 bits.
[[nodiscard]] std::optional<int32_t> read_signed32(std::string_view word);

}  // namespace mctenant::protocol
