// Back-pressure, flush, and the ends of a conversation.

#include <gtest/gtest.h>

#include "support/session_harness.h"

namespace mctenant::session {
namespace {

using protocol::Status;
using support::Packet;
using support::SessionHarness;
namespace op = support::op;
namespace status = support::status;

TEST(Flow, NoMoreThanThePipelineWaits) {
  for (const uint32_t pipeline : {1U, 2U, 3U, 10U, 256U}) {
    SessionHarness h({.limits = {.pipeline = pipeline}});
    ASSERT_EQ(h.sign_in(), status::kOk);
    std::string bytes;
    constexpr uint32_t kCount = 1000;
    for (uint32_t i = 0; i < kCount; ++i) bytes += support::get("k0").with_opaque(i).bytes();
    h.send(bytes);
    uint32_t answered = 0;
    while (h.waiting() > 0) {
      ASSERT_LE(h.waiting(), pipeline);
      h.reply(0, Status::not_found);
      ++answered;
    }
    EXPECT_EQ(answered, kCount);
    EXPECT_EQ(h.take_replies().size(), kCount);
    EXPECT_TRUE(h.reading());
  }
}

TEST(Flow, StoppingIsRareBesideReading) {
  SessionHarness h({.limits = {.pipeline = 100}});
  ASSERT_EQ(h.sign_in(), status::kOk);
  const size_t before = h.pauses();
  std::string bytes;
  for (uint32_t i = 0; i < 1000; ++i) bytes += support::get("k0").bytes();
  h.send(bytes);
  while (h.waiting() > 0) h.reply(0, Status::not_found);
  EXPECT_LE(h.pauses() - before, 25U);
}

TEST(Flow, RequestsLargerThanTheBufferPassOneByOne) {
  SessionHarness h({.limits = {.item_size = base::kMiB, .pipeline = 8, .connection_buffer = 10'000}});
  ASSERT_EQ(h.sign_in(), status::kOk);
  std::vector<Packet> packets;
  for (uint32_t i = 0; i < 20; ++i)
    packets.push_back(support::set("k0", std::string(300'000, 'v')).with_opaque(i));
  h.send(packets);
  for (uint32_t i = 0; i < 20; ++i) {
    ASSERT_LE(h.waiting(), 2U);
    h.reply(0, Status::ok);
  }
  EXPECT_EQ(h.take_replies().size(), 20U);
}

TEST(Flow, TheSmallestBufferStillPassesEverything) {
  for (const uint64_t buffer : {uint64_t{1}, uint64_t{2}, uint64_t{3}}) {
    SessionHarness h({.limits = {.pipeline = 1, .connection_buffer = buffer}});
    ASSERT_EQ(h.sign_in(), status::kOk);
    h.set_client_reads(false);
    std::vector<Packet> packets;
    for (uint32_t i = 0; i < 30; ++i) {
      packets.push_back(support::set("k0", "value").with_opaque(i));
      packets.push_back(support::simple(op::kVersion).with_opaque(i));
      packets.push_back(support::append("k1", "tail").with_opaque(i));
    }
    h.send(packets);
    h.answer_all();
    h.set_client_reads(true);
    for (int i = 0; i < 100; ++i) h.answer_all();
    EXPECT_EQ(h.take_replies().size(), 90U) << buffer;
  }
}

TEST(Flow, AClientThatDoesNotReadIsNotReadFrom) {
  SessionHarness h({.limits = {.pipeline = 4, .connection_buffer = 100'000}});
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.set_client_reads(false);
  const std::string value(10'000, 'v');
  std::vector<Packet> packets(100, support::get("k0"));
  h.send(packets);
  while (h.waiting() > 0) h.reply(0, Status::ok, value);
  EXPECT_FALSE(h.reading());
  EXPECT_GE(h.unsent(), 60'000U);
  EXPECT_LE(h.unsent(), 160'000U);
  h.set_client_reads(true);
  while (h.waiting() > 0) h.reply(0, Status::ok, value);
  EXPECT_EQ(h.take_replies().size(), 100U);
  EXPECT_TRUE(h.reading());
}

TEST(Flow, ValuesUnderWayCountUntilTheyAreAnswered) {
  SessionHarness h({.limits = {.pipeline = 100, .connection_buffer = 500'000}});
  ASSERT_EQ(h.sign_in(), status::kOk);
  std::vector<Packet> packets(50, support::set("k0", std::string(100'000, 'v')));
  h.send(packets);
  while (h.waiting() > 0) {
    EXPECT_LE(h.waiting(), 6U);
    h.reply(0, Status::ok);
  }
  EXPECT_EQ(h.take_replies().size(), 50U);
}

TEST(Flush, IsAnsweredOnceItIsDurableAndCommandsBehindItUseTheNewPrefix) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("k0").with_opaque(1), support::simple(op::kFlush).with_opaque(2),
          support::get("k0").with_opaque(3), support::simple(op::kNoop).with_opaque(4)});
  EXPECT_EQ(h.generations().waiting(), 0U);  // first what was before it
  h.reply(0, Status::not_found);
  ASSERT_EQ(h.generations().waiting(), 1U);
  EXPECT_EQ(h.take_replies().size(), 1U);
  EXPECT_EQ(h.waiting(), 0U);
  h.generations().finish(true);
  EXPECT_TRUE(h.take_replies().empty());
  h.run_one();
  ASSERT_EQ(h.server(0).waiting().size(), 1U);
  EXPECT_EQ(h.server(0).waiting()[0].key, "test.1.2:k0");
  h.reply(0, Status::not_found);
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[0].opaque, 2U);
  EXPECT_EQ(replies[0].status, status::kOk);
}

TEST(Flush, ThatCantBeWrittenIsATemporaryFailure) {
  for (const uint8_t opcode : {op::kFlush, op::kFlushQ}) {
    SessionHarness h;
    ASSERT_EQ(h.sign_in(), status::kOk);
    h.send({support::simple(opcode), support::get("k0")});
    h.generations().finish(false);
    h.run_one();
    EXPECT_EQ(h.take_status(), status::kTemporary);
    EXPECT_EQ(h.server(0).waiting()[0].key, "test.1.1:k0");
  }
}

TEST(Flush, QuietIsNotAnswered) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::simple(op::kFlushQ), support::simple(op::kNoop).with_opaque(2)});
  h.generations().finish(true);
  h.run_one();
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].opaque, 2U);
}

TEST(Flush, DelayIsTakenAsMemcachedTakesIt) {
  constexpr uint32_t kDays30 = 60 * 60 * 24 * 30;
  constexpr uint32_t kNow = 1'700'000'000;  // ManualClock's
  const struct {
    uint32_t delay;
    int64_t at;                                                                               // 0: at once
  } cases[] = {{0, 0},    {1, kNow + 1},        {kDays30, kNow + kDays30}, {kDays30 + 1, 0},  // 1970
               {kNow, 0}, {kNow + 1, kNow + 1}, {0xffffffff, 0xffffffff}};
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  for (const auto& one : cases) {
    Packet packet = support::simple(op::kFlush);
    packet.extras = support::big_endian(one.delay, 4);
    h.send(packet);
    ASSERT_EQ(h.generations().waiting(), 1U);
    EXPECT_EQ(h.generations().at(), one.at) << one.delay;
    EXPECT_EQ(h.take_received(), "") << "nothing is answered before it is on disk";
    const tenant::Generation before = h.tenant().generation();
    h.generations().finish(true);
    h.run_one();
    EXPECT_EQ(h.take_status(), status::kOk);
    EXPECT_EQ(h.tenant().generation(), one.at == 0 ? before + 1 : before);
  }
}

TEST(Flush, MovesOneTenantOnly) {
  SessionHarness one;
  ASSERT_EQ(one.sign_in(0), status::kOk);
  one.send(support::simple(op::kFlush));
  one.generations().finish(true);
  one.run_one();
  EXPECT_EQ(one.tenant(0).generation(), 2U);
  EXPECT_EQ(one.tenant(1).generation(), 1U);
}

TEST(Flush, MayOutliveItsClient) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send(support::simple(op::kFlush));
  h.destroy_session();
  h.generations().finish(true);
  h.run_one();
  EXPECT_EQ(h.tenant().generation(), 2U);
  EXPECT_EQ(h.take_received(), "");
}

TEST(Closing, QuitIsAnsweredBehindAllBeforeIt) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("k0").with_opaque(1), support::simple(op::kQuit).with_opaque(2),
          support::get("k1").with_opaque(3)});
  EXPECT_FALSE(h.finished());
  h.reply(0, Status::not_found);
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[1].opaque, 2U);
  EXPECT_EQ(h.finished(), CloseReason::client_quit);
  EXPECT_EQ(h.waiting(), 0U);
}

TEST(Closing, QuietQuitIsNotAnswered) {
  SessionHarness h;
  h.send(support::simple(op::kQuitQ));
  EXPECT_EQ(h.take_received(), "");
  EXPECT_EQ(h.finished(), CloseReason::client_quit);
}

TEST(Closing, AtTheEndOfInputWhatWasAskedIsAnswered) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("k0"), support::get("k1")});
  h.end_input();
  h.reply(1, Status::not_found);
  EXPECT_FALSE(h.finished());
  h.reply(0, Status::not_found);
  EXPECT_EQ(h.take_replies().size(), 2U);
  EXPECT_EQ(h.finished(), CloseReason::client_closed);
}

TEST(Closing, ADrainAnswersWhatWasTakenAndTakesNoMore) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("k0"), support::append("k0", "tail")});
  h.session().drain();
  h.send(support::get("k1"));
  EXPECT_FALSE(h.finished());
  h.answer_all();
  EXPECT_EQ(h.take_replies().size(), 2U);
  EXPECT_EQ(h.finished(), CloseReason::drained);
  EXPECT_EQ(h.server(1).requests(), 0U);
}

TEST(Closing, ADrainOfAnIdleClientEndsAtOnce) {
  SessionHarness idle;
  idle.session().drain();
  EXPECT_EQ(idle.finished(), CloseReason::drained);
}

TEST(Closing, ADrainWaitsForAFlush) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send(support::simple(op::kFlush));
  h.session().drain();
  EXPECT_FALSE(h.finished());
  h.generations().finish(true);
  h.run_one();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.finished(), CloseReason::drained);
}

TEST(Closing, RepliesThatComeAfterTheClientHasGoneAreNobodys) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("k0"), support::get("k1"), support::get("k2"),
          support::set("k0", std::string(100'000, 'v')),
          support::get(std::string(1000, 'k')).with_opcode(op::kGetK),
          support::append("k1", std::string(500, 't'))});
  h.reply(1, Status::ok, std::string(50'000, 'v'));  // answered, but not yet its turn
  h.destroy_session();
  EXPECT_GE(h.waiting(), 4U);
  h.answer_all();
  EXPECT_EQ(h.take_received(), "");
  EXPECT_EQ(h.tenant().totals().curr_connections, 0U);
}

TEST(Closing, FiguresOfClientsAreBackAtZero) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  EXPECT_EQ(h.context().figures.signed_in.get(), 1U);
  h.send(support::get("k0"));
  h.destroy_session();
  EXPECT_EQ(h.context().figures.signed_in.get(), 0U);
  EXPECT_EQ(h.tenant().connections(), 0U);
  EXPECT_EQ(h.context().figures.sign_ins_accepted.get(), 1U);
}

}  // namespace
}  // namespace mctenant::session
