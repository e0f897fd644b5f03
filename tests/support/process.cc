#include "support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <thread>

#include "support/temp_folder.h"

namespace mctenant::support {
namespace {

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

// Whether the port is this process's from now on to its end: tests run beside each other, and between the
// choice of a port and the start of whoever listens there, another might choose it, too. The name (Linux's
// abstract ones need no file) goes with the process; tests/interop/common/servers.py takes the same.
bool reserve_port(uint16_t port) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "mctenant-test-port-" + std::to_string(port);
  std::copy(name.begin(), name.end(), address.sun_path + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const int held = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(held, reinterpret_cast<sockaddr*>(&address), size) == 0) return true;
  close(held);
  return false;
}

bool is_free(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

// In the child: only what is safe between fork and exec.
[[noreturn]] void become(char* const* argv, int output, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(argv[0], argv);
  dprintf(STDERR_FILENO, "cannot start %s: %s\n", argv[0], strerror(errno));
  _exit(127);
}

}  // namespace

bool wait_until(const std::function<bool()>& done, Milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

Process::Process(const std::vector<std::string>& argv, std::string output_file)
    : output_file_(std::move(output_file)) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int output = open(output_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) throw std::runtime_error("cannot open " + output_file_);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(arguments.data(), output, parent);
  close(output);
  if (pid_ < 0) throw std::runtime_error("cannot fork");
}

Process::~Process() {
  if (running()) kill();
}

bool Process::running() { return !wait(0ms).has_value(); }

void Process::signal(int number) const {
  if (!exit_) ::kill(pid_, number);
}

void Process::suspend() const {
  signal(SIGSTOP);
  const auto stands_still = [this] {
    const std::filesystem::path tasks = "/proc/" + std::to_string(pid_) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      const std::string stat = read_file((task.path() / "stat").string());
      const size_t name_end = stat.rfind(')');
      if (name_end == std::string::npos || name_end + 2 >= stat.size() || stat[name_end + 2] != 'T')
        return false;
    }
    return true;
  };
  if (!wait_until(stands_still, 5s)) throw std::runtime_error("a process does not stop");
}

std::optional<int> Process::wait(Milliseconds limit) {
  const auto ended = [this] {
    if (exit_) return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    exit_ = exit_code_of(status);
    return true;
  };
  wait_until(ended, limit);
  return exit_;
}

int Process::stop(Milliseconds limit) {
  signal(SIGTERM);
  if (!wait(limit)) kill();
  return *exit_;
}

void Process::kill() {
  signal(SIGKILL);
  wait(10s);
}

std::string Process::output() const { return read_file(output_file_); }

uint64_t Process::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

Finished run(const std::vector<std::string>& argv, Milliseconds limit) {
  const TempFolder folder;
  Process process(argv, folder.file("output"));
  const auto code = process.wait(limit);
  if (!code) throw std::runtime_error(argv[0] + " did not end in time; it printed: " + process.output());
  return {*code, process.output()};
}

uint16_t free_port() {
  static std::mt19937 random{std::random_device{}()};
  // Below those that the system gives to outgoing connections.
  std::uniform_int_distribution<int> ports{12'000, 32'000};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto port = static_cast<uint16_t>(ports(random));
    if (reserve_port(port) && is_free(port)) return port;
  }
  throw std::runtime_error("no free port");
}

void raise_file_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace mctenant::support
