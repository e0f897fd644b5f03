#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "upstream/options.h"

struct memcached_st;

namespace mctenant::upstream {

// Which server of a pool a key lives on: libmemcached's weighted ketama continuum, so that a libmemcached
// client with the same servers (hosts spelled as in the options, unix sockets added as such), weights and
// hash finds every key where the proxy put it. The order of the servers plays no part. Taking a server away
// moves its keys alone.
//
// Never changed once built: any number of threads may share one. It neither resolves names nor connects.
class Ring {
 public:
  // What the continuum can hold; libmemcached ends the process beyond it.
  static constexpr size_t kMaxServers = 100;

  // Fails for no or too many servers, one listed twice, a weight outside 1 to 1000, and one so small beside
  // the others that the server would get no place on the ring, and so no keys.
  [[nodiscard]] static base::Expected<Ring> build(const PoolOptions& options);

  // The index into options.servers of the server that has this key. Does not allocate. Any thread.
  [[nodiscard]] size_t place(std::string_view server_key) const;

 private:
  struct Free {
    void operator()(memcached_st* handle) const;
  };
  using Handle = std::unique_ptr<memcached_st, Free>;

  explicit Ring(Handle handle) : handle_(std::move(handle)) {}

  Handle handle_;  // null: one server, which has all keys
};

}  // namespace mctenant::upstream
