#include "net/listener.h"

#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/log.h"

namespace mctenant::net {
namespace {

constexpr int kBacklog = 4096;
constexpr auto kRest = std::chrono::milliseconds(100);

uint16_t bound_port(int fd, uint16_t fallback) {
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.length) != 0) return fallback;
  if (bound.storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&bound.storage)->sin_port);
  }
  if (bound.storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&bound.storage)->sin6_port);
  }
  return fallback;
}

// Accepted sockets inherit these, so that no connection costs system calls for them. A peer that has vanished
// without a word is noticed after kIdle + kProbes * kInterval seconds.
void set_options(int fd) {
  constexpr int kOn = 1;
  constexpr int kIdle = 60;
  constexpr int kInterval = 15;
  constexpr int kProbes = 4;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof kOn);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdle, sizeof kIdle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kInterval, sizeof kInterval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
}

// Of an earlier run that had no time to clean up; one that somebody still listens on stays.
void remove_abandoned_socket(const Address& address, const SocketAddress& where) {
  struct stat found {};
  if (lstat(address.host.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connect(probe, where.get(), where.length) != 0 && errno == ECONNREFUSED) unlink(address.host.c_str());
  close(probe);
}

// What an operator can do about it.
std::string advice(const Address& address, int error) {
  if (address.kind != Address::Kind::unix_socket) {
    return error == EADDRINUSE ? "; stop the program that has it or choose another port" : "";
  }
  const std::string folder = address.host.substr(0, address.host.rfind('/') + 1);
  switch (error) {
    case EADDRINUSE:
      return "; stop the program that has it or choose another path";
    case ENOENT:
    case ENOTDIR:
      return "; make the folder " + folder + ", writable by mctenant's user";
    case EACCES:
    case EROFS:
      return "; give mctenant's user write access to the folder " + folder;
    default:
      return "";
  }
}

}  // namespace

base::Expected<int> open_listening_socket(Address& address, mode_t mode) {
  auto resolved = resolve(address);
  if (!resolved) return tl::unexpected(resolved.error());
  const SocketAddress& where = *resolved;
  const int fd = socket(where.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::fail("cannot listen on " + address.text() + ": " + std::strerror(errno));
  if (address.kind == Address::Kind::unix_socket) {
    remove_abandoned_socket(address, where);
  } else {
    set_options(fd);
  }
  // Nobody connects before listen(), so that the mode holds from the first.
  if (bind(fd, where.get(), where.length) != 0 ||
      (address.kind == Address::Kind::unix_socket && chmod(address.host.c_str(), mode) != 0) ||
      listen(fd, kBacklog) != 0) {
    const int error = errno;
    close(fd);
    return base::fail("cannot listen on " + address.text() + ": " + std::strerror(error) +
                      advice(address, error));
  }
  address.port = bound_port(fd, address.port);
  return fd;
}

Listener::Listener(EventLoop& loop, Address address, Accept accept)
    : address_(std::move(address)),
      accept_(std::move(accept)),
      rest_(loop, [this] { evconnlistener_enable(listener_); }) {}

base::Expected<std::unique_ptr<Listener>> Listener::open(EventLoop& loop, const Address& address,
                                                         Accept accept, mode_t mode) {
  Address bound = address;
  const auto fd = open_listening_socket(bound, mode);
  if (!fd) return tl::unexpected(fd.error());
  std::unique_ptr<Listener> listener(new Listener(loop, std::move(bound), std::move(accept)));
  listener->listener_ = evconnlistener_new(
      loop.base(),
      [](evconnlistener*, evutil_socket_t client, sockaddr*, int, void* self) {
        static_cast<Listener*>(self)->accept_(client);
      },
      listener.get(), LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, *fd);
  evconnlistener_set_error_cb(
      listener->listener_, [](evconnlistener*, void* self) { static_cast<Listener*>(self)->on_failure(); });
  return listener;
}

Listener::~Listener() {
  if (listener_ != nullptr) evconnlistener_free(listener_);
  if (address_.kind == Address::Kind::unix_socket) unlink(address_.host.c_str());
}

void Listener::on_failure() {
  const int error = errno;
  if (++failures_ == 1 || failures_ % 100 == 0) {
    base::log::warn("accepting on {} fails ({} times so far): {}", address_.text(), failures_,
                    std::strerror(error));
  }
  evconnlistener_disable(listener_);
  rest_.start(kRest);
}

}  // namespace mctenant::net
