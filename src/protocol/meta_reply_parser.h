#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/message.h"

namespace mctenant::protocol {

// The result of looking for one reply of a server.
struct MetaReply {
  enum class Outcome {
    incomplete,  // `needed` bytes in one piece are wanted (more than were given)
    reply,       // `consumed` bytes were this reply; its value looks into the input
    broken,      // not what a server answers to this command: the connection has lost its place, close it
  };
  Outcome outcome = Outcome::incomplete;
  size_t consumed = 0;
  size_t needed = 0;
  Reply reply;
};

// Reads the reply to `command` at the beginning of `in` (memcached's doc/protocol.txt, meta commands). Pure.
// No value is longer than `max_value` bytes: a longer one is broken.
[[nodiscard]] MetaReply parse_meta_reply(Command command, std::string_view in, size_t max_value);

// The longest line that a server may answer with, without its value.
inline constexpr size_t kMaxReplyLine = 2048;

}  // namespace mctenant::protocol
