#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "auth/verifier.h"
#include "config/sections.h"

namespace mctenant::config {
namespace {

constexpr uint64_t kMaxId = uint64_t{1} << 31;
constexpr size_t kMaxUsername = 255;
constexpr size_t kMaxPassword = 1024;

// Reads all tenants, one after the other: what must be unique over them is kept here.
class TenantReader {
 public:
  TenantReader(const TenantContext& context, std::vector<TenantConfig>& tenants,
               std::vector<PendingPassword>& passwords)
      : context_(context), tenants_(tenants), passwords_(passwords) {}

  void read(const std::string& name, const Value& place) {
    TenantConfig& tenant = tenants_.emplace_back();
    tenant.name = name;
    (void)check_name(place, "tenant", name);
    Object object(place);
    read_id(object, tenant);
    read_plan(object, tenant);
    const auto credentials = object.find("credentials");
    if (credentials) read_credentials(*credentials, tenant);
    object.finish();
    if (object.valid() && (!credentials || credentials->node().items.empty())) {
      place.warn("has no credentials: nobody can sign in to it");
    }
  }

 private:
  void read_id(Object& object, TenantConfig& tenant) {
    const auto value = object.find("id");
    if (!value) {
      if (context_.has_namespace && object.valid()) {
        object.place().fault(
            "has no \"id\": with a \"namespace\" every tenant needs one, the same in every proxy");
      }
      return;
    }
    if (!context_.has_namespace) {
      value->fault("has no meaning without a \"namespace\"; set one, or remove the id");
    }
    const auto id = value->number(1, kMaxId);
    if (!id) return;
    tenant.id = static_cast<tenant::TenantId>(*id);
    const auto [owner, fresh] = ids_.emplace(*id, tenant.name);
    if (!fresh)
      value->fault(std::to_string(*id) + " is the id of the tenant " + in_quotes(owner->second) + " already");
  }

  void read_plan(Object& object, TenantConfig& tenant) {
    bool plan_known = true;
    if (const auto value = object.find("plan")) {
      const auto name = value->text("the name of a plan");
      const auto plan = name ? context_.plans.find(*name) : context_.plans.end();
      plan_known = plan != context_.plans.end();
      if (plan_known) {
        tenant.plan = plan->second;
      } else if (name) {
        std::vector<std::string_view> names;
        for (const auto& entry : context_.plans) names.push_back(entry.first);
        value->fault(in_quotes(*name) + " is not among the \"plans\"." + suggest(*name, names));
      }
    }
    parse_plan_keys(object, context_.pools, tenant.plan);
    const auto& pools = context_.pools;
    if (plan_known && object.valid() && !pools.empty() &&
        std::find(pools.begin(), pools.end(), tenant.plan.pool) == pools.end()) {
      object.place().fault("neither the tenant nor its plan names a \"pool\", and there is no pool " +
                           in_quotes(tenant.plan.pool) + "." + suggest(tenant.plan.pool, pools));
    }
  }

  void read_credentials(const Value& value, TenantConfig& tenant) {
    const auto items = value.list("credentials");
    if (!items) return;
    for (const Value& item : *items) {
      Object object(item);
      tenant::Credential& credential = tenant.credentials.emplace_back();
      if (const auto username = object.need("username", "\"…\"")) read_username(*username, credential);
      read_secret(object, credential);
      if (const auto given = object.find("capabilities")) credential.capabilities = read_capabilities(*given);
      if (const auto primary = object.find("primary")) read_primary(*primary, tenant);
      object.finish();
    }
    settle_primary(tenant);
  }

  static tenant::Capabilities read_capabilities(const Value& value) {
    tenant::Capabilities capabilities;
    const auto items = value.list("capabilities");
    if (!items) return capabilities;
    if (items->empty())
      value.fault("is empty: the credential could do nothing; remove the credential, or write [\"read\"]");
    const std::vector<std::string_view> names{tenant::kCapabilityNames.begin(),
                                              tenant::kCapabilityNames.end()};
    for (const Value& item : *items) {
      const auto name = item.text("a capability, such as \"read\"");
      if (!name) continue;
      const auto found = std::find(names.begin(), names.end(), *name);
      if (found == names.end()) {
        item.fault(in_quotes(*name) + " is not a capability." + suggest(*name, names));
        continue;
      }
      const auto capability = static_cast<tenant::Capability>(found - names.begin());
      if (capabilities.has(capability))
        item.fault(in_quotes(*name) + " stands there twice; remove one of them");
      if (capability == tenant::Capability::api) item.warn("allows nothing yet: there is no API to be used");
      capabilities.add(capability);
    }
    return capabilities;
  }

  // Of the credential that is being read, the last one.
  static void read_primary(const Value& value, TenantConfig& tenant) {
    const bool wanted = value.yes_or_no().value_or(false);
    const bool another = std::any_of(tenant.credentials.begin(), tenant.credentials.end(),
                                     [](const tenant::Credential& credential) { return credential.primary; });
    if (wanted && another)
      value.fault("stands in another credential of this tenant already; only one can be it");
    tenant.credentials.back().primary = wanted;
  }

  // If none is said to be it, the first is.
  static void settle_primary(TenantConfig& tenant) {
    const bool said = std::any_of(tenant.credentials.begin(), tenant.credentials.end(),
                                  [](const tenant::Credential& credential) { return credential.primary; });
    if (!said && !tenant.credentials.empty()) tenant.credentials.front().primary = true;
  }

  void read_username(const Value& value, tenant::Credential& credential) {
    const auto name = value.text("a user name");
    if (!name) return;
    const bool visible = std::none_of(name->begin(), name->end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte < 0x20 || byte == 0x7f;
    });
    if (name->size() > kMaxUsername || !visible) {
      return value.fault(in_quotes(*name) + " is not a user name; write 1 to " +
                         std::to_string(kMaxUsername) + " bytes without control characters");
    }
    credential.username = *name;
    const auto [owner, fresh] = usernames_.emplace(*name, tenants_.back().name);
    if (!fresh) {
      value.fault("the user name " + in_quotes(*name) + " is taken by a credential of the tenant " +
                  in_quotes(owner->second) + "; user names are unique over all tenants");
    }
  }

  void read_secret(Object& object, tenant::Credential& credential) {
    const auto password = object.find("password");
    const auto verifier = object.find("verifier");
    if (password && verifier) {
      verifier->fault("stands beside a \"password\"; remove one of them");
    } else if (!password && !verifier && object.valid()) {
      object.place().fault(
          "has neither \"verifier\" nor \"password\"; `mctenant verifier` makes one of a password");
    }
    if (password) read_password(*password);
    if (verifier) read_verifiers(*verifier, credential);
  }

  // One, or a list of one of each hash.
  void read_verifiers(const Value& value, tenant::Credential& credential) {
    std::vector<auth::Verifier> found;
    if (value.node().kind != Node::Kind::list) {
      read_verifier(value, found);
    } else {
      const auto items = value.list("verifiers");
      for (const Value& item : *items) read_verifier(item, found);
      if (found.size() < items->size()) return;  // what is wrong has been told
    }
    const auto main = std::find_if(found.begin(), found.end(), [](const auth::Verifier& verifier) {
      return verifier.hash == auth::Hash::sha_256;
    });
    if (main != found.end()) {
      credential.verifier = std::move(*main);
      found.erase(main);
      credential.others = std::move(found);
    } else if (!found.empty() || value.node().kind == Node::Kind::list) {
      value.fault(
          "has none for SCRAM-SHA-256, by which the password of PLAIN is checked too; "
          "`mctenant verifier` makes one");
    }
  }

  static void read_verifier(const Value& value, std::vector<auth::Verifier>& found) {
    const auto text = value.text("a verifier, as `mctenant verifier` prints it");
    if (!text) return;
    auto parsed = auth::parse_verifier(*text);
    if (!parsed) return value.fault(parsed.error().message);
    const bool twice = std::any_of(found.begin(), found.end(), [&parsed](const auth::Verifier& other) {
      return other.hash == parsed->hash;
    });
    if (twice) {
      return value.fault("is a second one for " + std::string(auth::scheme_of(parsed->hash)) +
                         "; remove one of them. For two passwords at a time, make two credentials");
    }
    if (parsed->salt.size() != auth::kSaltSize) {
      value.warn("has a salt of " + std::to_string(parsed->salt.size()) +
                 " bytes: by that, anybody can tell "
                 "that there is such a user, since all other names seem to have salts of " +
                 std::to_string(auth::kSaltSize));
    }
    found.push_back(*std::move(parsed));
  }

  // Says nothing of what stands there.
  void read_password(const Value& value) {
    const Node& node = value.node();
    if (node.kind != Node::Kind::text || node.text.empty()) {
      return value.fault("is no password; write a text in quotes, not empty");
    }
    if (node.text.size() > kMaxPassword || node.text.find('\0') != std::string::npos) {
      return value.fault("is no password that a client can send; write at most " +
                         std::to_string(kMaxPassword) + " bytes without NUL");
    }
    passwords_.push_back({tenants_.size() - 1, tenants_.back().credentials.size() - 1, &node.text});
  }

  const TenantContext& context_;
  std::vector<TenantConfig>& tenants_;
  std::vector<PendingPassword>& passwords_;
  std::unordered_map<uint64_t, std::string> ids_;
  std::unordered_map<std::string, std::string> usernames_;  // and the tenant that has it
};

}  // namespace

void parse_tenants(const Value& value, const TenantContext& context, std::vector<TenantConfig>& tenants,
                   std::vector<PendingPassword>& passwords) {
  const Object object(value);
  TenantReader reader(context, tenants, passwords);
  for (const auto& [name, place] : object.members()) reader.read(name, place);
  if (object.valid() && tenants.empty()) value.warn("is empty: nobody can sign in");
}

}  // namespace mctenant::config
