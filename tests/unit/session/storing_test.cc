// Stores, their limits, and what append and prepend take to keep to them.

#include <gtest/gtest.h>

#include "support/session_harness.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using protocol::Status;
using support::Packet;
using support::SessionHarness;
namespace op = support::op;
namespace status = support::status;

protocol::Reply probed(uint64_t size, uint64_t cas, uint32_t flags = 0) {
  protocol::Reply reply;
  reply.status = Status::ok;
  reply.number = size;
  reply.cas = cas;
  reply.flags = flags;
  return reply;
}

class Storing : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(h.sign_in(), status::kOk); }

  const support::ScriptedServer::Sent& last(size_t server = 0) { return h.server(server).waiting().back(); }

  SessionHarness h{{.limits = {.item_size = 1000, .pipeline = 4}}};
};

TEST_F(Storing, FieldsReachTheServer) {
  h.send(support::set("k0", "value", 7, 60).with_cas(9));
  EXPECT_EQ(last().key, "test.1.1:k0");
  EXPECT_EQ(last().value, "value");
  EXPECT_EQ(last().request.command, Command::set);
  EXPECT_EQ(last().request.flags, 7U);
  EXPECT_EQ(last().request.expiry, 60);
  EXPECT_EQ(last().request.cas, 9U);
  h.reply(0, Status::ok, "", 10);
  const auto replies = h.take_replies();
  EXPECT_EQ(replies.at(0).cas, 10U);
}

TEST_F(Storing, AnAddOrReplaceWithACasIsAStoreWithIt) {
  for (const uint8_t opcode : {op::kAdd, op::kReplace}) {
    h.send(support::set("k0", "value").with_opcode(opcode).with_cas(9));
    EXPECT_EQ(last().request.command, Command::set);
    EXPECT_EQ(last().request.cas, 9U);
    h.reply(0, Status::exists);
    EXPECT_EQ(h.take_status(), status::kExists);
  }
}

TEST_F(Storing, ASetThatIsTooLargeTakesTheOldValueWithItAndIsToldAtItsPlace) {
  for (const uint8_t opcode : {op::kSet, op::kSetQ}) {
    h.send({support::get("k1").with_opaque(1),
            support::set("k0", std::string(999, 'v')).with_opcode(opcode).with_cas(5).with_opaque(2),
            support::get("k0").with_opaque(3)});
    ASSERT_EQ(h.server(0).waiting().size(), 2U);
    EXPECT_EQ(h.server(0).waiting()[0].request.command, Command::remove);
    EXPECT_EQ(h.server(0).waiting()[0].request.cas, 0U);
    EXPECT_EQ(h.server(0).waiting()[0].key, "test.1.1:k0");
    h.reply(0, opcode == op::kSet ? Status::ok : Status::not_found);
    h.reply(0, Status::not_found);
    EXPECT_TRUE(h.take_replies().empty());
    h.reply(1, Status::not_found);
    const auto replies = h.take_replies();
    ASSERT_EQ(replies.size(), 3U);
    EXPECT_EQ(replies[1].opaque, 2U);
    EXPECT_EQ(replies[1].status, status::kTooLarge);
    EXPECT_EQ(replies[1].value, "Too large.");
  }
}

TEST_F(Storing, ASetThatIsTooLargeIsTemporaryFailureIfTheOldValueMayRemain) {
  h.send(support::set("k0", std::string(999, 'v')));
  h.reply(0, Status::temporary_failure);
  EXPECT_EQ(h.take_status(), status::kTemporary);
}

TEST_F(Storing, OtherStoresThatAreTooLargeKeepTheOldValue) {
  for (const uint8_t opcode : {op::kAdd, op::kReplace, op::kAddQ, op::kReplaceQ}) {
    h.send(support::set("k0", std::string(999, 'v')).with_opcode(opcode));
    EXPECT_EQ(h.take_status(), status::kTooLarge);
  }
  for (const uint8_t opcode : {op::kAppend, op::kPrepend}) {
    h.send(support::append("k0", std::string(999, 'v')).with_opcode(opcode));
    EXPECT_EQ(h.take_status(), status::kTooLarge);
  }
  EXPECT_EQ(h.waiting(), 0U);
}

TEST_F(Storing, KeyAndValueOfTheLimitAreStored) {
  h.send(support::set("k0", std::string(998, 'v')));
  EXPECT_EQ(last().request.command, Command::set);
  EXPECT_EQ(last().value.size(), 998U);
  h.reply(0, Status::ok);
  EXPECT_EQ(h.take_status(), status::kOk);
}

TEST_F(Storing, TheServersLimitCountsIfItIsSmaller) {
  h.server(0).set_item_size_max(200);
  // 59 bytes of overhead, 11 of key: "test.1.1:k0".
  h.send(support::set("k0", std::string(130, 'v')));
  EXPECT_EQ(last().request.command, Command::set);
  h.reply(0, Status::ok);
  h.send(support::set("k0", std::string(131, 'v')));
  EXPECT_EQ(last().request.command, Command::remove);
  h.reply(0, Status::ok);
  h.send(support::set("k0", std::string(127, 'v'), 1));  // flags take 4 bytes
  EXPECT_EQ(last().request.command, Command::remove);
  h.reply(0, Status::ok);
  h.send(support::set("k0", std::string(131, 'v')).with_opcode(op::kAdd));
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 4U);
  EXPECT_EQ(replies[1].status, status::kTooLarge);
  EXPECT_EQ(replies[3].status, status::kTooLarge);
}

TEST_F(Storing, AnAppendProbesAndThenAppendsOnThatCas) {
  for (const auto& [opcode, command] :
       {std::pair{op::kAppend, Command::append}, std::pair{op::kPrepend, Command::prepend}}) {
    const std::string key = "k" + std::to_string(opcode) + "0";
    h.send(support::append(key, "tail").with_opcode(opcode));
    EXPECT_EQ(last().request.command, Command::probe);
    h.reply(0, probed(10, 77));
    EXPECT_EQ(last().request.command, command);
    EXPECT_EQ(last().request.cas, 77U);
    EXPECT_EQ(last().value, "tail");
    EXPECT_EQ(last().key, "test.1.1:" + key);
    h.reply(0, Status::ok, "", 78);
    const auto replies = h.take_replies();
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies[0].status, status::kOk);
    EXPECT_EQ(replies[0].cas, 78U);
  }
}

TEST_F(Storing, AnAppendToNothingIsNotStored) {
  h.send(support::append("k0", "tail"));
  h.reply(0, Status::not_found);
  EXPECT_EQ(h.take_status(), status::kNotStored);
}

TEST_F(Storing, AnAppendMayGrowToTheLimitAndNotBeyond) {
  h.send(support::append("k0", "12345678"));
  h.reply(0, probed(990, 1));
  EXPECT_EQ(last().request.command, Command::append);
  h.reply(0, Status::ok);
  EXPECT_EQ(h.take_status(), status::kOk);
  h.send(support::append("l0", "12345678"));
  h.reply(0, probed(991, 1));
  EXPECT_EQ(h.take_status(), status::kTooLarge);
}

TEST_F(Storing, AnAppendCountsTheFlagsOfWhatIsThere) {
  h.server(0).set_item_size_max(200);
  h.send(support::append("k0", "1234567890"));
  h.reply(0, probed(120, 1, 0));
  EXPECT_EQ(last().request.command, Command::append);
  h.reply(0, Status::ok);
  EXPECT_EQ(h.take_status(), status::kOk);
  h.send(support::append("l0", "1234567890"));
  h.reply(0, probed(120, 1, 9));
  EXPECT_EQ(h.take_status(), status::kTooLarge);
}

TEST_F(Storing, AnAppendToWhatTheLedgerIsSureOfNeedsNoProbe) {
  h.send({support::set("k0", "12345", 3), support::append("m0", "x")});
  h.answer_all();
  (void)h.take_replies();
  h.send(support::append("k0", "67"));
  EXPECT_EQ(last().request.command, Command::append);
  EXPECT_EQ(last().request.cas, 1U);
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.server(0).items()["test.1.1:k0"].value, "1234567");
  EXPECT_EQ(h.ledger().usage().bytes, 48 + 8 + std::string("test.1.1:k0").size() + 1 + 4 + 7 + 2);
  EXPECT_EQ(h.tenant().totals().appends_by_ledger, 1U);
  // To the byte: 1000 with the key.
  h.send(support::append("k0", std::string(992, 'v')));
  EXPECT_EQ(last().request.command, Command::probe);
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kTooLarge);
  h.send(support::append("k0", std::string(991, 'v')));
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
}

// The ledger still has the large item: it hears of the small one, or of none, with the answer.
TEST_F(Storing, AnAppendBehindWhatMakesRoomForItIsNotRefusedForWhatWas) {
  h.send(support::set("k0", std::string(990, 'v')));
  h.answer_all();
  (void)h.take_replies();
  h.send({support::set("k0", "small"), support::append("k0", std::string(100, 'w')),
          support::keyed(op::kDelete, "k0"), support::append("k0", std::string(950, 'x'))});
  h.answer_all();
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 4U);
  EXPECT_EQ(replies[1].status, status::kOk);
  EXPECT_EQ(replies[3].status, status::kNotStored);
}

TEST_F(Storing, AnAppendProbesWhereTheLedgerWasWrong) {
  h.send(support::set("k0", "12345"));
  h.answer_all();
  (void)h.take_replies();
  h.server(0).items()["test.1.1:k0"] = {"changed by another", 0, 100};
  h.send(support::append("k0", "67"));
  EXPECT_EQ(last().request.cas, 1U);
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.server(0).items()["test.1.1:k0"].value, "changed by another67");
}

TEST_F(Storing, AnAppendIsTriedAgainIfAnotherWasFaster) {
  h.send(support::append("k0", "12345678"));
  h.reply(0, probed(980, 1));
  h.reply(0, Status::exists);
  EXPECT_EQ(last().request.command, Command::probe);
  h.reply(0, probed(990, 2));
  EXPECT_EQ(last().request.cas, 2U);
  h.reply(0, Status::exists);
  h.reply(0, probed(991, 3));  // the others have grown it too far
  EXPECT_EQ(h.take_status(), status::kTooLarge);
}

TEST_F(Storing, AnAppendIsNotTriedForEver) {
  h.send(support::append("k0", "tail"));
  size_t probes = 0;
  while (h.waiting() > 0) {
    ASSERT_LT(++probes, 1000U);
    h.reply(0, probed(1, probes));
    h.reply(0, Status::exists);
  }
  EXPECT_GT(probes, 8U);
  EXPECT_EQ(h.take_status(), status::kTemporary);
  // And the connection goes on.
  h.send(support::get("k0"));
  h.reply(0, Status::not_found);
  EXPECT_EQ(h.take_status(), status::kNotFound);
}

TEST_F(Storing, AnAppendThatLosesItsItemIsNotStored) {
  h.send(support::append("k0", "tail"));
  h.reply(0, probed(1, 1));
  h.reply(0, Status::not_stored);
  EXPECT_EQ(h.take_status(), status::kNotStored);
}

TEST_F(Storing, AnAppendWithACasOfTheClientsIsOnThatAlone) {
  h.send(support::append("k0", "tail").with_cas(5));
  h.reply(0, probed(1, 6));
  EXPECT_EQ(h.take_status(), status::kExists);
  EXPECT_EQ(h.waiting(), 0U);
  h.send(support::append("k0", "tail").with_cas(5));
  h.reply(0, probed(1, 5));
  h.reply(0, Status::exists);  // changed meanwhile: no second try
  EXPECT_EQ(h.take_status(), status::kExists);
  EXPECT_EQ(h.waiting(), 0U);
}

TEST_F(Storing, NothingOvertakesAnAppend) {
  h.send({support::append("k0", "tail").with_opaque(1), support::get("k0").with_opaque(2),
          support::get("k1").with_opaque(3), support::simple(op::kNoop).with_opaque(4)});
  EXPECT_EQ(h.waiting(), 1U);
  h.reply(0, probed(1, 1));
  EXPECT_EQ(h.waiting(), 1U);
  h.reply(0, Status::ok);
  EXPECT_EQ(h.waiting(), 2U);
  h.answer_all();
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 4U);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(replies[i].opaque, i + 1);
}

TEST_F(Storing, AnAppendOvertakesNothing) {
  h.send({support::set("k0", "first"), support::append("k0", "tail")});
  ASSERT_EQ(h.server(0).waiting().size(), 2U);
  EXPECT_EQ(h.server(0).waiting()[0].request.command, Command::set);
  EXPECT_EQ(h.server(0).waiting()[1].request.command, Command::probe);
  h.answer_all();
  EXPECT_EQ(h.server(0).items()["test.1.1:k0"].value, "firsttail");
}

TEST_F(Storing, AnEmptyAppendIsAnAppend) {
  h.send(support::append("k0", ""));
  h.reply(0, probed(1, 1));
  EXPECT_EQ(last().request.command, Command::append);
  h.reply(0, Status::ok);
  EXPECT_EQ(h.take_status(), status::kOk);
}

TEST_F(Storing, AServerThatIsDownIsToldAtOnceInOrder) {
  h.server(0).set_up(false);
  h.send({support::get("k1").with_opaque(1), support::get("k0").with_opaque(2),
          support::set("k0", "v").with_opaque(3)});
  EXPECT_EQ(h.server(0).requests(), 0U);
  h.reply(1, Status::not_found);
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[1].opaque, 2U);
  EXPECT_EQ(replies[1].status, status::kTemporary);
  EXPECT_EQ(replies[2].status, status::kTemporary);
  for (const Packet& packet : {support::append("k0", "t"), support::touch("k0", 1),
                               support::set("k0", std::string(2000, 'v')), support::increment("k0", 1)}) {
    h.send(packet);
    EXPECT_EQ(h.take_status(), status::kTemporary) << packet.describe();
  }
  // A quiet read takes it for a miss: its client goes on with the others.
  h.send(support::get("k0").with_opcode(op::kGetQ));
  EXPECT_TRUE(h.take_replies().empty());
  EXPECT_EQ(h.tenant().totals().temporary_failures, 7U);
}

TEST_F(Storing, AServerThatGoesDownFailsWhatWaitsForIt) {
  h.send({support::get("k0").with_opaque(1), support::get("k1").with_opaque(2),
          support::append("k0", "tail").with_opaque(3)});
  h.server(0).go_down();
  h.turn();
  h.reply(1, Status::not_found);
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[0].status, status::kTemporary);
  EXPECT_EQ(replies[1].status, status::kNotFound);
  EXPECT_EQ(replies[2].status, status::kTemporary);
  // Between the two steps of an append, too.
  h.server(0).set_up(true);
  h.send(support::append("k0", "tail"));
  h.server(0).set_up(false);
  h.reply(0, probed(1, 1));
  EXPECT_EQ(h.take_status(), status::kTemporary);
}

TEST_F(Storing, VersionIsToldWhileAServerIsUp) {
  h.server(0).set_up(false);
  h.send(support::simple(op::kVersion));
  EXPECT_EQ(h.take_status(), status::kOk);
  h.server(1).set_up(false);
  h.server(2).set_up(false);
  h.send(support::simple(op::kVersion));
  EXPECT_EQ(h.take_status(), status::kTemporary);
}

TEST(StoringLarge, AValueIsPassedOnWithoutACopyAndStaysWhole) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.server(0).keep_slices(true);
  std::string expected[3];
  for (int i = 0; i < 3; ++i) {
    expected[i] = std::string(200'000 + static_cast<size_t>(i), static_cast<char>('a' + i));
    h.send(support::set("k0", expected[i]));
  }
  h.send(support::get("k0"));
  ASSERT_EQ(h.server(0).slices().size(), 4U);
  for (size_t i = 0; i < 3; ++i) {
    const base::Slice& slice = h.server(0).slices()[i];
    EXPECT_TRUE(slice.owner);
    EXPECT_TRUE(std::string_view(slice.data, slice.size) == expected[i]);
  }
  h.answer_all();
  EXPECT_EQ(h.take_replies().back().value, expected[2]);
}

}  // namespace
}  // namespace mctenant::session
