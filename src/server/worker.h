#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "auth/authenticator.h"
#include "auth/credential_source.h"
#include "auth/password_checker.h"
#include "config/config.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "quota/books.h"
#include "session/accounting.h"
#include "session/client_connection.h"
#include "session/context.h"
#include "tenant/directory.h"
#include "upstream/server_pool.h"

namespace mctenant::server {

// What all workers share. Thread-safe, or never changed while workers run, but for what is of this moment.
struct Shared {
  const config::Config& config;                        // as the process was started
  const std::map<std::string, upstream::Ring>& rings;  // by the pool's name
  upstream::ServerStates& servers;
  quota::Books& books;
  // Both are of this moment, and the main thread's: workers take theirs over when they are made, and then by
  // set_directory().
  std::shared_ptr<const tenant::Directory> directory;
  session::Limits limits;
  net::Resolver& resolver;
  auth::PasswordChecker& passwords;
  tenant::GenerationLog& generations;
  const base::Clock& clock;
  base::TimePoint started;
};

// One thread with its event loop, its server connections and its clients; a client stays with its worker for
// life.
class Worker final : private session::Context,
                     private session::ClientConnection::Owner,
                     private auth::CredentialSource {
 public:
  Worker(const Shared& shared, size_t number);
  ~Worker() override;  // after stop() and join()
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread. `settled` is called on it once every server has been reached or given up for now.
  void start(const std::function<void()>& settled);

  // All below: any thread.

  // Takes a client's connected, non-blocking descriptor, which a listener with these traits has accepted.
  void adopt(int fd, std::shared_ptr<const session::ListenerTraits> traits);
  // Clients it has or will have.
  [[nodiscard]] uint64_t load() const;
  // … and of these, those whose TLS handshake is under way.
  [[nodiscard]] uint64_t handshakes() const;
  // From then on its clients are of these tenants; those who are of none get their last replies and are gone.
  void set_directory(std::shared_ptr<const tenant::Directory> directory, const session::Limits& new_limits);
  // Every client gets its last replies; `drained` is called on the worker when none is left.
  void drain(std::function<void()> drained);
  void stop();
  // Waits for the thread, after stop(). Not on the worker itself.
  void join();

  [[nodiscard]] const session::Figures& figures() const { return Context::figures; }
  [[nodiscard]] const session::Accounting::Figures& accounting_figures() const {
    return accounting_.figures();
  }
  [[nodiscard]] const std::map<std::string, upstream::ServerPool, std::less<>>& pools() const {
    return pools_;
  }

 private:
  [[nodiscard]] const tenant::Directory& directory() const override { return *directory_; }
  // Of the directory of this moment. That of before may go when control is back in the loop.
  [[nodiscard]] const auth::Verifier* find_verifier(std::string_view username,
                                                    auth::Hash hash) const override {
    return directory_->find_verifier(username, hash);
  }
  [[nodiscard]] upstream::Pool* pool(std::string_view name) override;
  [[nodiscard]] bool any_pool_can_serve() const override;
  void on_connection_ended(session::ClientConnection& connection) override;

  net::EventLoop loop_;
  std::shared_ptr<const tenant::Directory> directory_;
  session::Accounting accounting_;  // outlives the pools, which fail what is under way at their end
  std::map<std::string, upstream::ServerPool, std::less<>> pools_;
  auth::Authenticator authenticator_;
  session::ClientConnection* connections_ = nullptr;
  bool draining_ = false;
  std::function<void()> drained_;
  std::atomic<uint64_t> handed_over_{0};
  std::atomic<uint64_t> handed_over_for_tls_{0};
  std::thread thread_;
};

}  // namespace mctenant::server
