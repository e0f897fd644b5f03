#include "support/mctenant_process.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace mctenant::support {
namespace {

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

// Texts here hold neither quotes nor backslashes.
std::string tenants_json(const MctenantOptions& options) {
  std::string json;
  for (const auto& [name, password] : options.tenants) {
    const auto more = options.credentials.find(name);
    json += (json.empty() ? "" : ", ") + quoted(name) + R"(: {"plan": "dev", "credentials": [{"username": )" +
            quoted(name) + R"(, "password": )" + quoted(password) + "}" +
            (more == options.credentials.end() ? "" : ", " + more->second) + "]}";
  }
  return json;
}

std::string limits_json(const std::map<std::string, std::string>& limits) {
  std::string json;
  for (const auto& [name, value] : limits) json += (json.empty() ? "" : ", ") + quoted(name) + ": " + value;
  return json;
}

}  // namespace

std::string configuration(const MctenantOptions& options, const std::string& address,
                          const std::string& admin, const std::string& state) {
  std::string servers;
  for (const std::string& server : options.servers) servers += (servers.empty() ? "" : ", ") + quoted(server);
  return R"({"listeners": [{"address": )" + quoted(address) +
         (options.listener.empty() ? "" : ", " + options.listener) + "}" + options.listeners + R"(],
 "admin": {"address": )" +
         quoted(admin) + R"(},
 "workers": )" +
         std::to_string(options.workers) + R"(,
 "state": )" +
         quoted(state) + R"(,
 "pools": {"default": {"servers": [)" +
         servers + "], " + options.pool + R"(}},
 "plans": {"dev": {)" +
         options.plan + R"(}},
 "tenants": {)" +
         tenants_json(options) + R"(},
 "limits": {)" +
         limits_json(options.limits) + "}}\n";
}

MctenantProcess::MctenantProcess(MctenantOptions options)
    : options_(std::move(options)),
      address_("127.0.0.1:" + std::to_string(free_port())),
      admin_("127.0.0.1:" + std::to_string(free_port())) {
  folder_.write("mctenant.json", configuration(options_, address_, admin_, folder_.file("state.db")));
  start();
}

std::string MctenantProcess::binary() {
  if (const char* named = std::getenv("MCTENANT_BINARY")) return named;
#ifdef MCTENANT_BINARY
  return MCTENANT_BINARY;
#else
  throw std::runtime_error(
      "this build has no mctenant; name one in the environment variable MCTENANT_BINARY");
#endif
}

void MctenantProcess::start() {
  process_.reset();
  process_ = std::make_unique<Process>(
      std::vector<std::string>{binary(), "serve", "--config", folder_.file("mctenant.json")},
      folder_.file("output"));
  const auto ready = [&] {
    try {
      return !process_->running() || ready_status() == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  if (!wait_until(ready, 20s) || !process_->running()) {
    throw std::runtime_error("mctenant does not start: " + process_->output());
  }
}

void MctenantProcess::remove_state() const {
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    if (entry.path().filename().string().starts_with("state.db")) std::filesystem::remove(entry.path());
  }
}

BinaryClient MctenantProcess::sign_in(const std::string& tenant) const {
  return BinaryClient(address_, tenant, password(tenant));
}

}  // namespace mctenant::support
