#pragma once

#include <string_view>

#include "base/output_queue.h"
#include "protocol/message.h"

namespace mctenant::protocol {

// Writes a request to a server, in memcached's meta protocol (its doc/protocol.txt). Each has exactly one
// reply, which MetaReplyParser reads: no quiet flag is ever sent. `server_key` has 1 to 250 text-safe bytes.
// The value is copied, or shared where it has an owner. The command is one that servers carry out: get to
// probe.
void write_meta_request(const Request& request, std::string_view server_key, base::OutputQueue& out);

}  // namespace mctenant::protocol
