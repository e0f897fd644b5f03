#pragma once

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

  // Runs `task` with the store. Callable from any thread.
  void post(std::function<void(Store&)> task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mctenant::store
