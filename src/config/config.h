#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credential_source.h"
#include "auth/mechanisms.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "config/file_state.h"
#include "net/address.h"
#include "net/listener.h"
#include "net/tls_context.h"
#include "session/options.h"
#include "tenant/tenant.h"
#include "upstream/options.h"

namespace mctenant::config {

// A fault or a warning: where in the file, what was found and what would be right.
struct Finding {
  std::string pointer;  // JSON pointer, "" for the whole file
  std::string message;
  [[nodiscard]] std::string format(std::string_view file) const;  // FILE: /json/pointer: what is wrong
};

struct Listener {
  net::Address address;
  mode_t mode = net::kPrivateSocket;                // of a unix socket
  std::string credential;                           // whose its connections are; empty: nobody's
  std::shared_ptr<const net::TlsContext> tls = {};  // loaded from its files; null: in plain
  auth::SignInPolicy sign_in = {};
};

struct Admin {
  net::Address address;
  std::string token;  // read from token_file; empty: none asked for
  bool operator==(const Admin&) const = default;
};

struct TenantConfig {
  std::string name;
  std::optional<tenant::TenantId> id;
  tenant::Plan plan;  // the plan's fields, overridden by the tenant's own
  std::vector<tenant::Credential> credentials;
};

// The whole configuration, checked, with every default filled in.
struct Config {
  std::vector<Listener> listeners;
  std::optional<Admin> admin;
  size_t workers = 1;  // 0 in the file: one per core
  std::string state;
  std::optional<std::string> key_namespace;
  std::vector<upstream::PoolOptions> pools;
  std::vector<TenantConfig> tenants;
  session::Limits limits;
};

struct Parsed {
  std::optional<Config> config;  // only without faults
  std::vector<Finding> faults;   // all of them, in the file's order
  std::vector<Finding> warnings;
  FileSet files;  // of the file itself, if load() has read it, and those of its TLS listeners
};

// Reads `text`, which came from `file`: relative paths in it stand relative to that file's folder.
// A plain password costs a PBKDF2 (milliseconds each), so a file with many takes seconds. If it is still that
// of the verifier that `known` has for its user, that verifier is kept; otherwise it gets a new one.
[[nodiscard]] Parsed parse(std::string_view text, const std::string& file,
                           const auth::CredentialSource* known = nullptr);
// Reads the file first; a file that can't be read is a fault.
[[nodiscard]] Parsed load(const std::string& file, const auth::CredentialSource* known = nullptr);

}  // namespace mctenant::config
