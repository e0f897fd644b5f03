#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "net/address.h"

namespace mctenant::server {

// Where the configuration was read from, to be read again when it changes.
struct ConfigFile {
  std::string path;
  config::FileSet read;  // it and those that it names, when they were read
};

// mctenant as a whole: the main thread's loop accepts clients, hands them to workers and answers the
// operator.
class Server {
 public:
  // Opens the store, starts the workers, reaches for the servers, and listens. Blocks until each server has
  // been reached or given up for now. Must be called on the thread that will call run(), once a process.
  // Tenants of the store that are not configured are retired.
  [[nodiscard]] static base::Expected<std::unique_ptr<Server>> start(
      config::Config config, std::optional<ConfigFile> file = std::nullopt);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens, ports of 0 replaced; in the configuration's order.
  [[nodiscard]] std::vector<net::Address> addresses() const;

  // Serves until SIGTERM or SIGINT, then drains: listeners close, clients get the replies to what they have
  // asked, for limits.drain_timeout at most. A second signal ends the wait. Returns false if clients were cut
  // off. With a file, SIGHUP and a change of it apply what it says then, at once for all and with every
  // connection kept that still has its tenant and credential; what has a fault changes nothing.
  [[nodiscard]] bool run();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mctenant::server
