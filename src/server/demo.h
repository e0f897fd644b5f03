#pragma once

#include <cstdint>
#include <optional>

namespace mctenant::server {

// The embedded default: a memcached of its own on a private unix socket, mctenant before it on a loopback
// port, and one tenant with a fresh password, whose sign-in lines it prints. Serves until SIGTERM or SIGINT;
// nothing is left then. Without `port`: 11211, or a free one if that is taken. Returns the process's exit
// status.
[[nodiscard]] int run_demo(std::optional<uint16_t> port);

}  // namespace mctenant::server
