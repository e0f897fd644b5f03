#include "upstream/eviction_watch.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "support/loop_thread.h"
#include "support/memcached_process.h"
#include "unit/upstream/scripted_tcp_server.h"

namespace mctenant::upstream {
namespace {

using namespace std::chrono_literals;
using support::wait_until;

struct Told {
  std::multiset<std::string> keys;
  uint64_t bytes = 0;
  int gaps = 0;
};

class EvictionWatchTest : public testing::Test, protected EvictionWatch::Handler {
 protected:
  EvictionWatchTest() {
    pool_.timeout = 5s;
    pool_.connect_timeout = 5s;
    pool_.retry_min = 5ms;
    pool_.retry_max = 20ms;
  }
  ~EvictionWatchTest() override {
    cancel();
    running_.stop();
    resolver_.reset();
  }

  void open(const std::string& address, base::Duration audit = 1h) {
    EvictionWatch::Handler& self = *this;
    running_.call([&] {
      watch_ = std::make_unique<EvictionWatch>(running_.loop(), *resolver_, pool_,
                                               net::parse_address(address).value(), state_, self, audit);
      watch_->start();
    });
  }
  void cancel() {
    running_.call([this] {
      if (watch_ == nullptr) return;
      watch_->cancel();
      running_.loop().discard(std::move(watch_));
    });
  }
  [[nodiscard]] bool gaps(int count) {
    return told_.wait([&](const Told& t) { return t.gaps >= count; });
  }
  [[nodiscard]] bool told(const std::string& key) {
    return told_.wait([&](const Told& t) { return t.keys.contains(key); });
  }
  [[nodiscard]] bool watching(bool yes = true) const {
    return wait_until([&] { return watch_->figures().watching.load() == yes; }, 10s);
  }
  static bool accept(ScriptedTcpServer& server) {
    return server.accept_and_introduce() &&
           server.read(protocol::kWatchRequest.size()) == protocol::kWatchRequest;
  }
  static std::string line_of(const std::string& key) {
    return "ts=1.5 gid=2 type=eviction key=" + key + " fetch=no ttl=-1 la=1 clsid=1 size=10\n";
  }
  // Stores so much that a server with -m 2 must evict; gives what it has evicted.
  static std::set<std::string> overfill(const support::MemcachedProcess& memcached) {
    support::Connection writer(memcached.address());
    const std::string value(100'000, 'v');
    std::set<std::string> evicted;
    for (int i = 0; i < 100; ++i) {
      const std::string key = "key:" + std::to_string(i);
      writer.send("ms " + key + " " + std::to_string(value.size()) + "\r\n" + value + "\r\n");
      EXPECT_EQ(writer.read_until("\r\n"), "HD\r\n");
      evicted.insert(key);
    }
    for (const std::string& key : memcached.keys()) evicted.erase(key);
    EXPECT_GT(evicted.size(), 10U);
    return evicted;
  }

  PoolOptions pool_;
  ServerState state_;
  support::Watched<Told> told_;
  support::LoopThread running_;
  std::unique_ptr<net::Resolver> resolver_ = std::make_unique<net::Resolver>();
  std::unique_ptr<EvictionWatch> watch_;

 private:
  void on_evicted(std::string_view key, uint64_t size) override {
    told_.change([&](Told& t) {
      t.keys.emplace(key);
      t.bytes += size;
    });
  }
  void on_gap() override {
    told_.change([](Told& t) { ++t.gaps; });
  }
};

TEST_F(EvictionWatchTest, WhatARealServerEvictsIsTold) {
  const support::MemcachedProcess memcached({.flags = {"-m", "2"}});
  open(memcached.address());
  ASSERT_TRUE(gaps(1));  // what was before is not known
  EXPECT_NE(state_.incarnation(), 0);
  const std::set<std::string> evicted = overfill(memcached);
  ASSERT_TRUE(told_.wait([&](const Told& t) { return t.keys.size() >= evicted.size(); }));
  const Told told = told_.get();
  EXPECT_EQ(std::set<std::string>(told.keys.begin(), told.keys.end()), evicted);
  EXPECT_EQ(told.bytes, evicted.size() * 100'000);
  EXPECT_EQ(told.gaps, 1);
  EXPECT_EQ(watch_->figures().evictions.get(), evicted.size());
}

TEST_F(EvictionWatchTest, AServerThatRestartsIsWatchedAgainAfterAGap) {
  support::MemcachedProcess memcached({.flags = {"-m", "2"}});
  open(memcached.address());
  ASSERT_TRUE(gaps(1));
  const uint16_t first = state_.incarnation();
  memcached.kill();
  ASSERT_TRUE(watching(false));
  memcached.start();
  ASSERT_TRUE(gaps(2));
  EXPECT_GT(state_.incarnation(), first);
  ASSERT_TRUE(watching());
  for (const std::string& key : overfill(memcached)) EXPECT_TRUE(told(key)) << key;
  EXPECT_GE(watch_->figures().failures.get(), 1U);
}

TEST_F(EvictionWatchTest, AServerThatIsDownIsWaitedFor) {
  support::MemcachedProcess memcached;
  memcached.kill();
  open(memcached.address());
  ASSERT_TRUE(wait_until([&] { return watch_->figures().failures.get() >= 3; }, 10s));
  EXPECT_EQ(told_.get().gaps, 0);
  memcached.start();
  ASSERT_TRUE(gaps(1));
}

TEST_F(EvictionWatchTest, TheAuditFindsWhatNoLineTold) {
  const support::MemcachedProcess memcached;
  open(memcached.address(), 5ms);
  ASSERT_TRUE(gaps(1));
  const auto connections = [&] {
    const std::string stats = memcached.text("stats");
    return std::stoi(stats.substr(stats.find("STAT total_connections ") + 23));
  };
  (void)memcached.text("flush_all", "\r\n");
  ASSERT_TRUE(gaps(2));
  const int before = connections();
  (void)memcached.text("flush_all", "\r\n");
  ASSERT_TRUE(gaps(3));
  EXPECT_EQ(connections(), before + 2);  // ours: the audit keeps its own
  EXPECT_EQ(watch_->figures().failures.get(), 0U);
}

TEST_F(EvictionWatchTest, ASilentServerIsLeftByTheAuditAndWatchedAgain) {
  const support::MemcachedProcess memcached;
  pool_.timeout = 30ms;
  pool_.connect_timeout = 30ms;
  open(memcached.address(), 5ms);
  ASSERT_TRUE(gaps(1));
  memcached.fall_silent();
  ASSERT_TRUE(watching(false));
  const int before = told_.get().gaps;
  memcached.wake_up();
  ASSERT_TRUE(gaps(before + 1));
  ASSERT_TRUE(watching());
}

TEST_F(EvictionWatchTest, LinesThatWereSkippedAreAGap) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(accept(server));
  server.send("OK\r\n" + line_of("one") + "skipped=7\n" + line_of("two"));
  ASSERT_TRUE(told("two"));
  EXPECT_TRUE(told("one"));
  EXPECT_EQ(told_.get().gaps, 2);
  EXPECT_EQ(watch_->figures().failures.get(), 0U);
}

TEST_F(EvictionWatchTest, LinesOfOtherThingsAreLeftAlone) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(accept(server));
  server.send("OK\r\nts=1 gid=1 type=item_store key=k status=stored\n" + line_of("one"));
  ASSERT_TRUE(told("one"));
  EXPECT_EQ(told_.get().keys.size(), 1U);
}

TEST_F(EvictionWatchTest, LinesMayComeInPieces) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(accept(server));
  const std::string bytes = "OK\r\n" + line_of("a%3Ab") + line_of("two");
  for (const char& byte : bytes) {
    server.send({&byte, 1});
    running_.call([] {});
  }
  EXPECT_TRUE(told("a:b"));
  EXPECT_TRUE(told("two"));
}

TEST_F(EvictionWatchTest, AnythingElseBeginsItAgain) {
  ScriptedTcpServer server;
  open(server.address());
  for (const std::string& line :
       {std::string("ERROR\r\n"), std::string("VERSION 1.6.18\r\n"),
        std::string("OK\r\nts=1 type=eviction key=%\n"), "OK\r\n" + std::string(5000, 'x')}) {
    ASSERT_TRUE(accept(server));
    server.send(line);
    EXPECT_EQ(server.read(1), "") << line.substr(0, 20);  // it hangs up
  }
  ASSERT_TRUE(accept(server));
  const int before = told_.get().gaps;
  server.send("OK\r\n");
  ASSERT_TRUE(gaps(before + 1));
  EXPECT_EQ(watch_->figures().failures.get(), 4U);
}

TEST_F(EvictionWatchTest, AServerThatDoesNotAnswerTheRequestIsLeft) {
  pool_.timeout = 20ms;
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(accept(server));
  ASSERT_TRUE(accept(server));
  server.send("OK\r\n");
  ASSERT_TRUE(gaps(1));
}

TEST_F(EvictionWatchTest, NothingIsToldAfterItWasCancelled) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(accept(server));
  server.send("OK\r\n" + line_of("one"));
  ASSERT_TRUE(told("one"));
  cancel();
  server.send(line_of("two"));
  EXPECT_EQ(server.read(1), "");
  EXPECT_EQ(told_.get().keys.size(), 1U);
}

}  // namespace
}  // namespace mctenant::upstream
