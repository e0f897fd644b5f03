// flush_all is the tenant's own, instant for all of its connections, and lasts.

#include <signal.h>

#include <atomic>
#include <ctime>
#include <future>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

class Flush : public SharedWorld {};

TEST_F(Flush, TakesEffectInItsPlaceAmongPipelinedCommands) {
  for (const uint8_t opcode : {op::kFlush, op::kFlushQ}) {
    const auto replies = alice_.call_all({set(key("a"), "1").with_opcode(op::kSetQ), get(key("a")),
                                          simple(opcode).with_opaque(9), get(key("a")),
                                          set(key("a"), "2").with_opcode(op::kSetQ), get(key("a"))});
    ASSERT_EQ(replies.size(), opcode == op::kFlush ? 4u : 3u);
    EXPECT_EQ(replies.front().value, "1");
    if (opcode == op::kFlush) {
      EXPECT_EQ(replies[1].opcode, op::kFlush);
      EXPECT_EQ(replies[1].status, status::kOk);
      EXPECT_EQ(replies[1].opaque, 9u);
      EXPECT_EQ(replies[1].extras + replies[1].key + replies[1].value, "");
    }
    EXPECT_EQ(replies[replies.size() - 2].status, status::kNotFound);
    EXPECT_EQ(replies.back().value, "2");
  }
}

TEST_F(Flush, ReachesEveryConnectionOfTheTenantAndNoOther) {
  BinaryClient bob = sign_in("bob");
  bob.store(key("a"), "bob's");
  std::vector<BinaryClient> clients;
  for (int i = 0; i < 16; ++i) clients.push_back(sign_in("alice"));
  for (int round = 0; round < 20; ++round) {
    alice_.store(key("a"), "alice's");
    for (BinaryClient& client : clients) ASSERT_EQ(client.fetch(key("a")), "alice's");
    Packet flush = simple(op::kFlush);
    if (round % 2 == 1) flush.extras = big_endian(0, 4);
    ASSERT_EQ(clients[static_cast<size_t>(round) % clients.size()].status_of(flush), status::kOk);
    for (BinaryClient& client : clients) ASSERT_EQ(client.fetch(key("a")), std::nullopt) << "round " << round;
    ASSERT_EQ(bob.fetch(key("a")), "bob's");
  }
}

TEST_F(Flush, DropsEveryKindOfKey) {
  const std::vector<std::string> names = {key("plain"), key("with space"), "~" + key("tilde"),
                                          key(std::string(1000, 'k'))};
  for (const std::string& name : names) alice_.store(name, "1");
  EXPECT_EQ(alice_.status_of(simple(op::kFlush)), status::kOk);
  for (const std::string& name : names) {
    EXPECT_EQ(alice_.fetch(name), std::nullopt);
    EXPECT_EQ(alice_.status_of(set(name, "2").with_opcode(op::kAdd)), status::kOk) << "the key is free again";
  }
}

TEST_F(Flush, TheSameTenantsTwoFlushesAtOnceBothSucceed) {
  BinaryClient other = sign_in("alice");
  alice_.store(key("a"), "1");
  for (int i = 0; i < 50; ++i) {
    alice_.send(simple(op::kFlush));
    other.send(simple(op::kFlush));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(alice_.read().status, status::kOk);
    EXPECT_EQ(other.read().status, status::kOk);
  }
  EXPECT_EQ(alice_.fetch(key("a")), std::nullopt);
}

TEST(FlushAndState, AFlushSurvivesTheProcessBeingKilledBehindItsAnswer) {
  World world;
  for (int round = 0; round < 3; ++round) {
    BinaryClient alice = world.mctenant.sign_in("alice");
    BinaryClient bob = world.mctenant.sign_in("bob");
    alice.store("a", "old");
    bob.store("a", "bob's");
    ASSERT_EQ(alice.status_of(simple(op::kFlush)), status::kOk);
    world.mctenant.process().kill();
    world.mctenant.start();
    alice = world.mctenant.sign_in("alice");
    EXPECT_EQ(alice.fetch("a"), std::nullopt) << "the answer promised it";
    EXPECT_EQ(world.mctenant.sign_in("bob").fetch("a"), "bob's");
  }
}

Packet flush_in(uint32_t delay) {
  Packet flush = simple(op::kFlush);
  flush.extras = big_endian(delay, 4);
  return flush;
}

TEST(FlushWithADelay, HappensThenForEveryConnectionOfTheTenantAndNoOther) {
  World world;
  BinaryClient alice = world.mctenant.sign_in("alice");
  BinaryClient other = world.mctenant.sign_in("alice");
  BinaryClient bob = world.mctenant.sign_in("bob");
  alice.store("a", "1");
  bob.store("a", "bob's");
  ASSERT_EQ(alice.status_of(flush_in(3)), status::kOk);
  EXPECT_EQ(other.fetch("a"), "1") << "not yet";
  alice.store("b", "stored meanwhile");
  EXPECT_TRUE(wait_until([&] { return !other.fetch("a"); }, 10s));
  EXPECT_EQ(alice.fetch("a"), std::nullopt);
  EXPECT_EQ(alice.fetch("b"), std::nullopt);
  EXPECT_EQ(bob.fetch("a"), "bob's");
  alice.store("a", "2");
  EXPECT_EQ(other.fetch("a"), "2");
}

TEST(FlushWithADelay, TakesUnixTimeBeyondThirtyDaysAndThePastAtOnce) {
  World world;
  BinaryClient alice = world.mctenant.sign_in("alice");
  const auto now = static_cast<uint32_t>(std::time(nullptr));
  alice.store("a", "1");
  ASSERT_EQ(alice.status_of(flush_in(now + 2)), status::kOk);
  EXPECT_TRUE(wait_until([&] { return !alice.fetch("a"); }, 10s));
  EXPECT_GE(static_cast<uint32_t>(std::time(nullptr)), now + 2);
  alice.store("a", "2");
  ASSERT_EQ(alice.status_of(flush_in(now)), status::kOk);
  EXPECT_EQ(alice.fetch("a"), std::nullopt);
}

TEST(FlushWithADelay, AnotherFlushTakesItsPlace) {
  World world({.tenants = {{"alice", "a"}, {"bob", "b"}, {"carol", "c"}}});
  BinaryClient alice = world.mctenant.sign_in("alice");
  BinaryClient bob = world.mctenant.sign_in("bob");
  BinaryClient carol = world.mctenant.sign_in("carol");
  ASSERT_EQ(alice.status_of(flush_in(2)), status::kOk);
  ASSERT_EQ(alice.status_of(flush_in(1000)), status::kOk);
  ASSERT_EQ(bob.status_of(flush_in(2)), status::kOk);
  ASSERT_EQ(bob.status_of(simple(op::kFlush)), status::kOk);
  alice.store("a", "1");
  bob.store("a", "1");
  carol.store("a", "1");
  ASSERT_EQ(carol.status_of(flush_in(3)), status::kOk);
  ASSERT_TRUE(wait_until([&] { return !carol.fetch("a"); }, 10s)) << "when hers has come, theirs would have";
  EXPECT_EQ(alice.fetch("a"), "1");
  EXPECT_EQ(bob.fetch("a"), "1");
}

TEST(FlushWithADelay, SurvivesTheProcessBeingKilledBehindItsAnswer) {
  World world;
  BinaryClient alice = world.mctenant.sign_in("alice");
  BinaryClient bob = world.mctenant.sign_in("bob");
  alice.store("a", "old");
  bob.store("a", "old");
  ASSERT_EQ(alice.status_of(flush_in(1)), status::kOk);
  ASSERT_EQ(bob.status_of(flush_in(6)), status::kOk);
  const auto asked = std::time(nullptr);
  world.mctenant.process().kill();
  ASSERT_TRUE(wait_until([&] { return std::time(nullptr) > asked + 1; }, 5s));
  world.mctenant.start();
  alice = world.mctenant.sign_in("alice");
  bob = world.mctenant.sign_in("bob");
  EXPECT_EQ(alice.fetch("a"), std::nullopt) << "its time came while nobody served";
  if (std::time(nullptr) < asked + 5) {
    EXPECT_EQ(bob.fetch("a"), "old");
  }
  alice.store("a", "new");
  EXPECT_TRUE(wait_until([&] { return !bob.fetch("a"); }, 15s)) << "its time came later";
  EXPECT_EQ(alice.fetch("a"), "new") << "flushed once";
}

TEST(FlushAndState, ARestartLosesNoValue) {
  World world;
  BinaryClient alice = world.mctenant.sign_in("alice");
  EXPECT_EQ(alice.status_of(simple(op::kFlush)), status::kOk);
  for (int i = 0; i < 100; ++i) alice.store("key " + std::to_string(i), "value " + std::to_string(i), 7);
  EXPECT_EQ(world.mctenant.process().stop(), 0);
  world.mctenant.start();
  alice = world.mctenant.sign_in("alice");
  for (int i = 0; i < 100; ++i) {
    const Packet reply = alice.call(get("key " + std::to_string(i)));
    EXPECT_EQ(reply.value, "value " + std::to_string(i));
    EXPECT_EQ(reply.flags(), 7u);
  }
  EXPECT_EQ(world.mctenant.sign_in("bob").fetch("key 1"), std::nullopt);
}

TEST(FlushAndState, ANewStateReadsNothingOfTheOld) {
  World world;
  world.mctenant.sign_in("alice").store("a", "old");
  EXPECT_EQ(world.mctenant.process().stop(), 0);
  world.mctenant.remove_state();
  world.mctenant.start();
  EXPECT_EQ(world.mctenant.sign_in("alice").fetch("a"), std::nullopt);
  EXPECT_EQ(world.mctenant.sign_in("bob").fetch("a"), std::nullopt);
}

TEST(FlushAndState, ASecondInstallationOnTheSameServersReadsNothingOfTheFirst) {
  World world;
  world.mctenant.sign_in("alice").store("a", "first's");
  MctenantProcess second({.servers = {world.first.address(), world.second.address()}});
  BinaryClient alice = second.sign_in("alice");
  EXPECT_EQ(alice.fetch("a"), std::nullopt);
  alice.store("a", "second's");
  EXPECT_EQ(alice.status_of(simple(op::kFlush)), status::kOk);
  EXPECT_EQ(world.mctenant.sign_in("alice").fetch("a"), "first's");
}

TEST(ConcurrentFlush, NoReaderSeesAnOldValueBehindTheAnswer) {
  World world;
  std::atomic<uint64_t> flushed_below{0};  // values under this were flushed before it was set
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::future<void>> readers;  // whose end is waited for, whatever is thrown
  for (int t = 0; t < 4; ++t) {
    readers.push_back(std::async(std::launch::async, [&] {
      BinaryClient client = world.mctenant.sign_in("alice");
      while (!done) {
        const uint64_t floor = flushed_below;
        const auto value = client.fetch("a");
        if (value && std::stoull(*value) < floor) ++wrong;
      }
    }));
  }
  try {
    BinaryClient writer = world.mctenant.sign_in("alice");
    for (uint64_t i = 0; i < 300; ++i) {
      writer.store("a", std::to_string(i));
      EXPECT_EQ(writer.status_of(simple(op::kFlush)), status::kOk);
      flushed_below = i + 1;
    }
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what() << world.mctenant.process().output();
  }
  done = true;
  for (auto& reader : readers) reader.get();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace mctenant::integration
