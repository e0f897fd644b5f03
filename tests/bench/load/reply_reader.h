#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "load/command.h"

namespace mctenant::bench {

struct LoadReply {
  // kStored is any change that was made; kNo one that was not, since the item was there, or not, or changed;
  // kEnd follows the hits of a multi-get.
  enum Kind : uint8_t { kHit, kMiss, kStored, kNo, kEnd, kError };
  Kind kind = kError;
  // Of a hit; other replies have none.
  size_t value_size = 0;
  // Binary only.
  uint32_t opaque = 0;
  uint16_t status = 0;
  // Of a hit; in text only of `gets`.
  uint64_t cas = 0;
};

// Cuts a stream of replies, in whatever pieces it comes. Values are passed over,
// not kept, so that big ones cost the load generator no more than their reading.
class ReplyReader {
 public:
  // With `multi_get`, text gets are of many keys: each of their hits is a reply.
  ReplyReader(Protocol protocol, bool multi_get)
      : lines_(protocol != Protocol::kBinary), multi_get_(multi_get) {}

  // Takes `size` bytes; calls `each(reply)` for every reply that ends in them. False once the stream made no
  // sense.
  template <class Each>
  bool feed(const char* bytes, size_t size, Each&& each) {
    const char* const end = bytes + size;
    while (bytes != end || done_) {
      if (skip_ > 0) {
        const size_t step = std::min<size_t>(skip_, static_cast<size_t>(end - bytes));
        skip_ -= step;
        bytes += step;
        if (skip_ > 0) return true;
      } else if (!done_) {
        bytes = lines_ ? take_line(bytes, end) : take_header(bytes, end);
        if (broken_) return false;
      }
      if (skip_ == 0 && done_) {
        done_ = false;
        each(reply_);
      }
    }
    return true;
  }

 private:
  const char* take_header(const char* bytes, const char* end);
  void on_header(const char* header);
  const char* take_line(const char* bytes, const char* end);
  void on_line(const char* line, size_t size);

  bool lines_;
  bool multi_get_;
  bool broken_ = false;
  // The reply is complete once `skip_` bytes have passed.
  bool done_ = false;
  // A text value was seen whose END has not come yet.
  bool in_value_ = false;
  size_t skip_ = 0;
  LoadReply reply_;
  std::string partial_;
};

}  // namespace mctenant::bench
