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
// No value is longer than `max_value` bytes: a longer one is broken. `elsewhere` bytes at the end of the
// value are not in `in`, and the reply's value is without them; what follows the value is.
[[nodiscard]] MetaReply parse_meta_reply(Command command, std::string_view in, size_t max_value,
                                         size_t elsewhere = 0);
// What stands behind a value: parse_meta_reply() can do without the value, but not without this.
inline constexpr size_t kBehindValue = 2;

// The longest line that a server may answer with, without its value.
inline constexpr size_t kMaxReplyLine = 2048;

}  // namespace mctenant::protocol
