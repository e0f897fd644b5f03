#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "net/event_loop.h"
#include "net/listener.h"
#include "session/listener_traits.h"

namespace mctenant::server {

// Where clients connect. Belongs to the main thread.
class Listeners {
 public:
  using Traits = std::shared_ptr<const session::ListenerTraits>;
  // Gets each new connection's descriptor, and owns it.
  using Accept = std::function<void(int fd, const Traits& traits)>;

  Listeners(net::EventLoop& loop, Accept accept) : loop_(loop), accept_(std::move(accept)) {}

  // Listens on all, or says why not.
  [[nodiscard]] base::Expected<void> open(const std::vector<config::Listener>& options);
  // For the connections from now on: what the same listeners, in the same order, are to be like.
  void set_options(const std::vector<config::Listener>& options);
  // Accepts no more.
  void close() { open_.clear(); }

  // Where it really listens, in the configuration's order.
  [[nodiscard]] std::vector<net::Address> addresses() const;

 private:
  struct Open {
    std::unique_ptr<net::Listener> listener;
    Traits traits;
  };

  net::EventLoop& loop_;
  Accept accept_;
  std::vector<Open> open_;
};

}  // namespace mctenant::server
