#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/output_queue.h"
#include "protocol/command_row.h"
#include "protocol/message.h"

namespace mctenant::protocol {

// Writes the reply to one command of the binary protocol: its header, extras, key and a small value in one
// piece (some clients read a header with a single read), a large value by reference. Writes nothing where the
// command is quiet and the status silent. `key` is the client's own, for the commands that return it. Returns
// the bytes written.
size_t write_binary_reply(const CommandRow& row, uint32_t opaque, std::string_view key, const Reply& reply,
                          base::OutputQueue& out);

// A reply with any body and no extras: sign-in, statistics (where the key is the figure's name), version.
size_t write_binary_body(const CommandRow& row, uint32_t opaque, Status status, std::string_view key,
                         std::string_view body, base::OutputQueue& out);

}  // namespace mctenant::protocol
