// What known client libraries say on the wire, replayed: some of them can't be installed where the tests run.

#include "integration/world.h"

namespace mctenant::integration {
namespace {

class Habits : public SharedWorld {
 protected:
  static Packet right() { return plain("alice", world().mctenant.password("alice")); }
  static Packet flush_with_extras() {
    Packet packet = simple(op::kFlush);
    packet.extras = big_endian(0, 4);
    return packet;
  }
};

TEST_F(Habits, DalliAsksForMechanismsSignsInAndAsksForTheVersion) {
  BinaryClient client = connect();
  client.send(simple(op::kVersion));  // 2.6 does so before it signs in
  EXPECT_EQ(client.read().status, status::kOk);
  client.send(simple(op::kSaslList));
  EXPECT_NE(client.read().value, "") << "an empty body of LIST makes it fail";
  client.send(right());
  EXPECT_EQ(client.read().value, "Authenticated");
  client.send(simple(op::kVersion));
  EXPECT_NE(client.read().value, "");
}

TEST_F(Habits, DalliMultiSetAndMultiGetEndWithANoop) {
  EXPECT_TRUE(
      alice_
          .call_all({set(key("a"), "1").with_opcode(op::kSetQ), set(key("b"), "2").with_opcode(op::kAddQ),
                     set(key("a"), "3").with_opcode(op::kReplaceQ), keyed(op::kDeleteQ, key("b"))})
          .empty());
  const auto replies = alice_.call_all(
      {keyed(op::kGetKQ, key("none")), keyed(op::kGetKQ, key("a")), keyed(op::kGetKQ, key("b"))});
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].key, key("a")) << "a frame without a key is taken for the end";
  EXPECT_EQ(alice_.call(flush_with_extras()).status, status::kOk);
}

TEST_F(Habits, DalliResetsItsStatistics) {
  alice_.send(keyed(op::kStat, "reset"));
  const Packet reply = alice_.read();
  EXPECT_EQ(reply.status, status::kOk) << reply.describe();
  EXPECT_EQ(reply.key, "");
  EXPECT_EQ(alice_.status_of(simple(op::kNoop)), status::kOk);
}

TEST_F(Habits, XmemcachedSendsItsFirstCommandsRightBehindTheSignIn) {
  BinaryClient client = connect();
  client.send({right(), set(key("a"), "1").with_opcode(op::kSetQ), set(key("b"), "2").with_opcode(op::kAddQ),
               keyed(op::kGetKQ, key("a")), keyed(op::kGetKQ, key("none")), keyed(op::kGetK, key("b"))});
  EXPECT_EQ(client.read().value, "Authenticated");
  EXPECT_EQ(client.read().key, key("a"));
  const Packet last = client.read();
  EXPECT_EQ(last.opcode, op::kGetK);
  EXPECT_EQ(last.value, "2");
  client.send({simple(op::kVerbosity), simple(op::kFlush), simple(op::kQuitQ)});
  EXPECT_EQ(client.read().opcode, op::kVerbosity);
  EXPECT_EQ(client.read().opcode, op::kFlush);
  EXPECT_EQ(client.connection().wait_for_end(2s), Peer::closed);
}

TEST_F(Habits, SpymemcachedSaysNoopBeforeItSignsIn) {
  BinaryClient client = connect();
  client.send({simple(op::kNoop), right()});
  EXPECT_EQ(client.read().status, status::kOk);
  EXPECT_EQ(client.read().status, status::kOk);
  client.send({keyed(op::kGetQ, key("a")).with_opaque(5), keyed(op::kGetQ, key("b")).with_opaque(6),
               simple(op::kNoop).with_opaque(7)});
  EXPECT_EQ(client.read().opaque, 7u);
}

TEST_F(Habits, TheGoClientReadsABodyOfEveryMiss) {
  EXPECT_EQ(alice_.call(get(key("none"))).value, "Not found");
}

TEST_F(Habits, PythonBinaryMemcachedEndsABatchWithGetK) {
  alice_.store(key("a"), "1");
  alice_.send({keyed(op::kGetKQ, key("a")), keyed(op::kGetKQ, key("none")), keyed(op::kGetK, key("last"))});
  EXPECT_EQ(alice_.read().key, key("a"));
  const Packet last = alice_.read();
  EXPECT_EQ(last.opcode, op::kGetK);
  EXPECT_EQ(last.status, status::kNotFound);
  EXPECT_EQ(last.key, key("last"));
}

TEST_F(Habits, MemjsRepeatsARefusedSignInUntilItIsClosed) {
  BinaryClient client = connect();
  int refused = 0;
  for (; refused < 100; ++refused) {
    if (!client.send(plain("alice", "wrong"))) break;
    const auto reply = client.try_read();
    if (!reply) break;
    EXPECT_EQ(reply->status, status::kAuth);
  }
  EXPECT_GE(refused, 2);
  EXPECT_LE(refused, 20);
  EXPECT_EQ(client.connection().peer(), Peer::closed);
}

TEST_F(Habits, TheHaskellClientKnowsFewStatuses) {
  for (const Packet& packet :
       {get(key("none")), set(key("none"), "x").with_opcode(op::kReplace), append(key("none"), "x"),
        increment(key("none"), 1), keyed(op::kDelete, key("none")), touch(key("none"), 1), get(""),
        set(key("big"), std::string(1'100'000, 'x')), simple(0x7f)}) {
    const uint16_t status = alice_.call(packet).status;
    EXPECT_TRUE(status <= 6 || status == 0x20 || status == 0x21 || status == 0x81 || status == 0x82)
        << status;
  }
}

}  // namespace
}  // namespace mctenant::integration
