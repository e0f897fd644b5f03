// Any bytes in any pieces: the requests are the same as in one piece, and no more is asked for than a frame
// may have. Input: a byte of switches (1: signed in), a byte that divides the rest into pieces, then the
// bytes.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/binary_decoder.h"

namespace {

using namespace mctenant::protocol;

constexpr uint64_t kItemSize = 300;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Seen {
  int opcode;
  uint32_t opaque;
  Status fault;
  std::string key;
  std::string value;
  bool operator==(const Seen&) const = default;
};

class Client {
 public:
  explicit Client(bool signed_in) { decoder_.set_signed_in(signed_in); }

  void give(std::string_view bytes) {
    held_ += bytes;
    while (!broken_ && !held_.empty()) {
      const auto result = decoder_.decode(held_);
      if (result.outcome == BinaryDecoder::Outcome::incomplete) {
        require(result.needed > held_.size());
        require(result.needed <= kBinaryHeader + 255 + 65'535 + BinaryDecoder::kMaxSaslBody);
        return;
      }
      require(result.consumed <= held_.size());
      broken_ = result.outcome == BinaryDecoder::Outcome::broken;
      require(broken_ || result.consumed > 0);
      if (result.outcome != BinaryDecoder::Outcome::dropped) keep(result.request);
      held_.erase(0, result.consumed);
    }
  }
  [[nodiscard]] const std::vector<Seen>& seen() const { return seen_; }

 private:
  void keep(const ClientRequest& request) {
    const auto& value = request.request.value;
    require(request.fault == Status::ok || value.size == 0);
    seen_.push_back({request.row->opcode, request.opaque, request.fault, std::string(request.request.key),
                     value.size == 0 ? std::string() : std::string(value.data, value.size)});
  }

  BinaryDecoder decoder_{kItemSize};
  std::string held_;
  std::vector<Seen> seen_;
  bool broken_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool signed_in = (data[0] & 1) != 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  Client whole(signed_in);
  whole.give(rest);
  Client pieces(signed_in);
  uint32_t length = data[1];
  while (!rest.empty()) {
    const std::string_view piece = rest.substr(0, 1 + length % 61);
    pieces.give(piece);
    rest.remove_prefix(piece.size());
    length = length * 31 + 7;
  }
  require(whole.seen() == pieces.seen());
  return 0;
}
