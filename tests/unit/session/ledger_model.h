#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model_memcached.h"
#include "protocol/binary_commands.h"
#include "protocol/binary_decoder.h"
#include "quota/ledger.h"
#include "session/accounting.h"
#include "session/operation.h"
#include "tenant/tenant.h"

// Some observers, one or two servers and one tenant's ledger, of which one small step is made at a time, at
// random: so everything that can overlap does.
namespace mctenant::session::model {

// Who shares a few keys, and what may happen to them beside what they ask for.
struct Setting {
  uint64_t seed = 0;
  size_t workers = 2;  // one more observer evicts, probes and crawls
  size_t servers = 1;
  size_t keys = 4;
  size_t stripes = 2;
  int steps = 300;
  int ttl_percent = 30;          // of stores and touches
  uint64_t quota = 0;            // bytes
  bool crawls = false;           // now and then, while all goes on
  bool server_evicts = false;    // the servers evict items on their own
  bool watched = false;          // … and the bookkeeper is told
  bool restarts = false;         // of servers
  bool losses = false;           // of connections
  bool flushes = false;          // new generations
  bool clock_in_flight = false;  // time goes on while replies are under way
};

class World {
 public:
  explicit World(const Setting& setting)
      : setting_(setting),
        random_(setting.seed),
        tenant_("acme", 1, 1, "ns", setting.workers + 1),
        ledger_(setting.stripes, now(), setting.seed) {
    for (size_t i = 0; i < setting.servers; ++i) {
      servers_.push_back(std::make_unique<Memcached>(clock_, ++last_source_));
      sources_.push_back({last_source_});
    }
    for (size_t i = 0; i <= setting.workers; ++i) observers_.push_back(std::make_unique<Observer>(*this, i));
    crawls_.resize(setting.servers);
    ledger_.begin_generation(1);
    ledger_.set_quota(setting.quota);
  }

  // Clients ask, all at random; then everything that is under way comes to its end.
  void run() {
    for (int i = 0; i < setting_.steps; ++i) step();
    drain();
  }
  // One more crawl of every server.
  void crawl_all() {
    for (size_t i = 0; i < servers_.size(); ++i) begin_crawl(i);
    drain();
  }
  // The ledger has what the servers have.
  void check();
  // … now and at every second until nothing is left that expires.
  void check_over_time() {
    for (int second = 0; second <= 2 * kLongestTtl && !testing::Test::HasFailure(); ++second) {
      SCOPED_TRACE("after " + std::to_string(second) + " s");
      check();
      pass_second();
    }
  }
  void pass_seconds(int seconds) {
    for (int i = 0; i < seconds; ++i) pass_second();
  }
  [[nodiscard]] bool settled() const { return settled_; }
  [[nodiscard]] uint64_t probes() const {
    uint64_t sum = 0;
    for (const auto& observer : observers_) sum += observer->accounting.figures().probes.get();
    return sum;
  }

  static constexpr int kLongestTtl = 12;

 private:
  struct Observer final : upstream::Pool {
    Observer(World& owner, size_t number)
        : world(owner), accounting(owner.books_, static_cast<quota::Observer>(number), owner.clock_) {
      for (auto& server : owner.servers_)
        connections.push_back(std::make_unique<Connection>(*server, number));
      account = {&owner.tenant_, &owner.tenant_.shard(number), &owner.ledger_, this};
    }
    [[nodiscard]] upstream::Server& place(std::string_view server_key) override {
      return connection(server_key);
    }
    [[nodiscard]] bool can_serve() const override { return true; }
    [[nodiscard]] Connection& connection(std::string_view server_key) {
      return *connections[world.server_of(server_key)];
    }

    World& world;
    Accounting accounting;
    Account account;
    std::vector<std::unique_ptr<Connection>> connections;
  };
  struct Line {
    std::string key;
    quota::Event event;
  };
  // A walk through one server's keys, in their order.
  struct Crawl {
    bool running = false;
    bool walked = false;
    uint8_t number = 0;
    uint16_t source = 0;
    std::map<std::string, uint32_t> clocks;  // at the beginning, by key behind the prefix
    std::string position;                    // the server's key that was last walked over
    std::deque<Line> lines;                  // on the way
  };

  [[nodiscard]] uint32_t now() const {
    return static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count());
  }
  [[nodiscard]] uint64_t below(uint64_t end) { return random_() % end; }
  [[nodiscard]] bool chance(uint64_t percent) { return below(100) < percent; }
  [[nodiscard]] size_t server_of(std::string_view server_key) const {
    return static_cast<unsigned char>(server_key.back()) % servers_.size();
  }
  [[nodiscard]] Observer& bookkeeper() { return *observers_.back(); }
  [[nodiscard]] std::string some_key() {
    return std::string(1, static_cast<char>('a' + below(setting_.keys)));
  }
  [[nodiscard]] int64_t some_ttl();
  [[nodiscard]] std::string some_value();
  [[nodiscard]] bool idle() const;

  void step();
  void disturb();
  void drain();
  void pass_second() {
    clock_.advance(std::chrono::seconds(1));
    while (!ledger_.expire(now(), 3)) {
    }
  }

  // Clients.
  void request(Observer& observer);
  Operation* operation(Observer& observer, const protocol::ClientRequest& request, std::string_view key);
  void send(Operation& operation, const protocol::Request& request);
  void grow(Observer& observer, const Growth& growth, bool first);
  void store_growth(Observer& observer, const Growth& growth, uint64_t cas, uint64_t value, uint32_t flags);
  void deliver(Observer& observer, Connection& connection);

  // What the bookkeeper does.
  void begin_crawl(size_t server);
  bool go_on_crawling(size_t server);
  void end_crawl(size_t server);
  void take_watch_line();
  void delete_retired();

  const Setting setting_;
  std::mt19937_64 random_;
  base::ManualClock clock_;
  quota::Books books_{2};
  tenant::Tenant tenant_;
  quota::Ledger ledger_;
  uint16_t last_source_ = 0;
  std::vector<std::unique_ptr<Memcached>> servers_;
  std::vector<std::vector<uint16_t>> sources_;
  std::vector<std::unique_ptr<Observer>> observers_;
  std::vector<Crawl> crawls_;
  std::deque<std::string> watch_lines_;                       // server keys
  std::vector<std::pair<size_t, std::deque<Sent>>> orphans_;  // requests of lost connections, by server
  bool settled_ = true;
};

}  // namespace mctenant::session::model
