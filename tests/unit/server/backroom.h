#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/janitor.h"
#include "server/known_tenants.h"
#include "server/resync.h"
#include "support/loop_thread.h"
#include "support/memcached_process.h"
#include "upstream/server_pool.h"

namespace mctenant::server {

// What a bookkeeper has on its desk, before real servers and without clients: a loop, connections, ledgers.
// In the namespace "x7" lives acme (id 1, generation 5); 2 is retired since its generation 3.
class Backroom {
 public:
  explicit Backroom(const std::vector<std::string>& addresses) {
    options_.timeout = options_.connect_timeout = std::chrono::seconds(5);
    options_.retry_min = std::chrono::milliseconds(1);
    options_.retry_max = std::chrono::milliseconds(10);
    for (const std::string& address : addresses)
      options_.servers.push_back({net::parse_address(address).value(), 1});
    ring_.emplace(upstream::Ring::build(options_).value());
    pace_.grace = std::chrono::milliseconds(1);
    pace_.interval = pace_.retry = std::chrono::milliseconds(10);
    running_.call([this] { open(); });
  }
  ~Backroom() {
    running_.call([this] { close(); });
    running_.stop();
  }
  Backroom(const Backroom&) = delete;
  Backroom& operator=(const Backroom&) = delete;

  // Looks after the servers until that is so; false if it takes too long.
  [[nodiscard]] bool work_until(const std::function<bool()>& done) {
    return support::wait_until(
        [&] {
          running_.call([this] {
            for (const auto& resync : resyncs_) resync->look();
          });
          return done();
        },
        std::chrono::seconds(20));
  }
  // … until every server was counted, and nothing more is in doubt.
  [[nodiscard]] bool settle() {
    return work_until([this] {
      return running_.call([this] {
        for (const auto& resync : resyncs_) {
          if (resync->figures().done.get() == 0 || resync->due() || resync->running() ||
              !resync->watch_figures().watching)
            return false;
        }
        return true;
      });
    });
  }

  // On the loop: the work ends, whatever is under way.
  void close() {
    resyncs_.clear();
    pool_.reset();
    janitor_.reset();
  }

  [[nodiscard]] quota::Ledger& ledger() { return *ledger_; }
  [[nodiscard]] tenant::Tenant& acme() { return acme_; }
  [[nodiscard]] Janitor& janitor() { return *janitor_; }
  [[nodiscard]] Resync& resync(size_t server) { return *resyncs_[server]; }
  [[nodiscard]] upstream::ServerState& state(size_t server) {
    return states_.at(options_.servers[server].address);
  }
  [[nodiscard]] support::LoopThread& running() { return running_; }
  // The server that clients ask for the key.
  [[nodiscard]] size_t place(std::string_view server_key) const { return ring_->place(server_key); }
  [[nodiscard]] bool knows(std::string_view tail, tenant::Generation generation = 5) const {
    quota::KnownItem item{};
    return ledger_->look_up(ledger_->hash(tail), tail, generation, item);
  }

 private:
  void open() {
    pool_ =
        std::make_unique<upstream::ServerPool>(running_.loop(), resolver_, options_, *ring_, states_, false);
    janitor_ = std::make_unique<Janitor>(running_.loop(), accounting_, "x7");
    ledger_ = &books_.open(1, static_cast<uint32_t>(accounting_.now()));
    ledger_->begin_generation(5);
    KnownTenants::Known living;
    living.account = {&acme_, &acme_.shard(0), ledger_, pool_.get()};
    living.pool = pool_.get();
    living.living = true;
    tenants_.set_living(1, living);
    tenants_.retire({.id = 2, .name = "gone", .generation = 3, .retired = true});
    janitor_->set_accounts({living.account});
    const Desk desk{running_.loop(), resolver_, tenants_, accounting_, *janitor_};
    for (const auto& server : pool_->servers()) {
      resyncs_.push_back(
          std::make_unique<Resync>(desk, options_, *server, states_.at(server->address()), pace_));
    }
    pool_->start([] {});
  }

  support::LoopThread running_;  // whose loop frees at its end what was discarded
  net::Resolver resolver_;
  upstream::PoolOptions options_;
  ResyncOptions pace_;
  std::optional<upstream::Ring> ring_;
  upstream::ServerStates states_;
  quota::Books books_{1};
  base::SystemClock clock_;
  session::Accounting accounting_{books_, 0, clock_};
  tenant::Tenant acme_{"acme", 1, 5, "x7", 1};
  quota::Ledger* ledger_ = nullptr;
  KnownTenants tenants_{"x7"};
  std::unique_ptr<Janitor> janitor_;
  std::unique_ptr<upstream::ServerPool> pool_;
  std::vector<std::unique_ptr<Resync>> resyncs_;
};

// Stores a value as somebody else would, beside mctenant.
inline void store(const support::MemcachedProcess& server, const std::string& key,
                  const std::string& value = "v", const std::string& flags = "") {
  support::Connection connection(server.address());
  connection.send("ms " + key + " " + std::to_string(value.size()) + flags + "\r\n" + value + "\r\n");
  ASSERT_TRUE(connection.read_until("\r\n").starts_with("HD")) << key;
}
inline bool has(const support::MemcachedProcess& server, const std::string& key) {
  support::Connection connection(server.address());
  connection.send("mg " + key + "\r\n");
  return connection.read_until("\r\n").starts_with("HD");
}
inline uint64_t stat(const support::MemcachedProcess& server, const std::string& name) {
  const std::string stats = server.text("stats");
  return std::stoull(stats.substr(stats.find("STAT " + name + " ") + name.size() + 6));
}

}  // namespace mctenant::server
