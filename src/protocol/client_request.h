#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/command_row.h"
#include "protocol/message.h"

namespace mctenant::protocol {

// A request of a client, in whatever dialect.
struct ClientRequest {
  const CommandRow* row = nullptr;
  uint32_t opaque = 0;  // binary
  // Not ok: the request can't be carried out, for this reason, and is to be answered with it. Its body has
  // been dropped, so `request` has at most its command and, with too_large, its key.
  Status fault = Status::ok;
  Request request;
};

// What a decoder found at the beginning of its input.
struct Decoded {
  enum class Outcome {
    incomplete,  // `needed` bytes in one piece are wanted (more than were given)
    dropped,     // `consumed` bytes were not worth keeping; go on with what follows
    request,     // `consumed` bytes were this request; its views look into the input
    broken,      // the length can't be trusted: answer `request` and close
  };
  Outcome outcome = Outcome::incomplete;
  size_t consumed = 0;
  size_t needed = 0;
  ClientRequest request;
};

}  // namespace mctenant::protocol
