#pragma once

#include "client/credentials.h"
#include "client/socket.h"

namespace mctenant::bench {

// Connects and, with a user, signs in by PLAIN; waits for both (at most 10 s each). The descriptor is the
// caller's and does not block.
base::Expected<int> open_connection(const Address& address, const User* user);

}  // namespace mctenant::bench
