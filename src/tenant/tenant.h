#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "auth/verifier.h"
#include "tenant/capabilities.h"
#include "tenant/counters.h"
#include "tenant/namespace.h"

namespace mctenant::tenant {

// What a tenant may have. Plain data, from the configuration.
struct Plan {
  std::string pool = "default";
  uint64_t memory = 0;           // bytes; 0: no quota
  uint32_t max_connections = 0;  // signed in at the same time; 0: no limit

  bool operator==(const Plan&) const = default;
};

// Of a credential, as long as the process knows it. Any thread.
struct CredentialFigures {
  std::atomic<uint64_t> sign_ins{0};
  std::atomic<uint32_t> connections{0};  // signed in now
};

struct Credential {
  std::string username;
  auth::Verifier verifier;                  // of SHA-256
  std::vector<auth::Verifier> others = {};  // of other hashes, one of each at most
  Capabilities capabilities = kDefaultCapabilities;
  bool primary = false;  // of the tenant's credentials, the one to be shown and used where one must do
  std::shared_ptr<CredentialFigures> figures = {};  // null where nobody counts
};

// Whether who signed in by `before` may stay, now that the credential of that name is `now`: of other hashes
// verifiers may come and go, but none has changed.
[[nodiscard]] bool keeps_password(const Credential& before, const Credential& now);

// One worker's part of a tenant: its figures, and the prefix of the generation that it last saw.
// Used on that worker's thread, but the counters, which any thread may read.
struct alignas(64) Shard {
  Counters counters;
  Generation generation = 0;
  std::string prefix;
};

// A tenant as long as it lives: identity, generation and figures. Shared by all threads and by successive
// directories; what the configuration may change stands in the directory's entry.
class Tenant {
 public:
  Tenant(std::string name, TenantId id, Generation generation, std::string key_namespace, size_t workers);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] TenantId id() const { return id_; }
  [[nodiscard]] Generation generation() const { return generation_.load(std::memory_order_acquire); }
  // After the step is durable. From then on no worker reads the old generation.
  void set_generation(Generation generation) { generation_.store(generation, std::memory_order_release); }

  [[nodiscard]] Shard& shard(size_t worker) { return shards_[worker]; }
  // The prefix of the current generation. On the shard's worker.
  [[nodiscard]] std::string_view prefix(Shard& shard) const {
    const Generation current = generation();
    if (shard.generation != current || shard.prefix.empty()) refresh(shard, current);
    return shard.prefix;
  }
  // Since the start. Any thread.
  [[nodiscard]] Totals totals() const;
  // What `stats` shows: since the last reset. Any thread.
  [[nodiscard]] Totals totals_since_reset() const;
  void reset_stats();

  // Takes one of `limit` connections (0: no limit); false when all are taken. Any thread.
  [[nodiscard]] bool take_connection(uint32_t limit);
  void give_back_connection() { connections_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] uint32_t connections() const { return connections_.load(std::memory_order_relaxed); }

 private:
  void refresh(Shard& shard, Generation current) const;

  const std::string name_;
  const TenantId id_;
  const std::string namespace_;
  std::atomic<Generation> generation_;
  std::atomic<uint32_t> connections_{0};
  std::vector<Shard> shards_;
  mutable std::mutex reset_mutex_;
  Totals at_reset_;  // guarded by reset_mutex_
};

}  // namespace mctenant::tenant
