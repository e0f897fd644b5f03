#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/binary_client.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace mctenant::support {

// What a test writes into the configuration. `pool`, `plan` and the values of `limits` are JSON as it stands
// there.
struct MctenantOptions {
  std::vector<std::string> servers = {};
  int workers = 2;
  std::string pool = R"("timeout": "500ms")";
  std::map<std::string, std::string> tenants = {{"alice", "alice's password"}, {"bob", "bob's password"}};
  std::map<std::string, std::string> limits = {{"sign_in_timeout", R"("5s")"}};
  std::string listener = {};   // more keys of the first listener, such as R"("mechanisms": ["PLAIN"])"
  std::string listeners = {};  // JSON objects that follow the first listener, with a comma before each
  // More credentials of a tenant, JSON objects: {"alice", R"({"username": …})"}.
  std::map<std::string, std::string> credentials = {};
  std::string plan = {};  // of every tenant, such as R"("memory": "1MiB")"
};

// The configuration as JSON.
std::string configuration(const MctenantOptions& options, const std::string& address,
                          const std::string& admin, const std::string& state);

// The program itself, on 127.0.0.1, with a state of its own.
class MctenantProcess {
 public:
  // Starts it and waits until /readyz answers 200.
  explicit MctenantProcess(MctenantOptions options);

  // The program under test: as the build gave it, or as MCTENANT_BINARY in the environment says.
  static std::string binary();

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const std::string& admin() const { return admin_; }
  [[nodiscard]] Process& process() { return *process_; }
  [[nodiscard]] const TempFolder& folder() const { return folder_; }

  // Starts it again after it ended, on the same addresses and the same state.
  void start();
  // Makes it forget its state; while it doesn't run.
  void remove_state() const;

  [[nodiscard]] BinaryClient connect() const { return BinaryClient(address_); }
  // A client of that tenant, signed in.
  [[nodiscard]] BinaryClient sign_in(const std::string& tenant) const;
  [[nodiscard]] const std::string& password(const std::string& tenant) const {
    return options_.tenants.at(tenant);
  }
  [[nodiscard]] std::string metrics() const { return http_get(admin_, "/metrics").body; }
  [[nodiscard]] int ready_status() const { return http_get(admin_, "/readyz").status; }

 private:
  MctenantOptions options_;
  TempFolder folder_;
  std::string address_;
  std::string admin_;
  std::unique_ptr<Process> process_;
};

}  // namespace mctenant::support
