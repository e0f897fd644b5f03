#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "base/executor.h"
#include "tenant/tenant.h"

namespace mctenant::tenant {

// Makes a tenant's generation move, durably.
class GenerationLog {
 public:
  using Done = std::function<void(base::Expected<Generation>)>;

  virtual ~GenerationLog() = default;
  // Writes the next generation down, then sets it in the tenant, then calls `done` through `reply_to`. On
  // failure nothing has moved. Callable from any thread; never blocks.
  virtual void advance(std::shared_ptr<Tenant> tenant, base::Executor& reply_to, Done done) = 0;
};

}  // namespace mctenant::tenant
