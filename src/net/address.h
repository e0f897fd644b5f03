#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mctenant::net {

// Where to listen or connect: an IPv4 or IPv6 address with a port, a host name with a port, or a unix socket.
struct Address {
  enum class Kind { inet, unix_socket };
  Kind kind = Kind::inet;
  std::string host;  // inet: a literal or a name; unix_socket: the path
  uint16_t port = 0;

  // "127.0.0.1:11211", "[::1]:11211", "cache-1:11211", "/run/mc.sock"
  [[nodiscard]] std::string text() const;
  // The host is a literal on the loopback network, or a unix socket.
  [[nodiscard]] bool loopback() const;

  bool operator==(const Address&) const = default;
};

// Reads the form of text(). Port 0 means any free one, for listening only.
[[nodiscard]] base::Expected<Address> parse_address(std::string_view text);

// An address that the kernel takes.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Looks a name up; may block on DNS, so only before the loops start or on a thread of its own.
[[nodiscard]] base::Expected<SocketAddress> resolve(const Address& address);

// Whom a connected socket leads to, in the form of Address::text(); empty for a unix socket.
[[nodiscard]] std::string peer_text(int fd);

}  // namespace mctenant::net
