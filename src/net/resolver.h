#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "base/executor.h"
#include "net/address.h"

namespace mctenant::net {

// Looks names up on a thread of its own, so that DNS never holds up a loop. Thread-safe.
class Resolver {
 public:
  using Done = std::function<void(base::Expected<SocketAddress>)>;

  Resolver();
  ~Resolver();  // waits for the look-up under way; those that wait are dropped
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Calls `done` through `reply_to`, which must outlive the resolver.
  void resolve(const Address& address, base::Executor& reply_to, Done done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mctenant::net
