// Any bytes in any pieces: the requests are the same as in one piece, and no more is asked for than a line
// and its value may have. Input: a byte of switches (1: signed in), a byte that divides the rest into pieces,
// then the bytes.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/text_decoder.h"

namespace {

using namespace mctenant::protocol;

constexpr uint64_t kItemSize = 300;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Seen {
  std::string_view row;
  Status fault;
  std::string words;
  std::string key;
  std::string value;
  std::string flags;
  std::string wanted;
  bool last;
  bool operator==(const Seen&) const = default;
};

class Client {
 public:
  explicit Client(bool signed_in) { decoder_.set_signed_in(signed_in); }

  void give(std::string_view bytes) {
    held_ += bytes;
    while (!ended_ && !held_.empty()) {
      const auto result = decoder_.decode(held_);
      if (result.outcome == TextDecoder::Outcome::incomplete) {
        require(result.needed > held_.size());
        require(result.needed <= 2 * TextDecoder::kMaxKeysLine);
        return;
      }
      require(result.consumed <= held_.size());
      ended_ =
          result.outcome == TextDecoder::Outcome::broken || result.outcome == TextDecoder::Outcome::foreign;
      require(ended_ || result.consumed > 0);
      if (result.outcome == TextDecoder::Outcome::request || result.outcome == TextDecoder::Outcome::broken)
        keep(result.request);
      held_.erase(0, result.consumed);
    }
  }
  [[nodiscard]] const std::vector<Seen>& seen() const { return seen_; }

 private:
  void keep(const ClientRequest& made) {
    const Request& request = made.request;
    require(made.row != nullptr);
    require(made.fault == Status::ok || request.value.size == 0);
    require(made.fault != Status::ok || made.row->handling != Handling::refused);
    if (made.row->handling == Handling::forwarded) require(!request.key.empty() && request.key.size() <= 250);
    require((made.row->dialect == Dialect::meta && made.row->handling == Handling::forwarded) ==
            (made.meta != nullptr));
    std::string wanted;
    if (made.meta != nullptr && made.fault == Status::ok) {
      wanted.assign(made.meta->letters.data(), made.meta->count);
      wanted += made.meta->opaque_token();
    }
    seen_.push_back(
        {made.row->name, made.fault, std::string(made.words), std::string(request.key),
         request.value.size == 0 ? std::string() : std::string(request.value.data, request.value.size),
         std::string(request.meta_flags), wanted, made.last});
  }

  TextDecoder decoder_{kItemSize};
  std::string held_;
  std::vector<Seen> seen_;
  bool ended_ = false;
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
