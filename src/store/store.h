#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tenant/namespace.h"

namespace mctenant::store {

struct TenantRecord {
  tenant::TenantId id = 0;
  std::string name;
  tenant::Generation generation = 0;
  int64_t flush_at = 0;  // Unix seconds at which the generation is to move by itself; 0: it is not
  bool retired = false;
};

struct WantedTenant {
  std::string name;
  std::optional<tenant::TenantId> id;  // as for ensure_tenant()
};

// What set_tenants() made of the tenants.
struct SettledTenants {
  std::vector<TenantRecord> living;   // in the order in which they were wanted
  std::vector<TenantRecord> retired;  // by this call
};

// What must outlive the process. Every call is on disk when it returns (fsync), so calls block: never on a
// worker. An implementation may be used from one thread at a time.
class Store {
 public:
  virtual ~Store() = default;

  // Random, made with the store, or what open() was told.
  [[nodiscard]] virtual const std::string& key_namespace() const = 0;

  // Random, made with the store: what the salts of users that are not there are made of, so that they stay
  // the same.
  [[nodiscard]] virtual const std::string& salt_secret() const = 0;

  // The tenant's record, made at the first call for this name: with `id` if given (an error if another name
  // has or had it, or if this name has another one), else with the next id never used before.
  [[nodiscard]] virtual base::Expected<TenantRecord> ensure_tenant(std::string_view name,
                                                                   std::optional<tenant::TenantId> id) = 0;
  // Makes the living tenants those that are wanted, names of which none occurs twice: new ones get their
  // record, those not among them are retired. All or nothing.
  [[nodiscard]] virtual base::Expected<SettledTenants> set_tenants(
      const std::vector<WantedTenant>& wanted) = 0;
  // The name can be used again, with a new id; the id never. A flush that waits is forgotten.
  [[nodiscard]] virtual base::Expected<void> retire_tenant(std::string_view name) = 0;
  // Living tenants, by id.
  [[nodiscard]] virtual base::Expected<std::vector<TenantRecord>> tenants() = 0;
  // All whose items may be on the servers: living and retired ones, each with its last generation, by id.
  [[nodiscard]] virtual base::Expected<std::vector<TenantRecord>> all_tenants() = 0;
  // Moves on by one and returns the new one. A flush that waits is replaced by one at `flush_at`; 0: by none.
  [[nodiscard]] virtual base::Expected<tenant::Generation> advance_generation(tenant::TenantId id,
                                                                              int64_t flush_at) = 0;
  [[nodiscard]] base::Expected<tenant::Generation> advance_generation(tenant::TenantId id) {
    return advance_generation(id, 0);
  }
  // The generation is to move at `flush_at` (Unix seconds) instead of at another time that was set before.
  // Returns the present one.
  [[nodiscard]] virtual base::Expected<tenant::Generation> schedule_flush(tenant::TenantId id,
                                                                          int64_t flush_at) = 0;
  // Moves on the generations whose time has come at `now` (Unix seconds), and returns these tenants.
  [[nodiscard]] virtual base::Expected<std::vector<TenantRecord>> flush_due(int64_t now) = 0;
  // Whether it can be written to now (for /readyz).
  [[nodiscard]] virtual base::Expected<void> probe() = 0;
};

struct StoreOptions {
  std::string path;                          // made with mode 0600 if it isn't there
  std::optional<std::string> key_namespace;  // from the configuration; an error if the store has another one
};

// Opens or makes the SQLite store and brings its schema up to date. Refuses a file that another running
// mctenant has open, one of a newer schema, and one that is not a store, saying which.
[[nodiscard]] base::Expected<std::unique_ptr<Store>> open_sqlite(const StoreOptions& options);

}  // namespace mctenant::store
