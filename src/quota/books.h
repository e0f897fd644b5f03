#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "quota/ledger.h"
#include "tenant/namespace.h"

namespace mctenant::quota {

// The ledgers of all tenants, by their ids. A ledger, once opened, stays until the process ends, so that
// whatever is under way may hold on to it. Thread-safe.
class Books {
 public:
  // `observers`: threads that talk to servers. `seed`: of the ledgers' hashes, for who wants to repeat
  // exactly what was done; else each has a random one.
  explicit Books(size_t observers, std::optional<uint64_t> seed = std::nullopt)
      : stripes_(observers), seed_(seed) {}

  // The tenant's ledger; a new one is empty and goes on from `now`, in Unix seconds.
  Ledger& open(tenant::TenantId id, uint32_t now) {
    const std::lock_guard lock(mutex_);
    if (seed_) return ledgers_.try_emplace(id, stripes_, now, *seed_).first->second;
    return ledgers_.try_emplace(id, stripes_, now).first->second;
  }
  // Null if it was never opened.
  [[nodiscard]] Ledger* find(tenant::TenantId id) {
    const std::lock_guard lock(mutex_);
    const auto found = ledgers_.find(id);
    return found == ledgers_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::vector<Ledger*> all() {
    const std::lock_guard lock(mutex_);
    std::vector<Ledger*> ledgers;
    for (auto& [id, ledger] : ledgers_) ledgers.push_back(&ledger);
    return ledgers;
  }

 private:
  const size_t stripes_;
  const std::optional<uint64_t> seed_;
  std::mutex mutex_;
  std::map<tenant::TenantId, Ledger> ledgers_;
};

}  // namespace mctenant::quota
