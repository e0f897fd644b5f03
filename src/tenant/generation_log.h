#pragma once

#include <cstdint>
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
  // Writes down that the generation is to move at `at` (Unix seconds), then calls `done` with the present one
  // through `reply_to`. It moves then as by advance(), though mctenant may have been restarted since. Of
  // several wishes for one tenant the last one counts, and advance() takes back the one that waits.
  // On failure all is as before. Callable from any thread; never blocks.
  virtual void schedule(std::shared_ptr<Tenant> tenant, int64_t at, base::Executor& reply_to, Done done) = 0;
};

}  // namespace mctenant::tenant
