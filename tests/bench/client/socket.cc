#include "client/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace mctenant::bench {
namespace {

base::Expected<Address> unix_address(const std::string& path) {
  Address address;
  address.text = path;
  auto* to = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.size() >= sizeof(to->sun_path)) return base::fail("the socket's path is too long: " + path);
  to->sun_family = AF_UNIX;
  std::memcpy(to->sun_path, path.c_str(), path.size() + 1);
  address.length = sizeof(sockaddr_un);
  return address;
}

}  // namespace

base::Expected<Address> parse_address(const std::string& text) {
  if (text.find('/') != std::string::npos) return unix_address(text);
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return base::fail("not HOST:PORT nor a path: " + text);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(text.substr(0, colon).c_str(), text.substr(colon + 1).c_str(), &hints, &found);
  if (failed != 0) return base::fail("cannot resolve " + text + ": " + gai_strerror(failed));
  Address address;
  address.text = text;
  address.length = found->ai_addrlen;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return address;
}

base::Expected<int> start_connect(const Address& address) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return base::fail(std::string("no socket: ") + std::strerror(errno));
  if (address.storage.ss_family != AF_UNIX) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) return fd;
  if (errno == EINPROGRESS) return fd;
  const int error = errno;
  close(fd);
  return base::fail("cannot connect to " + address.text + ": " + std::strerror(error));
}

base::Expected<int> connect_now(const Address& address) {
  auto fd = start_connect(address);
  if (!fd) return fd;
  pollfd ready{*fd, POLLOUT, 0};
  const int error = poll(&ready, 1, 10000) == 1 ? connect_result(*fd) : ETIMEDOUT;
  if (error == 0) return fd;
  close(*fd);
  return base::fail("cannot connect to " + address.text + ": " + std::strerror(error));
}

int connect_result(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Poller::Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)) {}

Poller::~Poller() { close(fd_); }

std::span<const epoll_event> Poller::wait(uint64_t timeout_ns) {
  const timespec timeout{static_cast<time_t>(timeout_ns / 1000000000U),
                         static_cast<long>(timeout_ns % 1000000000U)};
  const int count = epoll_pwait2(fd_, events_, std::size(events_), &timeout, nullptr);
  return {events_, static_cast<size_t>(count > 0 ? count : 0)};
}

void Poller::control(int operation, int fd, uint32_t events, void* owner) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = owner;
  epoll_ctl(fd_, operation, fd, &event);
}

}  // namespace mctenant::bench
