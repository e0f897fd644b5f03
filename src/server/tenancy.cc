#include "server/tenancy.h"

#include "base/log.h"

namespace mctenant::server {

std::shared_ptr<const tenant::Directory> Tenancy::make_directory(
    const config::Config& config, const std::vector<store::TenantRecord>& records) {
  std::vector<tenant::Entry> entries;
  entries.reserve(records.size());
  decltype(figures_) now;
  for (size_t i = 0; i < records.size(); ++i) {
    const store::TenantRecord& record = records[i];
    auto& tenant = tenants_[record.id];  // an id belongs to one tenant for ever
    if (!tenant) {
      tenant = std::make_shared<tenant::Tenant>(record.name, record.id, record.generation, key_namespace_,
                                                observers_);
    }
    entries.push_back({tenant, config.tenants[i].plan, config.tenants[i].credentials});
    for (tenant::Credential& credential : entries.back().credentials) {
      auto& kept = figures_[credential.username];
      credential.figures = kept ? kept : std::make_shared<tenant::CredentialFigures>();
      now.emplace(credential.username, credential.figures);
    }
  }
  figures_ = std::move(now);
  return std::make_shared<const tenant::Directory>(std::move(entries));
}

std::vector<store::WantedTenant> wanted_tenants(const config::Config& config) {
  std::vector<store::WantedTenant> wanted;
  wanted.reserve(config.tenants.size());
  for (const config::TenantConfig& tenant : config.tenants) wanted.push_back({tenant.name, tenant.id});
  return wanted;
}

void log_retired(const std::vector<store::TenantRecord>& retired) {
  for (const store::TenantRecord& record : retired) {
    base::log::info("the tenant \"{}\" (id {}) is no longer configured: it is retired, and its items go",
                    record.name, record.id);
  }
}

}  // namespace mctenant::server
