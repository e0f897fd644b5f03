#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/resolver.h"
#include "upstream/options.h"
#include "upstream/pool.h"
#include "upstream/ring.h"
#include "upstream/server_connection.h"

namespace mctenant::upstream {

// A pool of real servers: the ring, which all workers share, and this worker's connections.
class ServerPool final : public Pool {
 public:
  // All must outlive the pool.
  ServerPool(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& options, const Ring& ring,
             ServerStates& states, bool spokesman);

  // `settled` is called once, when the first attempt to reach each server has ended.
  void start(const std::function<void()>& settled);

  [[nodiscard]] Server& place(std::string_view server_key) override {
    return *servers_[ring_.place(server_key)];
  }
  // As place(), with all that a connection tells.
  [[nodiscard]] const ServerConnection& connection(std::string_view server_key) const {
    return *servers_[ring_.place(server_key)];
  }
  [[nodiscard]] bool can_serve() const override;
  // Any thread.
  [[nodiscard]] const std::vector<std::unique_ptr<ServerConnection>>& servers() const { return servers_; }

 private:
  const Ring& ring_;
  std::vector<std::unique_ptr<ServerConnection>> servers_;
};

}  // namespace mctenant::upstream
