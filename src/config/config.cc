#include "config/config.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "auth/verifier.h"
#include "base/secret.h"
#include "config/limits.h"
#include "config/reader.h"
#include "config/sections.h"

namespace mctenant::config {
namespace {

constexpr uint64_t kMaxWorkers = 256;
constexpr size_t kMaxFile = 64 * base::kMiB;
constexpr std::string_view kDefaultState = "/var/lib/mctenant/state.db";

size_t workers_for(uint64_t asked) {
  if (asked > 0) return asked;
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMaxWorkers);
}

void parse_key_namespace(const Value& value, Config& config) {
  const auto text = value.text("a namespace");
  if (!text) return;
  if (tenant::valid_namespace(*text)) {
    config.key_namespace = *text;
  } else {
    value.fault(in_quotes(*text) + " is not a namespace; write 1 to " +
                std::to_string(tenant::kMaxNamespace) + " characters of A-Z a-z 0-9");
  }
}

// The sections that refer to each other: plans to pools, tenants to both.
void parse_tenancy(Object& root, Config& config, std::vector<PendingPassword>& passwords) {
  if (const auto pools = root.need("pools", "{\"default\": {\"servers\": [\"127.0.0.1:11311\"]}}")) {
    parse_pools(*pools, config.pools);
  }
  std::vector<std::string_view> pool_names;
  for (const auto& pool : config.pools) pool_names.push_back(pool.name);

  PlanMap plans;
  if (const auto value = root.find("plans")) plans = parse_plans(*value, pool_names);
  const auto key_namespace = root.find("namespace");
  if (key_namespace) parse_key_namespace(*key_namespace, config);

  if (const auto tenants = root.find("tenants")) {
    parse_tenants(*tenants, {plans, pool_names, key_namespace.has_value()}, config.tenants, passwords);
  } else if (root.valid()) {
    root.place().warn("has no \"tenants\": nobody can sign in");
  }
}

void parse_root(Object& root, const std::string& folder, Config& config, FileSet& files,
                std::vector<PendingPassword>& passwords) {
  std::vector<PendingCredential> bound;
  const auto listeners = root.need("listeners", "[{\"address\": \"0.0.0.0:11211\"}]");
  if (listeners) parse_listeners(*listeners, folder, config.listeners, files, bound);
  if (const auto value = root.find("admin")) config.admin = parse_admin(*value, folder);
  const auto workers = root.find("workers");
  config.workers = workers_for(workers ? workers->number(0, kMaxWorkers).value_or(0) : 0);
  config.state = kDefaultState;
  if (const auto value = root.find("state")) config.state = value->path(folder).value_or("");
  if (const auto value = root.find("limits")) parse_limits(*value, config.limits);
  parse_tenancy(root, config, passwords);
  check_bound_listeners(bound, config.tenants);
  if (!config.listeners.empty()) check_mechanisms(*listeners, config.listeners, config.tenants, passwords);
  root.finish();
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

auth::Verifier verifier_of(const std::string& password, std::string_view username, auth::Hash hash,
                           const auth::CredentialSource* known) {
  const auth::Verifier* before = known != nullptr ? known->find_verifier(username, hash) : nullptr;
  return before != nullptr && auth::matches(*before, password) ? *before
                                                               : auth::make_verifier(password, hash);
}

// One for PLAIN and SCRAM-SHA-256, and those that other mechanisms of the listeners need.
void make_verifiers(const std::string& password, const std::vector<Listener>& listeners,
                    const auth::CredentialSource* known, tenant::Credential& credential) {
  credential.verifier = verifier_of(password, credential.username, auth::Hash::sha_256, known);
  for (const auto mechanism : {auth::Mechanism::scram_sha_512, auth::Mechanism::scram_sha_1}) {
    const bool offered = std::any_of(
        listeners.begin(), listeners.end(),
        [mechanism](const Listener& listener) { return listener.sign_in.mechanisms.has(mechanism); });
    if (!offered) continue;
    credential.others.push_back(verifier_of(password, credential.username, *auth::hash_of(mechanism), known));
  }
}

// Tells the state of the file that is read, too, even if another takes its place meanwhile.
base::Expected<std::string> read_file(const std::string& path, FileState& state) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return base::fail(std::string("can't be read: ") + std::strerror(errno));
  state = FileState::of(fileno(file.get()));
  std::string text;
  char block[16 * 1024];
  size_t got = 0;
  while ((got = std::fread(block, 1, sizeof(block), file.get())) > 0) {
    text.append(block, got);
    if (text.size() > kMaxFile) return base::fail("is larger than " + base::format_byte_size(kMaxFile));
  }
  base::wipe(block, sizeof(block));
  if (std::ferror(file.get()) != 0) return base::fail(std::string("can't be read: ") + std::strerror(errno));
  return text;
}

}  // namespace

std::string Finding::format(std::string_view file) const {
  std::string line(file);
  if (!pointer.empty()) line += ": " + pointer;
  line += ": " + message;
  // A key of the file may hold anything; a terminal is to see none of it.
  std::replace_if(
      line.begin(), line.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; }, '?');
  return line;
}

Parsed parse(std::string_view text, const std::string& file, const auth::CredentialSource* known) {
  Findings findings;
  Node tree;
  Config config;
  Parsed parsed;
  if (parse_json(text, tree, findings)) {
    std::vector<PendingPassword> passwords;
    Object root(Value(tree, "", findings));
    const std::string folder = std::filesystem::path(file).parent_path().string();
    if (root.valid()) parse_root(root, folder, config, parsed.files, passwords);
    if (!findings.any_fault()) {
      for (const PendingPassword& pending : passwords) {
        tenant::Credential& credential = config.tenants[pending.tenant].credentials[pending.credential];
        make_verifiers(*pending.password, config.listeners, known, credential);
      }
    }
  }
  wipe(tree);
  if (!findings.any_fault()) parsed.config = std::move(config);
  parsed.faults = findings.take_faults();
  parsed.warnings = findings.take_warnings();
  return parsed;
}

Parsed load(const std::string& file, const auth::CredentialSource* known) {
  FileState state = FileState::of(file);
  auto text = read_file(file, state);
  Parsed parsed;
  if (text) {
    parsed = parse(*text, file, known);
    base::wipe(*text);
  } else {
    parsed.faults.push_back({"", text.error().message});
  }
  parsed.files.add(file, state);
  return parsed;
}

}  // namespace mctenant::config
