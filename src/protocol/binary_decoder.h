#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/client_request.h"

namespace mctenant::protocol {

inline constexpr size_t kBinaryHeader = 24;
inline constexpr uint8_t kBinaryRequestMagic = 0x80;
inline constexpr uint8_t kBinaryReplyMagic = 0x81;

// Turns bytes into requests (memcached's doc/protocol-binary.txt). Pure: no sockets, no tenants, no clock.
//
// A body that can't be used (too long, of a refused command, of the wrong shape) is dropped as it arrives and
// the request comes out with its fault when the last byte of it has been seen: nothing of it is held.
class BinaryDecoder {
 public:
  using Result = Decoded;
  using Outcome = Decoded::Outcome;

  // Key + value of a stored item, at most.
  explicit BinaryDecoder(uint64_t item_size) : item_size_(item_size) {}

  // Before sign-in only what anyone may do comes through; all else gets auth_error, and is not held.
  void set_signed_in(bool signed_in) { signed_in_ = signed_in; }

  // Looks at the beginning of `in`. The next call must get the bytes behind `consumed`. A request without a
  // fault may be left unconsumed, and comes out again the same.
  [[nodiscard]] Result decode(std::string_view in);

  // Longest mechanism and message of a sign-in, in bytes: what a stranger can make us hold.
  static constexpr size_t kMaxSaslBody = 1920;

 private:
  struct Header;

  [[nodiscard]] Result read(std::string_view in);
  [[nodiscard]] Status judge(const Header& header) const;
  [[nodiscard]] Result refuse(const Header& header, Status fault, std::string_view in);
  [[nodiscard]] Result drop(std::string_view in);

  uint64_t item_size_;
  bool signed_in_ = false;
  uint64_t drop_left_ = 0;      // bytes of a refused body still to come
  bool refusal_waits_ = false;  // `refused_` comes out once they have
  ClientRequest refused_;
  std::string refused_key_;
};

}  // namespace mctenant::protocol
