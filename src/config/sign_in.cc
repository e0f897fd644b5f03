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

}  // namespace

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
