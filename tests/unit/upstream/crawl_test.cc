#include "upstream/crawl.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "support/loop_thread.h"
#include "support/memcached_process.h"
#include "unit/upstream/scripted_tcp_server.h"

namespace mctenant::upstream {
namespace {

using namespace std::chrono_literals;
using Kind = Crawl::Outcome::Kind;

constexpr std::string_view kItem = "key=k exp=-1 la=1 cas=1 fetch=no cls=1 size=60\n";

struct Told {
  int begun = 0;
  uint16_t incarnation = 0;
  uint8_t number = 0;
  std::map<std::string, int> keys;
  uint64_t bytes = 0;
  std::optional<Crawl::Outcome> outcome;
};

// A crawl, and what it tells.
class Crawling final : public Crawl::Handler {
 public:
  Crawling(support::LoopThread& running, net::Resolver& resolver, const PoolOptions& pool,
           const std::string& address, ServerState& state, const CrawlOptions& options)
      : running_(running) {
    running_.call([&] {
      crawl_ = std::make_unique<Crawl>(running_.loop(), resolver, pool, net::parse_address(address).value(),
                                       state, *this, options);
      crawl_->start();
    });
  }
  ~Crawling() { cancel(); }
  Crawling(const Crawling&) = delete;
  Crawling& operator=(const Crawling&) = delete;

  void cancel() {
    running_.call([this] {
      if (crawl_ == nullptr) return;
      crawl_->cancel();
      running_.loop().discard(std::move(crawl_));
    });
  }
  [[nodiscard]] Crawl::Outcome outcome() {
    EXPECT_TRUE(told.wait([](const Told& t) { return t.outcome.has_value(); }));
    return told.get().outcome.value_or(Crawl::Outcome{});
  }
  [[nodiscard]] bool waits_for_items(uint64_t count) {
    return told.wait([&](const Told& t) { return t.keys.size() >= count; });
  }

  support::Watched<Told> told;

 private:
  void on_begun(uint16_t incarnation, uint8_t number) override {
    told.change([&](Told& t) {
      ++t.begun;
      t.incarnation = incarnation;
      t.number = number;
    });
  }
  void on_item(const protocol::DumpedItem& item) override {
    told.change([&](Told& t) {
      ++t.keys[std::string(item.key)];
      t.bytes += item.size;
    });
  }
  void on_finished(const Crawl::Outcome& outcome) override {
    told.change([&](Told& t) {
      EXPECT_FALSE(t.outcome.has_value());
      t.outcome = outcome;
    });
    running_.loop().discard(std::move(crawl_));
  }

  support::LoopThread& running_;
  std::unique_ptr<Crawl> crawl_;
};

class CrawlTest : public testing::Test {
 protected:
  CrawlTest() {
    pool_.timeout = 5s;
    pool_.connect_timeout = 5s;
    options_.busy_min = 1ms;
    options_.busy_max = 5ms;
  }
  ~CrawlTest() override {
    crawls_.clear();
    running_.stop();
    resolver_.reset();
  }

  Crawling& crawl(const std::string& address) {
    return *crawls_.emplace_back(
        std::make_unique<Crawling>(running_, *resolver_, pool_, address, state_, options_));
  }
  static uint64_t stat(const support::MemcachedProcess& memcached, const std::string& name) {
    const std::string stats = memcached.text("stats");
    return std::stoull(stats.substr(stats.find("STAT " + name + " ") + name.size() + 6));
  }
  // Stores key0 … in one go.
  static void store(support::Connection& connection, int from, int count, int value) {
    std::string bytes;
    for (int i = from; i < from + count; ++i) {
      bytes += "ms key" + std::to_string(i) + " " + std::to_string(value) + " q\r\n" +
               std::string(static_cast<size_t>(value), 'v') + "\r\n";
    }
    connection.send(bytes + "mn\r\n");
    ASSERT_EQ(connection.read_until("MN\r\n"), "MN\r\n");
  }
  static bool accept(ScriptedTcpServer& server) {
    return server.accept_and_introduce() &&
           server.read(protocol::kMetadumpRequest.size()) == protocol::kMetadumpRequest;
  }

  PoolOptions pool_;
  CrawlOptions options_;
  ServerState state_;
  support::LoopThread running_;
  std::unique_ptr<net::Resolver> resolver_ = std::make_unique<net::Resolver>();
  std::vector<std::unique_ptr<Crawling>> crawls_;
};

TEST_F(CrawlTest, EveryItemOfARealServerIsToldOnce) {
  const support::MemcachedProcess memcached;
  support::Connection connection(memcached.address());
  constexpr int kItems = 20'000;
  store(connection, 0, kItems, 100);
  Crawling& crawling = crawl(memcached.address());
  const Crawl::Outcome outcome = crawling.outcome();
  EXPECT_EQ(outcome.kind, Kind::done) << outcome.reason;
  EXPECT_EQ(outcome.items, uint64_t{kItems});
  const Told told = crawling.told.get();
  EXPECT_EQ(told.keys.size(), size_t{kItems});
  EXPECT_EQ(told.bytes, stat(memcached, "bytes"));
  EXPECT_EQ(told.begun, 1);
  EXPECT_EQ(told.incarnation, state_.incarnation());
  EXPECT_NE(told.incarnation, 0);
  EXPECT_EQ(told.number, 1);
  EXPECT_EQ(state_.crawl(), 1);
  EXPECT_EQ(state_.limit_maxbytes(), stat(memcached, "limit_maxbytes"));
}

TEST_F(CrawlTest, AnEmptyServerIsDoneAtOnce) {
  const support::MemcachedProcess memcached({.unix_socket = true});
  const Crawl::Outcome outcome = crawl(memcached.address()).outcome();
  EXPECT_EQ(outcome.kind, Kind::done);
  EXPECT_EQ(outcome.items, 0U);
}

// Others store while we walk, and the server's hash table grows: what was there is told once all the same.
TEST_F(CrawlTest, WhatIsStoredMeanwhileDisturbsNothing) {
  const support::MemcachedProcess memcached({.flags = {"-m", "256", "-o", "hashpower=13"}});
  support::Connection connection(memcached.address());
  constexpr int kItems = 10'000;
  store(connection, 0, kItems, 10);
  std::atomic<bool> stop{false};
  std::jthread writer([&] {
    support::Connection busy(memcached.address());
    for (int round = 1; !stop.load(); ++round) {
      if (round <= 4) store(busy, kItems * round, kItems, 10);
      store(busy, 0, kItems, 10 + round % 50);
    }
  });
  for (int i = 0; i < 5; ++i) {
    Crawling& crawling = crawl(memcached.address());
    const Crawl::Outcome outcome = crawling.outcome();
    ASSERT_EQ(outcome.kind, Kind::done) << outcome.reason;
    const Told told = crawling.told.get();
    for (int key = 0; key < kItems; ++key) ASSERT_EQ(told.keys.count("key" + std::to_string(key)), 1U) << key;
    for (const auto& [key, times] : told.keys) ASSERT_EQ(times, 1) << key;
    EXPECT_EQ(told.number, i + 1);
  }
  stop = true;
}

TEST_F(CrawlTest, TwoAtOnceBothSeeAll) {
  const support::MemcachedProcess memcached;
  support::Connection connection(memcached.address());
  store(connection, 0, 20'000, 10);
  Crawling& one = crawl(memcached.address());
  Crawling& two = crawl(memcached.address());
  EXPECT_EQ(one.outcome().kind, Kind::done);
  EXPECT_EQ(two.outcome().kind, Kind::done);
  EXPECT_EQ(one.told.get().keys.size(), 20'000U);
  EXPECT_EQ(two.told.get().keys.size(), 20'000U);
  EXPECT_NE(one.told.get().number, two.told.get().number);
  EXPECT_EQ(one.told.get().incarnation, two.told.get().incarnation);
}

TEST_F(CrawlTest, AServerThatDoesNotListItsItemsSaysWhy) {
  for (const auto& flags :
       {std::vector<std::string>{"-X"}, std::vector<std::string>{"-o", "no_lru_crawler"}}) {
    const support::MemcachedProcess memcached({.flags = flags});
    const Crawl::Outcome outcome = crawl(memcached.address()).outcome();
    EXPECT_EQ(outcome.kind, Kind::failed);
    EXPECT_NE(outcome.reason.find("refuses to list its items: "), std::string::npos) << outcome.reason;
  }
}

TEST_F(CrawlTest, AServerThatIsDownFailsIt) {
  support::MemcachedProcess memcached;
  memcached.kill();
  Crawling& crawling = crawl(memcached.address());
  EXPECT_EQ(crawling.outcome().kind, Kind::failed);
  EXPECT_NE(crawling.outcome().reason, "");
  EXPECT_EQ(crawling.told.get().begun, 0);
  EXPECT_EQ(state_.crawl(), 0);
}

TEST_F(CrawlTest, AServerThatDoesNotAnswerTheCheckFailsIt) {
  pool_.connect_timeout = 30ms;
  ScriptedTcpServer server;
  EXPECT_EQ(crawl(server.address()).outcome().kind, Kind::failed);
}

TEST_F(CrawlTest, ABusyServerIsAskedAgainOnTheSameConnection) {
  ScriptedTcpServer server;
  Crawling& crawling = crawl(server.address());
  ASSERT_TRUE(accept(server));
  for (int i = 0; i < 3; ++i) {
    server.send("BUSY currently processing crawler request\r\n");
    ASSERT_EQ(server.read(protocol::kMetadumpRequest.size()), protocol::kMetadumpRequest);
  }
  server.send("OK\r\n" + std::string(kItem) + "END\r\n");
  EXPECT_EQ(crawling.outcome().kind, Kind::done);
  EXPECT_EQ(crawling.outcome().items, 1U);
  EXPECT_EQ(crawling.told.get().begun, 1);
  EXPECT_EQ(state_.crawl(), 1);
  EXPECT_EQ(server.read(1), "");  // and it hangs up
}

TEST_F(CrawlTest, AServerThatStaysBusyIsLeftForLater) {
  options_.patience = 0s;
  ScriptedTcpServer server;
  Crawling& crawling = crawl(server.address());
  ASSERT_TRUE(accept(server));
  server.send("BUSY currently processing crawler request\r\n");
  EXPECT_EQ(crawling.outcome().kind, Kind::busy);
}

TEST_F(CrawlTest, SilenceFailsIt) {
  options_.silence = 30ms;
  ScriptedTcpServer server;
  Crawling& crawling = crawl(server.address());
  ASSERT_TRUE(accept(server));
  server.send(kItem);
  EXPECT_EQ(crawling.outcome().kind, Kind::failed);
  EXPECT_EQ(crawling.outcome().items, 1U);
  EXPECT_NE(crawling.outcome().reason.find("30ms"), std::string::npos) << crawling.outcome().reason;
}

TEST_F(CrawlTest, AServerThatGoesAwayMidwayFailsIt) {
  ScriptedTcpServer server;
  Crawling& crawling = crawl(server.address());
  ASSERT_TRUE(accept(server));
  server.send(std::string(kItem) + "key=half exp=-1 la=1 cas=1 fetch=no cls=1 size=6");
  ASSERT_TRUE(crawling.waits_for_items(1));
  server.hang_up();
  EXPECT_EQ(crawling.outcome().kind, Kind::failed);
  EXPECT_EQ(crawling.outcome().items, 1U);
}

TEST_F(CrawlTest, WhatIsNoItemFailsIt) {
  for (const std::string& line : {std::string("VALUE k 0 1\r\n"), std::string("key=k size=60\n"),
                                  std::string("\n"), std::string(5000, 'x')}) {
    ScriptedTcpServer server;
    Crawling& crawling = crawl(server.address());
    ASSERT_TRUE(accept(server));
    server.send(line + std::string(kItem) + "END\r\n");
    EXPECT_EQ(crawling.outcome().kind, Kind::failed) << line.substr(0, 20);
    EXPECT_EQ(crawling.outcome().items, 0U);
  }
}

TEST_F(CrawlTest, LinesMayComeInPieces) {
  ScriptedTcpServer server;
  Crawling& crawling = crawl(server.address());
  ASSERT_TRUE(accept(server));
  const std::string bytes = std::string(kItem) + "key=%25 exp=9 cas=2 size=61\nEND\r\n";
  for (const char& byte : bytes) {
    server.send({&byte, 1});
    running_.call([] {});
  }
  EXPECT_EQ(crawling.outcome().kind, Kind::done);
  EXPECT_EQ(crawling.told.get().keys, (std::map<std::string, int>{{"k", 1}, {"%", 1}}));
}

TEST_F(CrawlTest, NothingIsToldAfterItWasCancelled) {
  ScriptedTcpServer server;
  Crawling& crawling = crawl(server.address());
  ASSERT_TRUE(accept(server));
  server.send(kItem);
  ASSERT_TRUE(crawling.waits_for_items(1));
  crawling.cancel();
  server.send(std::string(kItem) + "END\r\n");
  EXPECT_EQ(server.read(1), "");  // it has hung up
  EXPECT_EQ(crawling.told.get().keys.at("k"), 1);
  EXPECT_FALSE(crawling.told.get().outcome.has_value());
}

TEST_F(CrawlTest, ItMayBeCancelledBeforeItHasConnected) {
  const support::MemcachedProcess memcached;
  for (int i = 0; i < 20; ++i) {
    Crawling& crawling = crawl(memcached.address());
    crawling.cancel();
  }
  EXPECT_EQ(crawl(memcached.address()).outcome().kind, Kind::done);
}

}  // namespace
}  // namespace mctenant::upstream
