#include <algorithm>
#include <utility>

#include "config/sections.h"

namespace mctenant::config {
namespace {

std::vector<std::string_view> mechanism_names() {
  return {auth::kMechanismNames.begin(), auth::kMechanismNames.end()};
}

auth::Mechanisms parse_mechanisms(const Value& value) {
  auth::Mechanisms mechanisms;
  const auto items = value.list("mechanisms");
  if (!items) return mechanisms;
  if (items->empty())
    value.fault("is empty: nobody could sign in; leave it out, or write [\"SCRAM-SHA-256\"]");
  for (const Value& item : *items) {
    const auto name = item.text("a mechanism, such as \"SCRAM-SHA-256\"");
    if (!name) continue;
    const auto mechanism = auth::find_mechanism(*name);
    if (!mechanism) {
      item.fault(in_quotes(*name) + " is not a mechanism that mctenant has." +
                 suggest(*name, mechanism_names()));
    } else if (mechanisms.has(*mechanism)) {
      item.fault(in_quotes(*name) + " stands there twice; remove one of them");
    } else {
      mechanisms.add(*mechanism);
    }
  }
  return mechanisms;
}

// Beside that of SCRAM-SHA-256, which all have, and which is PLAIN's too.
bool has_verifier(const tenant::Credential& credential, auth::Mechanisms offered) {
  return std::any_of(
      credential.others.begin(), credential.others.end(), [offered](const auth::Verifier& one) {
        return (offered.has(auth::Mechanism::scram_sha_512) && one.hash == auth::Hash::sha_512) ||
               (offered.has(auth::Mechanism::scram_sha_1) && one.hash == auth::Hash::sha_1);
      });
}

// All credentials, and those that have a verifier for what is offered.
std::pair<size_t, size_t> count_credentials(const std::vector<TenantConfig>& tenants,
                                            auth::Mechanisms offered) {
  size_t any = 0;
  size_t served = 0;
  for (const TenantConfig& tenant : tenants) {
    any += tenant.credentials.size();
    served += static_cast<size_t>(std::count_if(
        tenant.credentials.begin(), tenant.credentials.end(),
        [offered](const tenant::Credential& credential) { return has_verifier(credential, offered); }));
  }
  return {any, served};
}

// By themselves, its clients may be signed in without a mechanism.
bool needs_mechanism(const Listener& listener) {
  return listener.credential.empty() && !(listener.tls && listener.tls->client_identity());
}

}  // namespace

void check_mechanisms(const Value& value, const std::vector<Listener>& listeners,
                      const std::vector<TenantConfig>& tenants,
                      const std::vector<PendingPassword>& passwords) {
  const auto items = value.list("listeners");
  // Of passwords, verifiers are made for all that is offered.
  if (!items || items->size() != listeners.size() || !passwords.empty()) return;
  for (size_t i = 0; i < listeners.size(); ++i) {
    const auth::Mechanisms offered = listeners[i].sign_in.offered(listeners[i].tls != nullptr);
    if (!needs_mechanism(listeners[i]) || offered.empty() || offered.has(auth::Mechanism::plain) ||
        offered.has(auth::Mechanism::scram_sha_256)) {
      continue;
    }
    const auto [any, served] = count_credentials(tenants, offered);
    if (any == 0 || served > 0) continue;
    const auto place = Object((*items)[i]).find("mechanisms");
    (place ? *place : (*items)[i])
        .warn("offers " + std::string(list_of(offered)) +
              " only, for which no credential has a verifier: nobody can sign in; add \"SCRAM-SHA-256\", or "
              "verifiers by `mctenant verifier --mechanism`");
  }
}

auth::SignInPolicy parse_sign_in(Object& listener, bool tls) {
  auth::SignInPolicy policy;
  if (const auto value = listener.find("mechanisms")) policy.mechanisms = parse_mechanisms(*value);
  const auto requires_tls = listener.find("plain_requires_tls");
  if (requires_tls) policy.plain_requires_tls = requires_tls->yes_or_no().value_or(false);
  if (!policy.mechanisms.empty() && policy.offered(tls).empty()) {
    requires_tls->fault("leaves no mechanism on a listener without \"tls\": nobody could sign in; add \"" +
                        std::string(name_of(auth::Mechanism::scram_sha_256)) + "\" to its \"mechanisms\"");
  }
  return policy;
}

}  // namespace mctenant::config
