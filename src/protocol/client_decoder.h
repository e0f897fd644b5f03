#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "protocol/binary_decoder.h"
#include "protocol/client_request.h"
#include "protocol/text_decoder.h"

namespace mctenant::protocol {

// Reads what a client sends. The first byte of the connection says in which protocol, for as long as it
// stands.
class ClientDecoder {
 public:
  // Key + value of a stored item, at most.
  explicit ClientDecoder(uint64_t item_size)
      : item_size_(item_size), decoder_(std::in_place_index<0>, item_size) {}

  void set_signed_in(bool signed_in) {
    signed_in_ = signed_in;
    std::visit([signed_in](auto& decoder) { decoder.set_signed_in(signed_in); }, decoder_);
  }

  // As BinaryDecoder::decode(); `in` is not empty.
  [[nodiscard]] Decoded decode(std::string_view in) {
    if (!begun_) begin(in.front());
    if (auto* binary = std::get_if<BinaryDecoder>(&decoder_)) return binary->decode(in);
    return std::get_if<TextDecoder>(&decoder_)->decode(in);
  }

 private:
  void begin(char first) {
    begun_ = true;
    if (static_cast<uint8_t>(first) == kBinaryRequestMagic) return;
    decoder_.emplace<TextDecoder>(item_size_).set_signed_in(signed_in_);
  }

  const uint64_t item_size_;
  bool begun_ = false;
  bool signed_in_ = false;
  std::variant<BinaryDecoder, TextDecoder> decoder_;
};

}  // namespace mctenant::protocol
