#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/units.h"

namespace mctenant::session {

// What bounds a client connection, and the work behind. Each has a key of the same name under "limits" in the
// configuration.
struct Limits {
  // Client key + value. The server's own limit counts if it is smaller.
  uint64_t item_size = base::kMiB;
  // From accept to a successful sign-in, and to the end of a TLS handshake.
  base::Duration sign_in_timeout = std::chrono::seconds(5);
  // Refused commands and sign-ins before a connection is closed.
  uint32_t sign_in_refusals = 8;
  // Requests of one connection that wait for a server at the same time; more are left in the socket.
  uint32_t pipeline = 256;
  // Bytes of requests under way and of replies not yet read by the client, a connection; above it no more
  // requests are read from it.
  uint64_t connection_buffer = 4 * base::kMiB;
  // Client connections of the whole process; more are closed at once.
  uint32_t max_connections = 16'000;
  // TLS handshakes of the whole process under way; more are closed at once.
  uint32_t handshakes = 4096;
  // How long SIGTERM waits for requests under way.
  base::Duration drain_timeout = std::chrono::seconds(10);
  // Password checks (PBKDF2) that may wait; more are answered as busy. And how many threads do them.
  uint32_t sign_in_queue = 1024;
  uint32_t sign_in_threads = 1;
  // Items that are deleted or evicted in the background, a second: what a flush, a removed tenant or a
  // smaller plan leaves on the servers.
  uint32_t background_deletes = 20'000;
};

}  // namespace mctenant::session
