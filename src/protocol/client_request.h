#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/command_row.h"
#include "protocol/message.h"
#include "protocol/meta_return.h"

namespace mctenant::protocol {

// A request of a client, in whatever dialect.
struct ClientRequest {
  const CommandRow* row = nullptr;
  uint32_t opaque = 0;  // binary
  bool alone = false;   // text reads: the only key of its line
  bool last = false;    // … the last: the line's end stands behind its reply
  // Not ok: the request can't be carried out, for this reason, and is to be answered with it. Its body has
  // been dropped, so `request` has at most its command and, with too_large, its key.
  Status fault = Status::ok;
  std::string_view words;  // text, meta: the line that is the answer to an invalid request
  Request request;
  const MetaReturn* meta = nullptr;  // meta; the decoder's, until it is asked again
};

// What a decoder found at the beginning of its input.
struct Decoded {
  enum class Outcome {
    incomplete,  // `needed` bytes in one piece are wanted (more than were given)
    dropped,     // `consumed` bytes were not worth keeping; go on with what follows
    request,     // `consumed` bytes were this request; its views look into the input
    broken,      // the length can't be trusted: answer `request` and close
    foreign,     // another protocol: close without an answer
  };
  Outcome outcome = Outcome::incomplete;
  size_t consumed = 0;
  size_t needed = 0;
  ClientRequest request;
};

}  // namespace mctenant::protocol
