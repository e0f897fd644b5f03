#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/credential_source.h"
#include "tenant/tenant.h"

namespace mctenant::tenant {

// A tenant and what the configuration says of it.
struct Entry {
  std::shared_ptr<Tenant> tenant;
  Plan plan;
  std::vector<Credential> credentials;
};

// All tenants at one moment. Built whole, then never changed: any thread may read it without a lock, and a
// reload puts a new one in its place.
class Directory final : public auth::CredentialSource {
 public:
  // User names are unique over all tenants (the configuration has checked it).
  explicit Directory(std::vector<Entry> entries);

  [[nodiscard]] const auth::Verifier* find_verifier(std::string_view username,
                                                    auth::Hash hash) const override;
  // The tenant that `username` signs in to, or null. Valid as long as the directory.
  [[nodiscard]] const Entry* find_by_username(std::string_view username) const;
  // … and the credential that it signs in with; lives as long as it is held, without the directory.
  [[nodiscard]] std::shared_ptr<const Credential> find_credential(std::string_view username) const;
  [[nodiscard]] const Entry* find_tenant(TenantId id) const;
  // In the order of the configuration.
  [[nodiscard]] const std::vector<Entry>& entries() const { return *entries_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Found {
    size_t entry;
    size_t credential;
  };

  std::shared_ptr<const std::vector<Entry>> entries_;
  std::unordered_map<std::string, Found, Hash, std::equal_to<>> by_username_;
  std::unordered_map<TenantId, size_t> by_id_;
};

}  // namespace mctenant::tenant
