#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "session/accounting.h"
#include "store/store.h"
#include "tenant/directory.h"
#include "tenant/namespace.h"
#include "upstream/server_pool.h"

namespace mctenant::server {

// Whose a server key is.
enum class Owner {
  nobody,    // not ours: left alone whatever it is
  tenant,    // a living tenant's, of the present generation
  leftover,  // ours, and out of reach for ever: of a retired tenant, or of a generation before the present
             // one
};

// Every tenant that the store remembers, living and retired, to tell whose an item on a server is. Not
// thread-safe.
class KnownTenants {
 public:
  struct Known {
    session::Account account;                // of a living tenant, and of one that was living in this process
    upstream::ServerPool* pool = nullptr;    // of a living tenant
    tenant::Generation last_generation = 0;  // of a retired one
    bool living = false;
  };
  struct Found {
    Owner owner = Owner::nobody;
    tenant::ServerKeyParts parts;
    const Known* known = nullptr;
  };

  explicit KnownTenants(std::string key_namespace) : key_namespace_(std::move(key_namespace)) {}

  void set_living(tenant::TenantId id, Known known) { tenants_[id] = known; }
  void retire(const store::TenantRecord& record) {
    Known& known = tenants_[record.id];
    known.living = false;
    known.last_generation = record.generation;
  }
  [[nodiscard]] Found find(std::string_view server_key) const {
    const auto parts = tenant::parse_server_key(key_namespace_, server_key);
    if (!parts) return {};
    const auto found = tenants_.find(parts->id);
    if (found == tenants_.end()) return {};
    const Known& known = found->second;
    const tenant::Generation last = known.living ? known.account.tenant->generation() : known.last_generation;
    // A generation that this store has not given is somebody else's.
    if (parts->generation > last) return {};
    const bool present = known.living && parts->generation == last;
    return {present ? Owner::tenant : Owner::leftover, *parts, &known};
  }
  [[nodiscard]] const std::unordered_map<tenant::TenantId, Known>& all() const { return tenants_; }

 private:
  const std::string key_namespace_;
  std::unordered_map<tenant::TenantId, Known> tenants_;
};

}  // namespace mctenant::server
