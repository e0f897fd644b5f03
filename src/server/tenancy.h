#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "store/store.h"
#include "tenant/directory.h"

namespace mctenant::server {

// Makes directories out of configurations. On the main thread.
//
// It owns every tenant that the process has ever known, until the process ends: requests under way and pieces
// of work in the background hold plain pointers to a tenant and its figures, and a tenant may be removed from
// the configuration meanwhile. What it costs is some hundred bytes a worker for each tenant that was removed.
class Tenancy {
 public:
  // Tenants have figures for that many observers.
  Tenancy(std::string key_namespace, size_t observers)
      : key_namespace_(std::move(key_namespace)), observers_(observers) {}

  [[nodiscard]] const std::string& key_namespace() const { return key_namespace_; }

  // The tenants of `config`, with the records that the store gave for wanted_tenants(config). One that is
  // there already is the same object as before.
  [[nodiscard]] std::shared_ptr<const tenant::Directory> make_directory(
      const config::Config& config, const std::vector<store::TenantRecord>& records);

 private:
  const std::string key_namespace_;
  const size_t observers_;
  std::map<tenant::TenantId, std::shared_ptr<tenant::Tenant>> tenants_;
  // Of the credentials of this moment, by user name.
  std::map<std::string, std::shared_ptr<tenant::CredentialFigures>> figures_;
};

// What to ask Store::set_tenants() for.
[[nodiscard]] std::vector<store::WantedTenant> wanted_tenants(const config::Config& config);

// Says it of each in the log.
void log_retired(const std::vector<store::TenantRecord>& retired);

}  // namespace mctenant::server
