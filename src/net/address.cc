#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

namespace mctenant::net {
namespace {

constexpr size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr size_t kMaxHostName = 253;

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 120;
  std::string result = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    result.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
  }
  return result + (text.size() > kShown ? "…\"" : "\"");
}

tl::unexpected<base::Error> refuse(std::string_view text, const std::string& why) {
  return base::fail(in_quotes(text) + " is not an address: " + why);
}

bool is_ipv4(const std::string& host) {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

// An IPv6 address, perhaps with an interface: fe80::1%eth0.
bool is_ipv6(std::string_view host) {
  const size_t percent = host.find('%');
  if (percent != std::string_view::npos && percent + 1 == host.size()) return false;
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(host.substr(0, percent)).c_str(), &address) == 1;
}

bool is_name(std::string_view host) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !host.empty() && host.size() <= kMaxHostName && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), fits);
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return port;
}

base::Expected<Address> parse_unix_path(std::string_view text) {
  if (text.size() > kMaxUnixPath) {
    return refuse(text, "the path of a unix socket has at most " + std::to_string(kMaxUnixPath) +
                            " bytes, this one has " + std::to_string(text.size()));
  }
  if (text.back() == '/') return refuse(text, "a path of a unix socket names a file, not a folder");
  if (text.find('\0') != std::string_view::npos) return refuse(text, "a path holds no NUL byte");
  return Address{Address::Kind::unix_socket, std::string(text), 0};
}

base::Expected<std::string> parse_host(std::string_view text, std::string_view host, bool bracketed) {
  if (bracketed) {
    if (is_ipv6(host)) return std::string(host);
    return refuse(text, "between [ and ] stands an IPv6 address");
  }
  if (host.empty()) return refuse(text, "the host is missing, as in 127.0.0.1:11211");
  if (host == "*") return refuse(text, "for all interfaces write 0.0.0.0 or [::]");
  if (host.find(':') != std::string_view::npos) {
    return refuse(text, "an IPv6 address stands between [ and ], as in [::1]:11211");
  }
  std::string result(host);
  const bool digits = host.find_first_not_of("0123456789.") == std::string_view::npos;
  if (digits ? is_ipv4(result) : is_name(host)) return result;
  return refuse(text, in_quotes(host) + (digits ? " is no IPv4 address" : " can't be a host name"));
}

base::Expected<SocketAddress> unix_address(const Address& address) {
  if (address.host.size() > kMaxUnixPath) {
    return base::fail("the path of the unix socket " + in_quotes(address.host) + " is too long");
  }
  SocketAddress result;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.host.data(), address.host.size());
  std::memcpy(&result.storage, &name, sizeof(name));
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.host.size() + 1);
  return result;
}

}  // namespace

std::string Address::text() const {
  if (kind == Kind::unix_socket) return host;
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool Address::loopback() const {
  if (kind == Kind::unix_socket) return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

base::Expected<Address> parse_address(std::string_view text) {
  if (text.empty()) return base::fail("an address is missing: write HOST:PORT or the path of a unix socket");
  if (text.front() == '/') return parse_unix_path(text);

  const bool bracketed = text.front() == '[';
  const size_t host_end = bracketed ? text.find(']') : text.rfind(':');
  const size_t colon = bracketed && host_end != std::string_view::npos ? host_end + 1 : host_end;
  if (colon == std::string_view::npos || colon >= text.size() || text[colon] != ':') {
    return refuse(
        text, "write HOST:PORT, as in 127.0.0.1:11211, or the path of a unix socket, which begins with /");
  }
  auto host =
      parse_host(text, bracketed ? text.substr(1, host_end - 1) : text.substr(0, host_end), bracketed);
  if (!host) return tl::unexpected(host.error());
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return refuse(text, "the port is a number from 0 to 65535");
  return Address{Address::Kind::inet, *std::move(host), *port};
}

base::Expected<SocketAddress> resolve(const Address& address) {
  if (address.kind == Address::Kind::unix_socket) return unix_address(address);

  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (error != 0) {
    const char* why = error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error);
    return base::fail("can't look up " + in_quotes(address.host) + ": " + why);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  SocketAddress result;
  std::memcpy(&result.storage, list->ai_addr, list->ai_addrlen);
  result.length = list->ai_addrlen;
  return result;
}

std::string peer_text(int fd) {
  SocketAddress peer;
  peer.length = sizeof peer.storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length) != 0) return "";
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (peer.storage.ss_family == AF_UNIX) return "";
  if (getnameinfo(peer.get(), peer.length, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "";
  }
  const bool brackets = std::strchr(host, ':') != nullptr;
  return (brackets ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

}  // namespace mctenant::net
