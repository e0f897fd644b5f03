#include "admin/health_check.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace mctenant::admin {
namespace {

constexpr timeval kPatience{3, 0};
constexpr std::string_view kRequest = "GET /readyz HTTP/1.0\r\nConnection: close\r\n\r\n";

class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] bool ask(const net::SocketAddress& address, std::string& answer) const {
    if (connect(fd_, address.get(), address.length) != 0) return false;
    if (send(fd_, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return false;
    char buffer[4096];
    for (;;) {
      const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return got == 0;
      answer.append(buffer, static_cast<size_t>(got));
    }
  }

 private:
  int fd_;
};

// An address to listen on is not always one to connect to.
net::Address reachable(net::Address address) {
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  return address;
}

}  // namespace

base::Expected<void> check_health(const net::Address& address) {
  const net::Address target = reachable(address);
  const auto resolved = net::resolve(target);
  if (!resolved) return tl::unexpected(resolved.error());
  std::string answer;
  if (!Socket(resolved->get()->sa_family).ask(*resolved, answer)) {
    return base::fail("no answer from " + target.text() + ": " + std::strerror(errno));
  }
  if (answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200")) return {};
  const size_t body = answer.find("\r\n\r\n");
  return base::fail("not ready: " + (body == std::string::npos ? answer : answer.substr(body + 4)));
}

}  // namespace mctenant::admin
