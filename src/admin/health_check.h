#pragma once

#include "base/error.h"
#include "net/address.h"

namespace mctenant::admin {

// Asks a running mctenant's admin address for /readyz, as a container's health check does. Blocks for a few
// seconds at most. The error holds the reasons that it gives, or why it could not be asked.
[[nodiscard]] base::Expected<void> check_health(const net::Address& address);

}  // namespace mctenant::admin
