#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "auth/authenticator.h"
#include "auth/password_checker.h"
#include "config/config.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "session/client_connection.h"
#include "session/context.h"
#include "tenant/directory.h"
#include "upstream/server_pool.h"

namespace mctenant::server {

// What all workers share. Thread-safe, or never changed while workers run.
struct Shared {
  const config::Config& config;
  const std::map<std::string, upstream::Ring>& rings;  // by the pool's name
  std::shared_ptr<const tenant::Directory> directory;
  net::Resolver& resolver;
  auth::PasswordChecker& passwords;
  tenant::GenerationLog& generations;
  const base::Clock& clock;
  base::TimePoint started;
};

// One thread with its event loop, its server connections and its clients; a client stays with its worker for
// life.
class Worker final : private session::Context, private session::ClientConnection::Owner {
 public:
  Worker(const Shared& shared, size_t number);
  ~Worker() override;  // after stop() and join()
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread. `settled` is called on it once every server has been reached or given up for now.
  void start(const std::function<void()>& settled);

  // All below: any thread.

  // Takes a client's connected, non-blocking descriptor.
  void adopt(int fd);
  // Clients it has or will have.
  [[nodiscard]] uint64_t load() const;
  // Every client gets its last replies; `drained` is called on the worker when none is left.
  void drain(std::function<void()> drained);
  void stop();
  // Waits for the thread, after stop(). Not on the worker itself.
  void join();

  [[nodiscard]] const session::Figures& figures() const { return Context::figures; }
  [[nodiscard]] const std::map<std::string, upstream::ServerPool, std::less<>>& pools() const {
    return pools_;
  }

 private:
  [[nodiscard]] const tenant::Directory& directory() const override { return *directory_; }
  [[nodiscard]] upstream::Pool* pool(std::string_view name) override;
  [[nodiscard]] bool any_pool_can_serve() const override;
  void on_connection_ended(session::ClientConnection& connection) override;

  net::EventLoop loop_;
  std::shared_ptr<const tenant::Directory> directory_;
  std::map<std::string, upstream::ServerPool, std::less<>> pools_;
  auth::Authenticator authenticator_;
  session::ClientConnection* connections_ = nullptr;
  bool draining_ = false;
  std::function<void()> drained_;
  std::atomic<uint64_t> handed_over_{0};
  std::thread thread_;
};

}  // namespace mctenant::server
