#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/timer.h"

struct evconnlistener;

namespace mctenant::net {

// Of a unix socket: only the user that mctenant runs as may connect.
inline constexpr mode_t kPrivateSocket = 0600;

// A non-blocking socket that listens on `address`, in which port 0 becomes the port that the kernel chose; on
// a unix socket, with this mode of its file. One that an earlier run has left there is replaced, if nobody
// listens on it. The caller owns the socket. Looks a name up, which may block.
[[nodiscard]] base::Expected<int> open_listening_socket(Address& address, mode_t mode = kPrivateSocket);

// Accepts connections on one address. Belongs to its loop's thread.
class Listener {
 public:
  // Gets each new connection's descriptor, non-blocking and close-on-exec, and owns it.
  using Accept = std::function<void(int fd)>;

  // `mode` as in open_listening_socket().
  [[nodiscard]] static base::Expected<std::unique_ptr<Listener>> open(EventLoop& loop, const Address& address,
                                                                      Accept accept,
                                                                      mode_t mode = kPrivateSocket);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Where it really listens: with the port that the kernel chose for port 0.
  [[nodiscard]] const Address& address() const { return address_; }
  // How often accept() failed, mostly for want of descriptors; accepting then rests for a moment.
  [[nodiscard]] uint64_t failures() const { return failures_; }

 private:
  Listener(EventLoop& loop, Address address, Accept accept);
  void on_failure();

  Address address_;
  Accept accept_;
  Timer rest_;
  evconnlistener* listener_ = nullptr;
  uint64_t failures_ = 0;
};

}  // namespace mctenant::net
