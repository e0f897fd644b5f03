#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mctenant::support {

using Milliseconds = std::chrono::milliseconds;
using namespace std::chrono_literals;

// Calls `done` until it says true; false if that took longer than `limit`.
bool wait_until(const std::function<bool()>& done, Milliseconds limit);

// A child process: its standard output and error go to one file, its standard input is empty. It is killed
// when this object goes, and by the kernel when the thread that started it ends.
class Process {
 public:
  // Starts argv[0], looked up in PATH. Throws std::runtime_error if that can't be done.
  Process(const std::vector<std::string>& argv, std::string output_file);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number) const;
  // SIGSTOP, and waits until every thread stands still.
  void suspend() const;
  // The exit code, or 128 + the signal's number; nothing if it still runs after `limit`.
  std::optional<int> wait(Milliseconds limit);
  // SIGTERM, then SIGKILL if it still runs after `limit`. The exit code as in wait().
  int stop(Milliseconds limit = 5s);
  // SIGKILL.
  void kill();

  // All that it printed until now.
  [[nodiscard]] std::string output() const;
  // Resident memory in bytes, 0 once it has ended.
  [[nodiscard]] uint64_t resident_bytes() const;

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_;
  std::string output_file_;
};

// Runs a program to its end and returns its exit code and output. Throws if it takes longer than `limit`.
struct Finished {
  int exit_code;
  std::string output;
};
Finished run(const std::vector<std::string>& argv, Milliseconds limit = 20s);

// A TCP port of 127.0.0.1 that nobody uses, outside the range that the kernel gives to outgoing connections.
uint16_t free_port();

// Lets this process open as many files as it may.
void raise_file_limit();

}  // namespace mctenant::support
