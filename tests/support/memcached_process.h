#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/connection.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace mctenant::support {

// A real memcached on 127.0.0.1 or a unix socket, with `-I 2m` unless told otherwise.
class MemcachedProcess {
 public:
  struct Options {
    bool unix_socket = false;
    std::vector<std::string> flags = {"-I", "2m"};
  };

  MemcachedProcess();
  explicit MemcachedProcess(Options options);
  ~MemcachedProcess();

  // As a client and as a configuration writes it.
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] Process& process() { return *process_; }

  // Ends it at once, with all that it stores.
  void kill();
  // Starts it again on the same address, empty.
  void start();
  // SIGSTOP: connections stay open and nothing is answered, until wake_up().
  void fall_silent() const;
  void wake_up() const;

  // Sends a text command on a connection of its own and returns the answer up to `end`.
  [[nodiscard]] std::string text(const std::string& command, const std::string& end = "END\r\n") const;
  // Every item by the server's own list, a line each. mctenant may be reading one itself: then the server
  // asks for patience, and gets it.
  [[nodiscard]] std::string dump() const;
  // Every key stored, decoded.
  [[nodiscard]] std::vector<std::string> keys() const;
  // The value under a server's key.
  [[nodiscard]] std::optional<std::string> value(const std::string& key) const;

 private:
  Options options_;
  TempFolder folder_;
  std::string address_;
  std::unique_ptr<Process> process_;
};

}  // namespace mctenant::support
