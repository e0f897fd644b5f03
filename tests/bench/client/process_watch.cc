#include "client/process_watch.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace mctenant::bench {
namespace {

std::string of_process(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::optional<uint64_t> tracepoint() {
  for (const char* root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    std::ifstream file(std::string(root) + "/events/raw_syscalls/sys_enter/id");
    uint64_t id = 0;
    if (file >> id) return id;
  }
  return std::nullopt;
}

int open_counter(uint64_t id, pid_t thread) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.size = sizeof(attributes);
  attributes.config = id;
  return static_cast<int>(syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

uint64_t machine_busy_us() {
  // user, nice, system, idle, iowait, irq, softirq, steal; in ticks
  std::ifstream file("/proc/stat");
  std::string skipped;
  uint64_t ticks[8] = {};
  file >> skipped;
  for (uint64_t& tick : ticks) file >> tick;
  const uint64_t busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
  return busy * 1000000U / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
}

ProcessWatch::ProcessWatch(pid_t pid, bool count_system_calls) : pid_(pid) {
  if (count_system_calls) open_counters();
}

ProcessWatch::~ProcessWatch() {
  for (int counter : counters_) close(counter);
}

void ProcessWatch::start() {
  used_ = read_usage();
  system_calls_ = read_counters();
}

void ProcessWatch::stop() {
  const Usage now = read_usage();
  used_ = {now.cpu_us - used_.cpu_us, now.waited_us - used_.waited_us};
  if (const auto counted = read_counters(); counted && system_calls_)
    system_calls_ = *counted - *system_calls_;
  rss_kib_ = read_rss_kib();
}

std::optional<uint64_t> ProcessWatch::read_counters() const {
  std::optional<uint64_t> total;
  for (int counter : counters_) {
    uint64_t count = 0;
    if (read(counter, &count, sizeof(count)) == sizeof(count)) total = total.value_or(0) + count;
  }
  return total;
}

// The scheduler's own clock of each thread (nanoseconds) where the kernel shows it; the tick counters, a
// hundred a second, where not.
ProcessWatch::Usage ProcessWatch::read_usage() const {
  Usage total;
  for (pid_t thread : threads()) {
    std::ifstream file(of_process(pid_, "task/") + std::to_string(thread) + "/schedstat");
    uint64_t ran = 0;
    uint64_t waited = 0;
    if (!(file >> ran >> waited)) continue;
    total.cpu_us += ran / 1000;
    total.waited_us += waited / 1000;
  }
  if (total.cpu_us == 0) total.cpu_us = read_ticks_us();
  return total;
}

uint64_t ProcessWatch::read_ticks_us() const {
  std::ifstream file(of_process(pid_, "stat"));
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  uint64_t user = 0;
  uint64_t system = 0;
  fields >> user >> system;
  return (user + system) * 1000000U / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
}

uint64_t ProcessWatch::read_rss_kib() const {
  std::ifstream file(of_process(pid_, "status"));
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}

std::vector<pid_t> ProcessWatch::threads() const {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(of_process(pid_, "task"), error)) {
    found.push_back(static_cast<pid_t>(std::atoi(entry.path().filename().c_str())));
  }
  return found;
}

void ProcessWatch::open_counters() {
  const auto id = tracepoint();
  if (!id) return;
  for (pid_t thread : threads()) {
    const int counter = open_counter(*id, thread);
    if (counter >= 0) counters_.push_back(counter);
  }
}

}  // namespace mctenant::bench
