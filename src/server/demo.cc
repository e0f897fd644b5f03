#include "server/demo.h"

#include <fmt/core.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "auth/verifier.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/units.h"
#include "config/config.h"
#include "net/event_loop.h"
#include "net/listener.h"
#include "server/server.h"

namespace mctenant::server {
namespace {

constexpr uint16_t kUsualPort = 11211;
constexpr const char* kUser = "demo";
constexpr uint64_t kMemory = 25 * base::kMiB;
constexpr auto kServerStart = std::chrono::seconds(5);

// A folder that only this user can enter, removed with all in it at the end.
class PrivateFolder {
 public:
  PrivateFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mctenant-demo-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A memcached process, which goes when this one does, however that ends.
class OwnMemcached {
 public:
  explicit OwnMemcached(const std::string& socket) {
    const passwd* user = getpwuid(geteuid());
    const std::string name = user != nullptr ? user->pw_name : "root";
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    setpgid(0, 0);  // Ctrl-C is for mctenant, which drains first
    execlp("memcached", "memcached", "-s", socket.c_str(), "-a", "0600", "-I", "2m", "-R", "200", "-m", "64",
           "-u", name.c_str(), static_cast<char*>(nullptr));
    std::fprintf(stderr, "cannot start memcached: %s; install it (Debian: apt-get install memcached)\n",
                 std::strerror(errno));
    _exit(127);
  }
  ~OwnMemcached() {
    if (pid_ <= 0 || exited_) return;
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  OwnMemcached(const OwnMemcached&) = delete;
  OwnMemcached& operator=(const OwnMemcached&) = delete;

  // Until its socket is there; false if it ended or took too long.
  [[nodiscard]] bool wait_for(const std::string& socket) {
    const auto deadline = std::chrono::steady_clock::now() + kServerStart;
    while (!std::filesystem::exists(socket)) {
      exited_ = pid_ < 0 || waitpid(pid_, nullptr, WNOHANG) != 0;
      if (exited_ || std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

 private:
  pid_t pid_ = -1;
  bool exited_ = false;
};

uint16_t usual_port_or_any() {
  net::EventLoop loop;
  const net::Address usual{net::Address::Kind::inet, "127.0.0.1", kUsualPort};
  return net::Listener::open(loop, usual, [](int fd) { close(fd); }).has_value() ? kUsualPort : uint16_t{0};
}

config::Config demo_config(const std::string& folder, const std::string& socket, const std::string& password,
                           uint16_t port) {
  config::Config config;
  config.listeners.emplace_back().address = {net::Address::Kind::inet, "127.0.0.1", port};
  config.admin = config::Admin{{net::Address::Kind::inet, "127.0.0.1", 0}, ""};
  config.workers = std::max(1U, std::thread::hardware_concurrency());
  config.state = folder + "/state.db";
  upstream::PoolOptions pool;
  pool.servers.push_back({{net::Address::Kind::unix_socket, socket, 0}});
  config.pools.push_back(pool);
  config::TenantConfig tenant;
  tenant.name = kUser;
  tenant.plan.memory = kMemory;
  tenant.credentials.push_back({kUser, auth::make_verifier(password)});
  config.tenants.push_back(tenant);
  return config;
}

void print_sign_in(const std::string& server, const std::string& password) {
  fmt::print(
      "\nmctenant is ready. A client signs in with\n\n"
      "  export MEMCACHE_SERVERS={0}\n"
      "  export MEMCACHE_USERNAME={1}\n"
      "  export MEMCACHE_PASSWORD={2}\n\n"
      "Try it from another terminal (memcstat comes with libmemcached-tools):\n\n"
      "  memcstat --binary --servers={0} --username={1} --password={2}\n\n"
      "Ctrl-C ends it; nothing is kept.\n\n",
      server, kUser, password);
  std::fflush(stdout);
}

}  // namespace

int run_demo(std::optional<uint16_t> port) {
  const PrivateFolder folder;
  if (folder.path().empty()) {
    base::log::error("cannot make a folder under {}: {}", std::filesystem::temp_directory_path().string(),
                     std::strerror(errno));
    return 1;
  }
  const std::string socket = folder.path() + "/memcached.sock";
  OwnMemcached memcached(socket);
  if (!memcached.wait_for(socket)) {
    base::log::error("memcached did not start: is it installed (Debian: apt-get install memcached)?");
    return 1;
  }
  const std::string password = base::random_alphanumeric(24);
  auto server =
      Server::start(demo_config(folder.path(), socket, password, port ? *port : usual_port_or_any()));
  if (!server) {
    base::log::error("{}", server.error().message);
    return 1;
  }
  print_sign_in((*server)->addresses().front().text(), password);
  return (*server)->run() ? 0 : 1;
}

}  // namespace mctenant::server
