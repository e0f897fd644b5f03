#pragma once

#include <cstddef>
#include <string_view>

#include "base/output_queue.h"
#include "protocol/command_row.h"
#include "protocol/message.h"
#include "protocol/meta_return.h"

namespace mctenant::protocol {

// Where a read stands in its line.
struct KeyPlace {
  bool alone = false;  // the line has no other key
  bool last = false;   // END stands behind the reply
};

// Writes the reply to a command of the text protocol, in memcached's words: one line, or for a hit its value,
// too. Nothing where the command is quiet. A small value is copied, a large one with an owner shared. Where
// the reply's status is not ok and it has a value, that is the line. Among several keys one whose server is
// gone reads as a miss: the others must not be lost for it. Returns the bytes written.
size_t write_text_reply(const CommandRow& row, KeyPlace place, std::string_view key, const Reply& reply,
                        base::OutputQueue& out);

// … of the meta protocol. `key` is the client's own, where it asked for it.
size_t write_meta_reply(const CommandRow& row, const MetaReturn& wanted, std::string_view key,
                        const Reply& reply, base::OutputQueue& out);

// A line of its own words.
size_t write_text_line(std::string_view line, base::OutputQueue& out);

// A figure of `stats`.
size_t write_text_figure(std::string_view name, std::string_view value, base::OutputQueue& out);

}  // namespace mctenant::protocol
