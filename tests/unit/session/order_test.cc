#include <gtest/gtest.h>

#include <random>

#include "support/session_harness.h"

namespace mctenant::session {
namespace {

using protocol::Status;
using support::Packet;
using support::SessionHarness;
namespace op = support::op;
namespace status = support::status;

std::vector<uint32_t> opaques(const std::vector<Packet>& packets) {
  std::vector<uint32_t> all;
  for (const Packet& packet : packets) all.push_back(packet.opaque);
  return all;
}

TEST(Order, RepliesKeepTheOrderOfTheCommandsWhateverServerIsFirst) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("k0").with_opaque(1), support::get("k1").with_opaque(2),
          support::get("k2").with_opaque(3), support::get("k0").with_opaque(4)});
  const std::string large(50'000, 'l');
  h.reply(2, Status::ok, "three");
  EXPECT_TRUE(h.take_replies().empty());
  h.reply(1, Status::ok, large);
  EXPECT_TRUE(h.take_replies().empty());
  h.reply(0, Status::ok, "one");
  auto replies = h.take_replies();
  EXPECT_EQ(opaques(replies), (std::vector<uint32_t>{1, 2, 3}));
  EXPECT_EQ(replies[0].value, "one");
  EXPECT_EQ(replies[1].value, large);
  EXPECT_EQ(replies[2].value, "three");
  h.reply(0, Status::ok, "four");
  EXPECT_EQ(h.take_replies().at(0).value, "four");
}

TEST(Order, AnyOrderOfServersGivesTheSameBytes) {
  std::vector<Packet> packets;
  const std::vector<std::string> keys{"a0", "b1", "c2", "d3", "e4"};
  std::minstd_rand random(7);
  for (uint32_t i = 0; i < 120; ++i) {
    const std::string& key = keys[random() % keys.size()];
    Packet packet = support::get(key);
    switch (random() % 8) {
      case 0:
        packet = support::set(key, std::string(random() % 40'000, 'v'));
        break;
      case 1:
        packet = support::set(key, "quiet").with_opcode(op::kSetQ);
        break;
      case 2:
        packet = support::get(key).with_opcode(op::kGetKQ);
        break;
      case 3:
        packet = support::simple(op::kNoop);
        break;
      case 4:
        packet = support::keyed(op::kDelete, key);
        break;
      case 5:
        packet = support::append(key, "tail");
        break;
      case 6:
        packet = support::simple(0x77);
        break;
      default:
        break;
    }
    packets.push_back(packet.with_opaque(i));
  }
  std::string expected;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SessionHarness h({.servers = 5});
    ASSERT_EQ(h.sign_in(), status::kOk);
    h.send(packets);
    std::minstd_rand turns(seed + 1);
    while (h.waiting() > 0) {
      auto& server = h.server(turns() % 5);
      if (server.waiting().empty()) continue;
      server.answer();
      h.turn();
    }
    // CAS counts by server, so it doesn't depend on the order either.
    std::string received = h.take_received();
    if (seed == 0) expected = received;
    ASSERT_TRUE(received == expected) << "seed " << seed;
  }
  EXPECT_FALSE(expected.empty());
}

TEST(Order, QuietCommandsAreAnsweredOnlyIfTheyHaveSomethingToSay) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("miss0").with_opcode(op::kGetQ).with_opaque(1),
          support::get("hit0").with_opcode(op::kGetKQ).with_opaque(2),
          support::set("s0", "v").with_opcode(op::kSetQ).with_opaque(3),
          support::set("s0", "v").with_opcode(op::kAddQ).with_opaque(4),
          support::keyed(op::kDeleteQ, "d0").with_opaque(5),
          support::keyed(op::kDeleteQ, "d0").with_opaque(6),
          support::increment("n0", 1).with_opcode(op::kIncrementQ).with_opaque(7),
          support::simple(op::kNoop).with_opaque(8)});
  h.reply(0, Status::not_found);
  h.reply(0, Status::ok, "value");
  h.reply(0, Status::ok);
  h.reply(0, Status::exists);
  h.reply(0, Status::ok);
  h.reply(0, Status::not_found);
  h.reply(0, Status::ok);
  const auto replies = h.take_replies();
  EXPECT_EQ(opaques(replies), (std::vector<uint32_t>{2, 4, 6, 8}));
  EXPECT_EQ(replies[0].key, "hit0");
  EXPECT_EQ(replies[1].status, status::kExists);
  EXPECT_EQ(replies[2].status, status::kNotFound);
}

TEST(Order, NoopIsAnsweredOnceAllBeforeItAre) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("a0").with_opcode(op::kGetQ), support::get("b1").with_opcode(op::kGetQ),
          support::simple(op::kNoop).with_opaque(9), support::get("c2").with_opaque(10)});
  h.reply(2, Status::not_found);
  h.reply(1, Status::not_found);
  EXPECT_TRUE(h.take_replies().empty());
  h.reply(0, Status::not_found);
  EXPECT_EQ(opaques(h.take_replies()), (std::vector<uint32_t>{9, 10}));
}

TEST(Order, CommandsAnsweredHereWaitForThoseBeforeThem) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("a0").with_opaque(1), support::simple(op::kVersion).with_opaque(2),
          support::simple(op::kVerbosity).with_opaque(3), support::simple(0x55).with_opaque(4),
          support::set("", "").with_opaque(5), support::simple(op::kStat).with_opaque(6),
          support::simple(op::kSaslList).with_opaque(7), support::simple(op::kQuit).with_opaque(8)});
  EXPECT_TRUE(h.take_replies().empty());
  EXPECT_FALSE(h.finished());
  h.reply(0, Status::not_found);
  auto replies = h.take_replies();
  ASSERT_GT(replies.size(), 8U);
  EXPECT_EQ(replies[1].value, kVersion);
  EXPECT_EQ(replies[3].status, status::kUnknown);
  EXPECT_EQ(replies[4].status, status::kInvalid);
  std::erase_if(replies,
                [](const Packet& packet) { return packet.opcode == op::kStat && !packet.key.empty(); });
  EXPECT_EQ(opaques(replies), (std::vector<uint32_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(h.finished(), CloseReason::client_quit);
}

TEST(Order, AStatReplyIsAPacketAFigureAndAnEmptyOne) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("a0"), support::set("b1", "v")});
  h.answer_all();
  (void)h.take_replies();
  h.send(support::simple(op::kStat).with_opaque(5));
  const auto replies = h.take_replies();
  ASSERT_GT(replies.size(), 10U);
  std::map<std::string, std::string> figures;
  for (const Packet& packet : replies) {
    EXPECT_EQ(packet.opaque, 5U);
    EXPECT_EQ(packet.status, status::kOk);
    EXPECT_EQ(packet.extras, "");
    figures[packet.key] = packet.value;
  }
  EXPECT_EQ(replies.back().key, "");
  EXPECT_EQ(replies.back().value, "");
  EXPECT_EQ(figures["get_misses"], "1");
  EXPECT_EQ(figures["cmd_get"], "1");
  EXPECT_EQ(figures["cmd_set"], "1");
  EXPECT_EQ(figures["curr_connections"], "1");
  EXPECT_EQ(figures["version"], kVersion);
  h.send(support::keyed(op::kStat, "slabs"));
  EXPECT_EQ(h.take_status(), status::kNotFound);
}

TEST(Order, TheKeyOfAReplyIsTheClientsOwn) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  for (const std::string& key : {std::string("short0"), std::string(250, 'k'), std::string(60'000, 'K'),
                                 std::string("a\0\n ~b", 6), std::string("~tilde")}) {
    h.send({support::get(key).with_opcode(op::kGetK), support::get(key).with_opcode(op::kGetKQ),
            support::get_and_touch(key, 5).with_opcode(op::kGatK), support::get(key)});
    h.answer_all();
    auto replies = h.take_replies();
    ASSERT_EQ(replies.size(), 3U);
    EXPECT_EQ(replies[0].key, key);
    EXPECT_EQ(replies[0].value, "");
    EXPECT_EQ(replies[1].key, key);
    EXPECT_EQ(replies[2].key, "");
    h.send({support::set(key, "value"), support::get(key).with_opcode(op::kGetKQ)});
    h.answer_all();
    replies = h.take_replies();
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(replies[1].key, key);
    EXPECT_EQ(replies[1].value, "value");
  }
}

}  // namespace
}  // namespace mctenant::session
