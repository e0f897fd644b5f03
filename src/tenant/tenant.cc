#include "tenant/tenant.h"

#include <algorithm>
#include <utility>

namespace mctenant::tenant {

Tenant::Tenant(std::string name, TenantId id, Generation generation, std::string key_namespace,
               size_t workers)
    : name_(std::move(name)),
      id_(id),
      namespace_(std::move(key_namespace)),
      generation_(generation),
      shards_(workers) {}

bool keeps_password(const Credential& before, const Credential& now) {
  if (!(now.verifier == before.verifier)) return false;
  for (const auth::Verifier& old : before.others) {
    const bool changed = std::any_of(
        now.others.begin(), now.others.end(),
        [&old](const auth::Verifier& other) { return other.hash == old.hash && !(other == old); });
    if (changed) return false;
  }
  return true;
}

Totals Tenant::totals() const {
  Totals totals;
  for (const Shard& shard : shards_) totals.add(shard.counters);
  return totals;
}

Totals Tenant::totals_since_reset() const {
  Totals totals = Tenant::totals();
  const std::lock_guard lock(reset_mutex_);
  totals.subtract(at_reset_);
  return totals;
}

void Tenant::reset_stats() {
  Totals now = totals();
  now.curr_connections = 0;  // not a count of what has been
  const std::lock_guard lock(reset_mutex_);
  at_reset_ = now;
}

bool Tenant::take_connection(uint32_t limit) {
  uint32_t taken = connections_.load(std::memory_order_relaxed);
  do {
    if (limit != 0 && taken >= limit) return false;
  } while (!connections_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed));
  return true;
}

void Tenant::refresh(Shard& shard, Generation current) const {
  shard.prefix = make_prefix(namespace_, id_, current);
  shard.generation = current;
}

}  // namespace mctenant::tenant
