#include "upstream/server_pool.h"

#include <algorithm>
#include <utility>

namespace mctenant::upstream {

ServerPool::ServerPool(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& options,
                       const Ring& ring, ServerStates& states, bool spokesman)
    : ring_(ring) {
  for (const ServerOptions& server : options.servers) {
    servers_.push_back(std::make_unique<ServerConnection>(loop, resolver, options, server,
                                                          states.at(server.address), spokesman));
  }
}

void ServerPool::start(const std::function<void()>& settled) {
  auto left = std::make_shared<size_t>(servers_.size());
  for (const auto& server : servers_) {
    server->start([left, settled] {
      if (--*left == 0) settled();
    });
  }
}

bool ServerPool::can_serve() const {
  return std::any_of(servers_.begin(), servers_.end(), [](const auto& server) { return server->ready(); });
}

}  // namespace mctenant::upstream
