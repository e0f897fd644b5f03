#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"

namespace mctenant::bench {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string text;
};

// HOST:PORT or the path of a unix socket (anything with a slash). Names are resolved here, once.
base::Expected<Address> parse_address(const std::string& text);

// A new non-blocking connection, under way or done; the caller owns the descriptor. TCP without delay.
base::Expected<int> start_connect(const Address& address);

// The same, waited for (at most 10 s), then non-blocking.
base::Expected<int> connect_now(const Address& address);

// What became of a connection that was under way: 0, or errno's number.
int connect_result(int fd);

// Allows this process as many descriptors as the system lets it have.
void raise_descriptor_limit();

// epoll with timeouts in nanoseconds.
class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void add(int fd, uint32_t events, void* owner) { control(EPOLL_CTL_ADD, fd, events, owner); }
  void change(int fd, uint32_t events, void* owner) { control(EPOLL_CTL_MOD, fd, events, owner); }
  void remove(int fd) { control(EPOLL_CTL_DEL, fd, 0, nullptr); }
  // The events that are there, or come within `timeout_ns`. Valid until the next wait.
  std::span<const epoll_event> wait(uint64_t timeout_ns);

 private:
  void control(int operation, int fd, uint32_t events, void* owner);

  int fd_;
  epoll_event events_[256];
};

}  // namespace mctenant::bench
