#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "store/store.h"
#include "tenant/generation_log.h"

namespace mctenant::store {

// The thread on which the store is used while mctenant serves, so that a disk never holds up a worker.
class StoreThread final : public tenant::GenerationLog {
 public:
  explicit StoreThread(std::unique_ptr<Store> store);
  ~StoreThread() override;  // carries out what was posted before
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  void advance(std::shared_ptr<tenant::Tenant> tenant, base::Executor& reply_to, Done done) override;
  void schedule(std::shared_ptr<tenant::Tenant> tenant, int64_t at, base::Executor& reply_to,
                Done done) override;

  // A tenant whose generation was to move at `at` (Unix seconds) when the store was opened. Any thread.
  void expect_flush(std::shared_ptr<tenant::Tenant> tenant, int64_t at);
  // Moves the generations whose time has come at `now` (Unix seconds). To be called again and again: the
  // clock is the caller's. Costs nothing while none is due; never blocks. One that fails is tried again by
  // the next call. Any thread.
  void flush_due(int64_t now);

  // Runs `task` with the store. Callable from any thread.
  void post(std::function<void(Store&)> task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mctenant::store
