#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "config/sections.h"

namespace mctenant::config {
namespace {

using net::CertificateField;
using net::TlsContext;

constexpr std::array<std::pair<std::string_view, CertificateField>, 4> kFields{{
    {"cn", CertificateField::cn},
    {"san_dns", CertificateField::san_dns},
    {"san_email", CertificateField::san_email},
    {"san_uri", CertificateField::san_uri},
}};

std::optional<CertificateField> parse_field(const Value& value) {
  const auto text = value.text("what of a certificate names its credential");
  if (!text) return std::nullopt;
  std::vector<std::string_view> names;
  for (const auto& [name, field] : kFields) {
    if (name == *text) return field;
    names.push_back(name);
  }
  value.fault(in_quotes(*text) + " is not a field of a certificate." + suggest(*text, names));
  return std::nullopt;
}

// As chmod takes it, in four octal digits.
void parse_mode(const Value& value, Listener& listener) {
  if (listener.address.kind != net::Address::Kind::unix_socket) {
    return value.fault("has no meaning but for the path of a unix socket; remove the key");
  }
  const auto text = value.text("a mode such as \"0660\"");
  if (!text) return;
  mode_t mode = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), mode, 8);
  constexpr mode_t kOwner = 0600;
  if (text->size() != 4 || error != std::errc() || end != text->data() + text->size() || mode > 0777 ||
      (mode & kOwner) != kOwner) {
    return value.fault(
        in_quotes(*text) +
        " is not the mode of a socket; write one from \"0600\" to \"0777\", which lets its owner in");
  }
  listener.mode = mode;
}

std::string parse_file(const std::optional<Value>& value, const std::string& folder, FileSet& files) {
  const auto path = value ? value->path(folder) : std::nullopt;
  if (!path) return "";
  files.add(*path, FileState::of(*path));
  return *path;
}

void parse_tls(const Value& place, const std::string& folder, Listener& listener, FileSet& files) {
  Object object(place);
  const auto certificate = object.need("certificate", "\"cert.pem\"");
  const auto private_key = object.need("private_key", "\"key.pem\"");
  const auto client_ca = object.find("client_ca");
  const auto identity = object.find("client_identity");
  object.finish();
  net::TlsOptions options;
  options.certificate = parse_file(certificate, folder, files);
  options.private_key = parse_file(private_key, folder, files);
  options.client_ca = parse_file(client_ca, folder, files);
  if (identity) options.client_identity = parse_field(*identity);
  if (identity && !client_ca) {
    identity->fault("needs a \"client_ca\": without one, clients show no certificate");
  }
  if (options.certificate.empty() || options.private_key.empty()) return;
  TlsContext::Loaded loaded = TlsContext::load(options);
  const auto place_of = [&](TlsContext::Part part) -> const Value& {
    if (part == TlsContext::Part::certificate) return *certificate;
    return part == TlsContext::Part::private_key ? *private_key : *client_ca;
  };
  for (auto& fault : loaded.faults) place_of(fault.part).fault(std::move(fault.message));
  for (auto& warning : loaded.warnings) place_of(warning.part).warn(std::move(warning.message));
  listener.tls = std::move(loaded.context);
}

}  // namespace

void parse_access(Object& object, const std::string& folder, Listener& listener, FileSet& files,
                  std::vector<PendingCredential>& bound) {
  if (const auto mode = object.find("mode")) parse_mode(*mode, listener);
  if (const auto tls = object.find("tls")) parse_tls(*tls, folder, listener, files);
  const auto credential = object.find("credential");
  if (!credential) return;
  const auto username = credential->text("the user name of a credential");
  if (!username) return;
  listener.credential = *username;
  bound.push_back({*credential, *username});
  if (!listener.address.loopback()) {
    credential->fault("makes everybody who connects this credential, and " +
                      in_quotes(listener.address.text()) +
                      " can be reached from other machines: listen on 127.0.0.1 or on a unix socket");
  }
  if (listener.tls && listener.tls->client_identity()) {
    credential->fault(
        "stands beside a \"client_identity\", by which the certificate says whose a connection is; "
        "remove one of them");
  }
}

void check_bound_listeners(const std::vector<PendingCredential>& bound,
                           const std::vector<TenantConfig>& tenants) {
  if (bound.empty()) return;
  std::vector<std::string_view> usernames;
  for (const TenantConfig& tenant : tenants) {
    for (const tenant::Credential& credential : tenant.credentials) usernames.push_back(credential.username);
  }
  for (const PendingCredential& pending : bound) {
    if (std::find(usernames.begin(), usernames.end(), pending.username) != usernames.end()) continue;
    pending.place.fault(in_quotes(pending.username) + " is not the user name of any credential." +
                        suggest(pending.username, usernames));
  }
}

}  // namespace mctenant::config
