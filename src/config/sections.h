#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/mechanisms.h"
#include "config/config.h"
#include "config/reader.h"
#include "tenant/tenant.h"
#include "upstream/options.h"

namespace mctenant::config {

// Each function reads one section of the file, tells what is wrong, and gives what is right in the rest.

[[nodiscard]] std::optional<net::Address> parse_address(const Value& value);

// A listener's credential, which is to be among those of the tenants.
struct PendingCredential {
  Value place;
  std::string username;
};

// Reads the files of TLS too, which stand relative to `folder`.
void parse_listeners(const Value& value, const std::string& folder, std::vector<Listener>& listeners,
                     FileSet& files, std::vector<PendingCredential>& bound);
void check_bound_listeners(const std::vector<PendingCredential>& bound,
                           const std::vector<TenantConfig>& tenants);

// The keys of a listener that say who may connect to it, and how; see listener_access.cc.
void parse_access(Object& object, const std::string& folder, Listener& listener, FileSet& files,
                  std::vector<PendingCredential>& bound);
// The keys of a listener, with `tls` or without, that say how its clients sign in.
[[nodiscard]] auth::SignInPolicy parse_sign_in(Object& listener, bool tls);

// Reads the token's file too, which stands relative to `folder`.
[[nodiscard]] std::optional<Admin> parse_admin(const Value& value, const std::string& folder);

void parse_pools(const Value& value, std::vector<upstream::PoolOptions>& pools);

using PlanMap = std::map<std::string, tenant::Plan, std::less<>>;

// `pools` are the names that a plan may refer to.
[[nodiscard]] PlanMap parse_plans(const Value& value, const std::vector<std::string_view>& pools);

// The keys of a plan, all of which a tenant may have too: sets in `plan` those that stand in `object`.
void parse_plan_keys(Object& object, const std::vector<std::string_view>& pools, tenant::Plan& plan);

// A credential whose verifier is still to be made of its password, which lives as long as the node.
struct PendingPassword {
  size_t tenant;
  size_t credential;
  const std::string* password;
};

struct TenantContext {
  const PlanMap& plans;
  const std::vector<std::string_view>& pools;
  bool has_namespace;
};

// Warns of each listener to which nobody can sign in, for want of a verifier of its mechanisms.
void check_mechanisms(const Value& value, const std::vector<Listener>& listeners,
                      const std::vector<TenantConfig>& tenants,
                      const std::vector<PendingPassword>& passwords);

void parse_tenants(const Value& value, const TenantContext& context, std::vector<TenantConfig>& tenants,
                   std::vector<PendingPassword>& passwords);

}  // namespace mctenant::config
