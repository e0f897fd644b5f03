#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mctenant::bench {

// What another process used between start() and stop(): the server's cost is read at the very edges of the
// measured window, by the program that counts the operations.
class ProcessWatch {
 public:
  // `count_system_calls` needs the tracepoint raw_syscalls:sys_enter and the right to use it; counting slows
  // the process. Both edges are quick; setting the counters up is not, so that is done here.
  ProcessWatch(pid_t pid, bool count_system_calls);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  void start();
  void stop();

  pid_t pid() const { return pid_; }
  // User and system time of all its threads, in microseconds.
  uint64_t cpu_us() const { return used_.cpu_us; }
  // How long its threads could have run and had no core, in microseconds; 0 where the kernel does not show
  // it.
  uint64_t waited_us() const { return used_.waited_us; }
  uint64_t rss_kib() const { return rss_kib_; }
  // Of all threads that ran when this was made; nothing where they could not be counted.
  std::optional<uint64_t> system_calls() const { return system_calls_; }

 private:
  struct Usage {
    uint64_t cpu_us = 0;
    uint64_t waited_us = 0;
  };

  Usage read_usage() const;
  uint64_t read_ticks_us() const;
  uint64_t read_rss_kib() const;
  std::vector<pid_t> threads() const;
  void open_counters();
  std::optional<uint64_t> read_counters() const;

  pid_t pid_;
  std::vector<int> counters_;
  Usage used_;
  uint64_t rss_kib_ = 0;
  std::optional<uint64_t> system_calls_;
};

// Microseconds that all cores of the machine have worked since it started: what is neither ours nor a watched
// process's disturbs the measurement, and is told.
uint64_t machine_busy_us();

}  // namespace mctenant::bench
