#include "server/janitor.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "support/loop_thread.h"
#include "support/process.h"
#include "support/session_harness.h"

namespace mctenant::server {
namespace {

using namespace std::chrono_literals;
using protocol::Command;
using protocol::Status;
using support::ScriptedServer;

// A janitor before servers that answer when the test says so. What it shares with its loop is touched there.
class JanitorTest : public testing::Test {
 protected:
  JanitorTest() {
    running_.call([this] {
      janitor_ = std::make_unique<Janitor>(running_.loop(), accounting_, "x7");
      ledger_ = &books_.open(1, static_cast<uint32_t>(accounting_.now()));
      ledger_->begin_generation(5);
      janitor_->set_accounts({{&acme_, &acme_.shard(0), ledger_, &pool_}});
    });
  }
  ~JanitorTest() override {
    running_.call([this] {
      for (ScriptedServer& server : pool_.servers()) server.go_down();
      janitor_.reset();
    });
    running_.stop();
  }

  [[nodiscard]] const Janitor::Figures& figures() const { return janitor_->figures(); }
  void set_rate(uint32_t rate) {
    running_.call([&] { janitor_->set_rate(rate); });
  }
  void hand_over(int count, size_t server = 0) {
    running_.call([&] {
      for (int i = 0; i < count; ++i)
        janitor_->remove(pool_.servers()[server], state_, "x7.1.4:" + std::to_string(i));
    });
  }
  // The ledger learns of items "k0", "k1" … of 100 bytes, in its present generation.
  void know(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string key = "k" + std::to_string(i);
      quota::Event event;
      event.kind = quota::Event::Kind::stored;
      event.source = 1;
      event.hash = ledger_->hash(key);
      event.key = key;
      event.generation = acme_.generation();
      event.cas = static_cast<uint64_t>(i) + 1;
      event.size = 100;
      event.expiry = 0;
      EXPECT_FALSE(ledger_->apply(event));
    }
  }
  [[nodiscard]] static bool wait(const std::function<bool()>& done) { return support::wait_until(done, 10s); }
  [[nodiscard]] size_t requests(size_t server = 0) {
    return running_.call([&] { return pool_.servers()[server].requests(); });
  }
  // Answers the oldest requests of a server.
  void answer(Status status, size_t count, size_t server = 0) {
    running_.call([&] {
      for (size_t i = 0; i < count; ++i) pool_.servers()[server].reply(status);
    });
  }
  // Answers everything, until that is so.
  [[nodiscard]] bool serve_until(const std::function<bool()>& done) {
    return wait([&] {
      running_.call([this] {
        for (ScriptedServer& server : pool_.servers()) {
          while (!server.waiting().empty()) {
            const ScriptedServer::Sent& sent = server.waiting().front();
            EXPECT_EQ(sent.request.command, Command::remove);
            (sent.request.cas != 0 ? evicted_ : deleted_).insert(sent.key);
            server.reply(Status::ok);
          }
        }
      });
      return done();
    });
  }

  support::LoopThread running_;
  quota::Books books_{1};
  base::SystemClock clock_;
  session::Accounting accounting_{books_, 0, clock_};
  tenant::Tenant acme_{"acme", 1, 5, "x7", 1};
  upstream::ServerState state_;
  support::ScriptedPool pool_{2};
  quota::Ledger* ledger_ = nullptr;
  std::unique_ptr<Janitor> janitor_;
  std::multiset<std::string> deleted_;
  std::multiset<std::string> evicted_;
};

TEST_F(JanitorTest, DeletesWhatItIsGivenByNameAndWhateverItsVersion) {
  hand_over(3);
  EXPECT_TRUE(serve_until([&] { return deleted_.size() == 3; }));
  EXPECT_EQ(deleted_, (std::multiset<std::string>{"x7.1.4:0", "x7.1.4:1", "x7.1.4:2"}));
  EXPECT_EQ(figures().deleted.get(), 3U);
  EXPECT_TRUE(serve_until([&] { return figures().pending.get() == 0; }));
  EXPECT_EQ(figures().dropped.get(), 0U);
  EXPECT_EQ(requests(1), 0U) << "on that server";
}

TEST_F(JanitorTest, WhatIsGoneAlreadyIsNotCountedAgain) {
  hand_over(3);
  ASSERT_TRUE(wait([&] { return requests() == 3; }));
  answer(Status::ok, 1);
  answer(Status::not_found, 2);
  EXPECT_EQ(figures().deleted.get(), 1U);
  EXPECT_EQ(figures().dropped.get(), 0U);
  EXPECT_TRUE(wait([&] { return figures().pending.get() == 0; }));
}

TEST_F(JanitorTest, KeepsToItsRate) {
  set_rate(1000);
  const auto begun = std::chrono::steady_clock::now();
  hand_over(300);
  EXPECT_TRUE(wait([&] { return requests() == 300; }));
  // Some turns' worth may be sent at once.
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 280ms);
}

TEST_F(JanitorTest, GetsOnAtARateOfLessThanOneATurn) {
  set_rate(100);
  const auto begun = std::chrono::steady_clock::now();
  hand_over(11);
  EXPECT_TRUE(wait([&] { return requests() == 11; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 95ms);
}

TEST_F(JanitorTest, EvictionsAndDeletesShareTheRate) {
  set_rate(1000);
  know(150);
  const auto begun = std::chrono::steady_clock::now();
  hand_over(150);
  ledger_->set_quota(1);
  EXPECT_TRUE(serve_until([&] { return deleted_.size() + evicted_.size() == 300; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 280ms);
}

TEST_F(JanitorTest, ASlowServerIsGivenNoMoreThanSoManyAtOnce) {
  set_rate(1'000'000);
  hand_over(2000);
  ASSERT_TRUE(wait([&] { return requests() >= 512; }));
  answer(Status::ok, 100);
  ASSERT_TRUE(wait([&] { return requests() >= 612; }));
  EXPECT_EQ(requests(), 612U);
  EXPECT_EQ(figures().deleted.get(), 100U);
  EXPECT_TRUE(wait([&] { return figures().pending.get() == 1900; }));
  answer(Status::not_found, 100);
  EXPECT_TRUE(wait([&] { return requests() == 712; }));
}

TEST_F(JanitorTest, AnItemOfAServerThatIsAwayIsLeftToItsNextCrawl) {
  running_.call([this] { pool_.servers()[0].set_up(false); });
  hand_over(2);
  EXPECT_TRUE(wait([&] { return figures().dropped.get() == 2; }));
  EXPECT_GE(state_.doubts(), 1U) << "which is due";
  EXPECT_EQ(requests(), 0U);
  EXPECT_EQ(figures().deleted.get(), 0U);
}

TEST_F(JanitorTest, DeletesWithoutAnAnswerAreUnderWayNoMore) {
  set_rate(1'000'000);
  hand_over(2000);
  ASSERT_TRUE(wait([&] { return requests() >= 512; }));
  answer(Status::temporary_failure, 512);
  EXPECT_EQ(figures().dropped.get(), 512U);
  EXPECT_TRUE(wait([&] { return requests() == 1024; }));
}

TEST_F(JanitorTest, AFlushLeavesTheItemsOfItsGenerationAndNoOthers) {
  know(20);
  acme_.set_generation(6);
  ledger_->begin_generation(6);
  know(3);
  EXPECT_TRUE(serve_until([&] { return deleted_.size() == 20 && figures().pending.get() == 0; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(deleted_.count("x7.1.5:k" + std::to_string(i)), 1U) << i;
  EXPECT_EQ(ledger_->usage().items, 3U);
  EXPECT_GT(requests(0), 0U) << "each where its key is";
  EXPECT_GT(requests(1), 0U);
}

TEST_F(JanitorTest, WhatAFlushLeftWaitsForAPoolThatIsAway) {
  know(20);
  running_.call([this] {
    for (ScriptedServer& server : pool_.servers()) server.set_up(false);
  });
  acme_.set_generation(6);
  ledger_->begin_generation(6);
  hand_over(1);  // to know when it has looked
  ASSERT_TRUE(wait([&] { return figures().dropped.get() == 1; }));
  running_.call([this] {
    for (ScriptedServer& server : pool_.servers()) server.set_up(true);
  });
  EXPECT_TRUE(serve_until([&] { return deleted_.size() == 20; }));
  EXPECT_EQ(figures().dropped.get(), 1U);
}

TEST_F(JanitorTest, EvictsDownToALoweredQuotaAndNoFurther) {
  know(100);
  ledger_->set_quota(4050);
  // An item counts as gone when it is chosen, a little before its delete is sent.
  const auto lowered = [&] { return ledger_->usage().items == 40 && !ledger_->lowering(); };
  const auto answered = [&] { return evicted_.size() == 60 && acme_.totals().evictions == 60; };
  EXPECT_TRUE(serve_until([&] { return lowered() && figures().evicted.get() == 60 && answered(); }));
  EXPECT_EQ(evicted_.size(), 60U);
  EXPECT_TRUE(deleted_.empty());
  EXPECT_EQ(figures().evicted.get(), 60U);
  EXPECT_EQ(acme_.totals().evictions, 60U);
  for (const std::string& key : evicted_) EXPECT_TRUE(key.starts_with("x7.1.5:k")) << key;
  EXPECT_TRUE(serve_until([&] { return figures().pending.get() == 0; }));
  EXPECT_EQ(evicted_.size(), 60U);
}

TEST_F(JanitorTest, StoresNeedNotEvictForWhatIsStillBeingLowered) {
  know(100);
  set_rate(0);
  ledger_->set_quota(4000);
  EXPECT_TRUE(ledger_->lowering());
  EXPECT_FALSE(ledger_->over()) << "the way down is the janitor's";
  set_rate(1'000'000);
  EXPECT_TRUE(serve_until([&] { return ledger_->usage().items == 40; }));
  EXPECT_FALSE(ledger_->over());
}

TEST_F(JanitorTest, AQuotaThatIsLoweredWhileAServerIsAwayIsReachedWhenItIsBack) {
  know(100);
  running_.call([this] {
    for (ScriptedServer& server : pool_.servers()) server.set_up(false);
  });
  ledger_->set_quota(4000);
  hand_over(1);
  ASSERT_TRUE(wait([&] { return figures().dropped.get() == 1; }));
  EXPECT_EQ(ledger_->usage().items, 100U);
  running_.call([this] {
    for (ScriptedServer& server : pool_.servers()) server.set_up(true);
  });
  EXPECT_TRUE(serve_until([&] { return ledger_->usage().items == 40; }));
}

}  // namespace
}  // namespace mctenant::server
