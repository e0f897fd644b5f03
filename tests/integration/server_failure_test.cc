// A server that dies, falls silent, comes back: what its keys answer, and what the others' do.

#include <algorithm>
#include <thread>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

using Clock = std::chrono::steady_clock;

class ServerFailure : public testing::Test {
 protected:
  ServerFailure() : alice_(world_.mctenant.sign_in("alice")) {
    for (int i = 0; i < 40; ++i) alice_.store("key" + std::to_string(i), "value" + std::to_string(i));
    on_first_ = World::client_keys(world_.first, "key");
    on_second_ = World::client_keys(world_.second, "key");
  }
  void SetUp() override {
    ASSERT_FALSE(on_first_.empty());
    ASSERT_FALSE(on_second_.empty());
    ASSERT_EQ(on_first_.size() + on_second_.size(), 40u);
  }
  static std::string value_of(const std::string& key) { return "value" + key.substr(3); }
  void expect_served(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) EXPECT_EQ(alice_.fetch(key), value_of(key));
  }
  // Until the server's keys are served again, at most 10 seconds: the back-off's longest step is 2.
  bool served_again(const std::string& key) {
    return wait_until([&] { return alice_.call(set(key, value_of(key))).status == status::kOk; }, 10s);
  }

  World world_;
  BinaryClient alice_;
  std::vector<std::string> on_first_;
  std::vector<std::string> on_second_;
};

TEST_F(ServerFailure, KeysOfADeadServerFailAtOnceAndTheOthersAreServed) {
  world_.first.kill();
  const auto begin = Clock::now();
  for (const std::string& key : on_first_) {
    for (const Packet& packet : {get(key), set(key, "x"), keyed(op::kDelete, key), append(key, "x"),
                                 increment(key, 1), touch(key, 1), keyed(op::kGetK, key)}) {
      const Packet reply = alice_.call(packet);
      EXPECT_EQ(reply.status, status::kTemporary) << reply.describe();
      EXPECT_FALSE(packet.opcode != op::kGetK && reply.value.empty()) << "errors carry a text";
    }
  }
  EXPECT_LT(Clock::now() - begin, 2s);
  expect_served(on_second_);
  EXPECT_EQ(alice_.status_of(simple(op::kVersion)), status::kOk) << "the pool can still serve";
}

TEST_F(ServerFailure, AServerThatComesBackIsFoundAgain) {
  world_.first.kill();
  EXPECT_EQ(alice_.status_of(get(on_first_[0])), status::kTemporary);
  world_.first.start();
  EXPECT_TRUE(served_again(on_first_[0]));
  EXPECT_EQ(alice_.fetch(on_first_[1]), std::nullopt) << "it came back empty";
  expect_served(on_second_);
  BinaryClient other = world_.mctenant.sign_in("alice");
  EXPECT_TRUE(wait_until([&] { return other.status_of(get(on_first_[0])) == status::kOk; }, 10s))
      << "each worker finds it by itself";
}

TEST_F(ServerFailure, AServerOnAUnixSocketComesBackToo) {
  world_.second.kill();
  EXPECT_EQ(alice_.status_of(get(on_second_[0])), status::kTemporary);
  expect_served(on_first_);
  world_.second.start();
  EXPECT_TRUE(served_again(on_second_[0]));
}

TEST_F(ServerFailure, AQuickRestartCostsAtMostWhatWasUnderWay) {
  for (int i = 0; i < 3; ++i) {
    world_.first.kill();
    world_.first.start();
    EXPECT_TRUE(served_again(on_first_[0]));
    EXPECT_EQ(alice_.fetch(on_first_[1]), std::nullopt);
    expect_served(on_second_);
  }
}

TEST_F(ServerFailure, QuietGetsOfADeadServerReadAsMisses) {
  world_.first.kill();
  std::vector<Packet> packets;
  for (int i = 0; i < 40; ++i) packets.push_back(keyed(op::kGetKQ, "key" + std::to_string(i)));
  const auto replies = alice_.call_all(packets);
  ASSERT_EQ(replies.size(), on_second_.size()) << "no status frame fits into such a stream";
  for (const Packet& reply : replies) {
    EXPECT_EQ(reply.status, status::kOk) << reply.describe();
    EXPECT_EQ(reply.value, value_of(reply.key));
  }
}

TEST_F(ServerFailure, QuietStoresToADeadServerAreToldAsErrors) {
  world_.first.kill();
  std::vector<Packet> packets;
  for (const std::string& key : on_first_) packets.push_back(set(key, "x").with_opcode(op::kSetQ));
  for (const std::string& key : on_second_) packets.push_back(set(key, value_of(key)).with_opcode(op::kSetQ));
  const auto replies = alice_.call_all(packets);
  ASSERT_EQ(replies.size(), on_first_.size());
  for (const Packet& reply : replies) EXPECT_EQ(reply.status, status::kTemporary) << reply.describe();
}

TEST_F(ServerFailure, ASilentServerCostsItsTimeoutAndNothingMore) {
  world_.first.fall_silent();
  const auto begin = Clock::now();
  EXPECT_EQ(alice_.status_of(get(on_first_[0])), status::kTemporary);
  EXPECT_GE(Clock::now() - begin, 300ms);
  EXPECT_LT(Clock::now() - begin, 3s);
  expect_served(on_second_);
  world_.first.wake_up();
  EXPECT_TRUE(served_again(on_first_[0]));
  expect_served(on_first_);
}

TEST_F(ServerFailure, OthersAreServedWhileOneIsSilent) {
  world_.first.fall_silent();
  BinaryClient waiting = world_.mctenant.sign_in("alice");
  waiting.send(get(on_first_[0]));
  const auto begin = Clock::now();
  expect_served(on_second_);
  EXPECT_LT(Clock::now() - begin, 300ms);
  EXPECT_EQ(waiting.read().status, status::kTemporary);
  world_.first.wake_up();
}

TEST_F(ServerFailure, RepliesStayInOrderAroundASilentServer) {
  world_.first.fall_silent();
  std::vector<Packet> packets;
  for (uint32_t i = 0; i < 40; ++i) packets.push_back(get("key" + std::to_string(i)).with_opaque(i));
  alice_.send(packets);
  for (uint32_t i = 0; i < 40; ++i) {
    const Packet reply = alice_.read();
    const std::string key = "key" + std::to_string(i);
    EXPECT_EQ(reply.opaque, i);
    if (std::count(on_second_.begin(), on_second_.end(), key) > 0) {
      EXPECT_EQ(reply.value, value_of(key));
    } else {
      EXPECT_EQ(reply.status, status::kTemporary) << reply.describe();
    }
  }
  world_.first.wake_up();
}

// The server answers, late, what it was asked before it fell silent: to nobody.
TEST_F(ServerFailure, ALateReplyReachesNobody) {
  for (int round = 0; round < 3; ++round) {
    world_.first.fall_silent();
    std::vector<BinaryClient> clients;
    for (const std::string& key : on_first_) {
      clients.push_back(world_.mctenant.sign_in("alice"));
      clients.back().send({get(key), get(key), set(key, value_of(key))});
    }
    for (BinaryClient& client : clients) {
      for (const Packet& reply : client.read(3))
        EXPECT_EQ(reply.status, status::kTemporary) << reply.describe();
    }
    world_.first.wake_up();
    const auto end = Clock::now() + 700ms;
    while (Clock::now() < end) {
      for (size_t i = 0; i < clients.size(); ++i) {
        const size_t asked = (i + 1) % on_first_.size();
        const Packet reply = clients[i].call(get(on_first_[asked]));
        if (reply.status == status::kTemporary) continue;
        ASSERT_EQ(reply.status, status::kOk) << reply.describe();
        ASSERT_EQ(reply.value, value_of(on_first_[asked])) << "another's reply";
      }
    }
    ASSERT_TRUE(served_again(on_first_[0]));
  }
  expect_served(on_second_);
}

TEST_F(ServerFailure, VersionIsRefusedWhileNoServerIsLeft) {
  world_.first.kill();
  world_.second.kill();
  EXPECT_TRUE(wait_until([&] { return alice_.status_of(simple(op::kVersion)) == status::kTemporary; }, 3s));
  EXPECT_EQ(alice_.status_of(simple(op::kNoop)), status::kOk);
  BinaryClient unknown = world_.mctenant.connect();
  EXPECT_TRUE(wait_until([&] { return unknown.status_of(simple(op::kVersion)) == status::kTemporary; }, 3s));
  EXPECT_EQ(unknown.call(plain("alice", world_.mctenant.password("alice"))).status, status::kOk);
  EXPECT_EQ(unknown.status_of(get("key1")), status::kTemporary);
  world_.first.start();
  EXPECT_TRUE(wait_until([&] { return alice_.status_of(simple(op::kVersion)) == status::kOk; }, 10s));
}

TEST_F(ServerFailure, ReadinessFollowsThePool) {
  EXPECT_EQ(world_.mctenant.ready_status(), 200);
  world_.first.kill();
  world_.second.kill();
  EXPECT_TRUE(wait_until([&] { return world_.mctenant.ready_status() == 503; }, 5s));
  EXPECT_EQ(http_get(world_.mctenant.admin(), "/healthz").status, 200) << "alive, though it can't serve";
  world_.first.start();
  world_.second.start();
  EXPECT_TRUE(wait_until([&] { return world_.mctenant.ready_status() == 200; }, 10s));
}

TEST_F(ServerFailure, AppendsUnderWayEndWithTheirServer) {
  for (const std::string& key : on_first_) alice_.send(append(key, "x"));
  world_.first.fall_silent();
  for (const std::string& key : on_first_) alice_.send(append(key, "y"));
  for (size_t i = 0; i < 2 * on_first_.size(); ++i) {
    const Packet reply = alice_.read();
    EXPECT_TRUE(reply.status == status::kOk || reply.status == status::kTemporary) << reply.describe();
  }
  world_.first.wake_up();
  EXPECT_TRUE(served_again(on_first_[0]));
}

}  // namespace
}  // namespace mctenant::integration
