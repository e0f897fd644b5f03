#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "net/address.h"
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
};

struct Admin {
  net::Address address;
  std::string token;  // read from token_file; empty: none asked for
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
};

// Reads `text`, which came from `file`: relative paths in it stand relative to that file's folder.
[[nodiscard]] Parsed parse(std::string_view text, const std::string& file);
// Reads the file first; a file that can't be read is a fault.
[[nodiscard]] Parsed load(const std::string& file);

}  // namespace mctenant::config
