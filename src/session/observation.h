#pragma once

#include <cstdint>
#include <optional>

#include "protocol/message.h"
#include "quota/event.h"
#include "session/operation.h"

namespace mctenant::session {

// What a server's reply to an operation's request tells of its key: kind, version, size and expiry of an
// event. Nothing if it tells nothing. `now`: Unix seconds.
[[nodiscard]] std::optional<quota::Event> observe(const Operation& operation, const protocol::Reply& reply,
                                                  int64_t now);

// … and what it tells besides, of an expiry that was changed with the item.
[[nodiscard]] std::optional<quota::Event> observe_expiry(const Operation& operation,
                                                         const protocol::Reply& reply, int64_t now);

}  // namespace mctenant::session
