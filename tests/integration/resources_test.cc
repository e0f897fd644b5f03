// Clients that do not read, claim what they never send, or stay when the program must go.

#include <sched.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

constexpr uint64_t kMiB = 1'048'576;

TEST(ConcurrentResources, AClientThatDoesNotReadIsHeldInBoundedMemoryAndGetsAllInTheEnd) {
  constexpr uint32_t kGets = 5'000;
  World world;
  BinaryClient alice = world.mctenant.sign_in("alice");
  const std::string values[] = {std::string(100'000, 'a'), std::string(100'000, 'b')};
  alice.store("key0", values[0]);
  alice.store("key1", values[1]);
  BinaryClient lazy = world.mctenant.connect();
  lazy.connection().shrink_buffers(65'536);
  lazy.send(plain("alice", world.mctenant.password("alice")));
  EXPECT_EQ(lazy.read().status, status::kOk);
  const uint64_t before = world.mctenant.process().resident_bytes();
  std::vector<Packet> packets;
  for (uint32_t i = 0; i < kGets; ++i) packets.push_back(get("key" + std::to_string(i % 2)).with_opaque(i));
  std::thread writer([&] { lazy.send(packets); });
  uint64_t most = 0;
  const auto watch_until = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < watch_until) {
    most = std::max(most, world.mctenant.process().resident_bytes());
    EXPECT_EQ(alice.call(get("key0")).status, status::kOk) << "others are served meanwhile";
    std::this_thread::sleep_for(10ms);
  }
  uint32_t right = 0;
  for (uint32_t i = 0; i < kGets; ++i) {
    const auto reply = lazy.try_read(10s);
    if (!reply) break;
    if (reply->opaque == i && reply->value == values[i % 2]) ++right;
    if (i % 500 == 0) most = std::max(most, world.mctenant.process().resident_bytes());
  }
  writer.join();
  EXPECT_EQ(right, kGets);
  EXPECT_LT(most, before + kMemoryFactor * 48 * kMiB) << "500 MB were asked for";
}

TEST(Resources, ManyLargeStoresOfASlowServerAreHeldInBoundedMemory) {
  World world({.pool = R"("timeout": "5s")"});
  BinaryClient alice = world.mctenant.sign_in("alice");
  const uint64_t before = world.mctenant.process().resident_bytes();
  world.first.fall_silent();
  world.second.fall_silent();
  std::vector<Packet> packets;
  for (uint32_t i = 0; i < 200; ++i)
    packets.push_back(set("key" + std::to_string(i), std::string(1'000'000, 'v')).with_opaque(i));
  std::thread writer([&] { alice.send(packets); });
  std::this_thread::sleep_for(500ms);
  EXPECT_LT(world.mctenant.process().resident_bytes(), before + kMemoryFactor * 40 * kMiB) << "of 200 MB";
  world.first.wake_up();
  world.second.wake_up();
  for (uint32_t i = 0; i < 200; ++i) {
    const Packet reply = alice.read(20s);
    EXPECT_EQ(reply.opaque, i);
    EXPECT_EQ(reply.status, status::kOk) << reply.describe();
  }
  writer.join();
}

TEST(Resources, ClaimedBodiesOfFourGigabytesAllocateNothingBeforeSignIn) {
  raise_file_limit();
  World world({.limits = {{"sign_in_timeout", R"("30s")"}}});
  const uint64_t before = world.mctenant.process().resident_bytes();
  std::vector<BinaryClient> clients;
  const uint8_t opcodes[] = {op::kSet,      op::kGet,  op::kSaslAuth, op::kSaslStep,
                             op::kSaslList, op::kNoop, op::kStat,     0x7f};
  for (size_t i = 0; i < 1'000; ++i) {
    clients.push_back(world.mctenant.connect());
    Packet packet = keyed(opcodes[i % std::size(opcodes)], "PLAIN");
    packet.body_length = 0xffffffff - static_cast<uint32_t>(i % 3);
    clients.back().connection().send(packet.bytes() + std::string(2'000, 'x'));
  }
  BinaryClient alice = world.mctenant.sign_in("alice");
  EXPECT_EQ(alice.status_of(simple(op::kNoop)), status::kOk);
  EXPECT_LT(world.mctenant.process().resident_bytes(), before + kMemoryFactor * (4 + 20) * kMiB)
      << "16 KiB each at most";
}

TEST(Resources, AClaimedBodyOfFourGigabytesAllocatesNothingAfterSignIn) {
  World world;
  const uint64_t before = world.mctenant.process().resident_bytes();
  std::vector<BinaryClient> clients;
  for (const uint8_t opcode :
       {op::kSet, op::kSetQ, op::kAppend, op::kGet, op::kNoop, op::kSaslAuth, uint8_t{0x7f}}) {
    clients.push_back(world.mctenant.sign_in("alice"));
    Packet packet = set("key", "").with_opcode(opcode);
    packet.body_length = 0xffffffff;
    clients.back().connection().send(packet.bytes() + std::string(100'000, 'x'));
  }
  EXPECT_EQ(world.mctenant.sign_in("alice").status_of(simple(op::kNoop)), status::kOk);
  EXPECT_LT(world.mctenant.process().resident_bytes(), before + kMemoryFactor * 8 * kMiB);
}

TEST(Resources, AThousandConnectionsOfGarbageLeaveNothingBehind) {
  raise_file_limit();
  World world;
  BinaryClient alice = world.mctenant.sign_in("alice");
  alice.store("a", "1");
  const uint64_t before = world.mctenant.process().resident_bytes();
  for (int round = 0; round < 2; ++round) {
    std::vector<BinaryClient> clients;
    for (int i = 0; i < 500; ++i) {
      clients.push_back(world.mctenant.connect());
      std::string garbage = round == 0 ? "GET / HTTP/1.1\r\n\r\n" : std::string(1, '\x80');
      for (int j = 0; j < 3'000; ++j) garbage += static_cast<char>((i + 1) * (j + 7) * 2'654'435'761u >> 13);
      clients.back().connection().send(garbage);
    }
    EXPECT_EQ(alice.fetch("a"), "1");
    EXPECT_LT(world.mctenant.process().resident_bytes(), before + kMemoryFactor * (4 + 10) * kMiB);
  }
  EXPECT_TRUE(wait_until(
      [&] { return world.mctenant.process().resident_bytes() < before + kMemoryFactor * 12 * kMiB; }, 5s));
}

// By its name, how each thread of the process is scheduled.
std::map<std::string, int> policies_of(pid_t process) {
  std::map<std::string, int> policies;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    const pid_t thread = std::stoi(task.path().filename());
    std::string name = "main";
    if (thread != process) std::getline(std::ifstream(task.path() / "comm"), name);
    policies[name] = sched_getscheduler(thread);
  }
  return policies;
}

TEST(Resources, ThreadsBesideTheWorkersTakeNoCoreFromThem) {
  World world;
  BinaryClient alice = world.mctenant.sign_in("alice");  // a password was checked
  const auto policies = policies_of(world.mctenant.process().pid());
  for (const char* worker : {"worker-0", "worker-1"}) {
    ASSERT_TRUE(policies.contains(worker)) << worker;
    EXPECT_EQ(policies.at(worker), SCHED_OTHER) << worker;
  }
  // Each does so as it begins.
  for (const char* other : {"main", "bookkeeper", "password-check"}) {
    EXPECT_TRUE(wait_until(
        [&] {
          const auto now = policies_of(world.mctenant.process().pid());
          return now.contains(other) && now.at(other) == SCHED_BATCH;
        },
        5s))
        << other;
  }
}

TEST(Drain, WhatIsUnderWayIsAnsweredAndTheProgramEndsWell) {
  World world({.pool = R"("timeout": "5s")"});
  BinaryClient alice = world.mctenant.sign_in("alice");
  BinaryClient idle = world.mctenant.sign_in("alice");
  alice.store("a", "1");
  world.first.fall_silent();
  world.second.fall_silent();
  alice.send({get("a"), append("a", "2")});
  std::this_thread::sleep_for(200ms);  // they are with the servers now
  world.mctenant.process().signal(SIGTERM);
  EXPECT_EQ(idle.connection().wait_for_end(3s), Peer::closed) << "idle connections are closed first";
  EXPECT_TRUE(world.mctenant.process().running()) << "it waits for what is under way";
  world.first.wake_up();
  world.second.wake_up();
  const auto replies = alice.read_to_end();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].value, "1");
  EXPECT_EQ(replies[1].status, status::kOk) << "both steps of an append belong to it";
  EXPECT_EQ(alice.connection().peer(), Peer::closed);
  EXPECT_EQ(world.mctenant.process().wait(5s), 0) << world.mctenant.process().output();
}

TEST(Drain, AReaderThatNeverReadsCannotHoldItUp) {
  World world({.limits = {{"drain_timeout", R"("1s")"}}});
  BinaryClient alice = world.mctenant.sign_in("alice");
  alice.store("a", std::string(500'000, 'v'));
  alice.send(std::vector<Packet>(200, get("a")));
  world.mctenant.process().signal(SIGTERM);
  EXPECT_TRUE(world.mctenant.process().wait(5s).has_value());
}

TEST(Drain, ConnectionsThatNeverSignInCannotHoldItUp) {
  World world({.limits = {{"sign_in_timeout", R"("60s")"}}});
  BinaryClient silent = world.mctenant.connect();
  BinaryClient half = world.mctenant.connect();
  half.connection().send(plain("alice", "x").bytes().substr(0, 30));
  EXPECT_EQ(world.mctenant.process().stop(5s), 0);
  EXPECT_NE(silent.connection().wait_for_end(1s), Peer::open);
}

TEST(Drain, NoReplyOfAPipelineIsLost) {
  World world;
  BinaryClient alice = world.mctenant.sign_in("alice");
  alice.store("a", "1");
  std::vector<Packet> packets;
  for (uint32_t i = 0; i < 1'000; ++i) packets.push_back(get("a").with_opaque(i));
  alice.send(packets);
  EXPECT_EQ(alice.read().opaque, 0u);
  world.mctenant.process().signal(SIGTERM);
  const auto replies = alice.read_to_end();
  EXPECT_EQ(alice.connection().peer(), Peer::closed) << "not a reset: that would lose replies";
  for (size_t i = 0; i < replies.size(); ++i) {
    EXPECT_EQ(replies[i].opaque, i + 1);
    EXPECT_EQ(replies[i].value, "1");
  }
  EXPECT_EQ(world.mctenant.process().wait(5s), 0);
}

}  // namespace
}  // namespace mctenant::integration
