#include <gtest/gtest.h>

#include "support/scram_client.h"
#include "support/session_harness.h"

namespace mctenant::session {
namespace {

using protocol::Status;
using support::HarnessUsers;
using support::Packet;
using support::SessionHarness;
namespace op = support::op;
namespace status = support::status;

Packet right_password(size_t user = 0) {
  const auto& who = HarnessUsers::instance().users[user];
  return support::plain(who.name, who.password);
}

TEST(SignIn, BeforeItOnlyWhatAnyoneMayDoIsServed) {
  SessionHarness h;
  h.send({support::get("k0"), support::set("k0", "v"), support::simple(op::kFlush),
          support::simple(op::kStat), support::simple(0x99)});
  auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 5U);
  for (const Packet& packet : replies) {
    EXPECT_EQ(packet.status, status::kAuth);
    EXPECT_EQ(packet.value, "Auth failure.");
  }
  h.send({support::simple(op::kNoop), support::simple(op::kVersion), support::simple(op::kSaslList)});
  replies = h.take_replies();
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[0].status, status::kOk);
  EXPECT_EQ(replies[1].value, kVersion);
  EXPECT_EQ(replies[2].value, "PLAIN SCRAM-SHA-256");
  EXPECT_EQ(h.waiting(), 0U);
  EXPECT_FALSE(h.finished());
}

TEST(SignIn, AHandfulOfRefusalsCloses) {
  SessionHarness h;
  for (uint32_t i = 1; i < h.context().limits.sign_in_refusals; ++i) {
    if (i % 2 == 0) {
      h.send(support::get("k0"));
      EXPECT_EQ(h.take_status(), status::kAuth);
    } else {
      h.send(support::plain("acme", "wrong"));
      for (auto replies = h.take_replies(); replies.empty(); replies = h.take_replies()) h.run_one();
    }
    ASSERT_FALSE(h.finished()) << i;
  }
  h.send({support::get("k0").with_opaque(1), support::get("k0").with_opaque(2)});
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].status, status::kAuth);
  EXPECT_EQ(h.finished(), CloseReason::refusals);
}

TEST(SignIn, ARightPasswordLetsIn) {
  SessionHarness h;
  EXPECT_TRUE(h.has_deadline());
  h.send(right_password().with_opaque(3));
  for (auto replies = h.take_replies();; replies = h.take_replies()) {
    if (replies.empty()) {
      h.run_one();
      continue;
    }
    EXPECT_EQ(replies[0].status, status::kOk);
    EXPECT_EQ(replies[0].opaque, 3U);
    EXPECT_NE(replies[0].value, "");  // some clients take an empty body for a broken reply
    break;
  }
  EXPECT_TRUE(h.session().signed_in());
  EXPECT_EQ(h.session().tenant_name(), "acme");
  EXPECT_FALSE(h.has_deadline());
  EXPECT_EQ(h.tenant().connections(), 1U);
  h.send(support::get("k0"));
  ASSERT_EQ(h.server(0).waiting().size(), 1U);
  EXPECT_EQ(h.server(0).waiting()[0].key, "test.1.1:k0");
  h.destroy_session();
  EXPECT_EQ(h.tenant().connections(), 0U);
}

TEST(SignIn, CommandsRightBehindAuthWaitForItsOutcome) {
  SessionHarness h({.forgetful = true});
  h.send({right_password().with_opaque(1), support::set("k0", "v").with_opaque(2),
          support::simple(op::kNoop).with_opaque(3)});
  EXPECT_TRUE(h.take_replies().empty());
  EXPECT_EQ(h.waiting(), 0U);
  EXPECT_FALSE(h.reading());
  h.run_one();
  h.answer_all();
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(replies[i].opaque, i + 1);
    EXPECT_EQ(replies[i].status, status::kOk);
  }
}

TEST(SignIn, CommandsBehindARefusedAuthAreRefused) {
  SessionHarness h({.forgetful = true});
  h.send({support::plain("acme", "wrong").with_opaque(1), support::set("k0", "v").with_opaque(2)});
  EXPECT_TRUE(h.take_replies().empty());
  h.run_one();
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].status, status::kAuth);
  EXPECT_EQ(replies[1].status, status::kAuth);
  EXPECT_EQ(h.waiting(), 0U);
}

TEST(SignIn, UnknownUserAndWrongPasswordGetTheSameBytes) {
  SessionHarness h({.forgetful = true});
  h.send(support::plain("acme", "wrong"));
  h.run_one();
  const std::string wrong = h.take_received();
  h.send(support::plain("nobody", "wrong"));
  h.run_one();
  EXPECT_EQ(h.take_received(), wrong);
  EXPECT_FALSE(wrong.empty());
}

TEST(SignIn, AWrongPasswordIsCountedByTheTenantThatItWasTriedOn) {
  SessionHarness h({.forgetful = true});
  const uint64_t before = h.tenant(0).totals().auth_errors;
  h.send(support::plain("acme", "wrong"));
  h.run_one();
  h.send(support::plain("nobody", "wrong"));
  h.run_one();
  EXPECT_EQ(h.tenant(0).totals().auth_errors, before + 1);
  EXPECT_EQ(h.tenant(1).totals().auth_errors, 0U);
}

Packet scram(uint8_t opcode, std::string message) {
  Packet packet = support::keyed(opcode, "SCRAM-SHA-256");
  packet.value = std::move(message);
  return packet;
}

TEST(SignIn, ByScramTakesNoTurnOfTheLoopAndItsStepsMayBePipelined) {
  SessionHarness h({.forgetful = true});
  const auto& who = HarnessUsers::instance().users[0];
  support::ScramClient client("SCRAM-SHA-256", who.name, who.password);
  h.send(scram(op::kSaslAuth, client.first()));
  auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 1U);
  ASSERT_EQ(replies[0].status, status::kContinue);
  const std::string proof = client.final(replies[0].value).value_or("");
  h.send({scram(op::kSaslStep, proof), scram(op::kSaslStep, ""), support::simple(op::kNoop)});
  EXPECT_TRUE(h.idle());
  replies = h.take_replies();
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[0].status, status::kContinue);
  EXPECT_TRUE(client.trusts(replies[0].value));
  EXPECT_EQ(replies[1].status, status::kOk);
  EXPECT_EQ(replies[1].value, "Authenticated");
  EXPECT_EQ(h.session().tenant_name(), "acme");
  EXPECT_EQ(h.context().figures.sign_ins_by[static_cast<size_t>(auth::Mechanism::scram_sha_256)].get(), 1U);
}

TEST(SignIn, AWrongProofIsCountedByTheTenantThatItWasTriedOn) {
  SessionHarness h({.forgetful = true});
  for (const char* name : {"acme", "nobody"}) {
    support::ScramClient client("SCRAM-SHA-256", name, "wrong");
    h.send(scram(op::kSaslAuth, client.first()));
    const auto replies = h.take_replies();
    ASSERT_EQ(replies.size(), 1U);
    h.send(scram(op::kSaslStep, client.final(replies[0].value).value_or("")));
    EXPECT_EQ(h.take_status(), status::kAuth);
  }
  EXPECT_EQ(h.tenant(0).totals().auth_errors, 1U);
  EXPECT_EQ(h.tenant(1).totals().auth_errors, 0U);
  EXPECT_EQ(h.context().figures.sign_ins_refused.get(), 2U);
}

TEST(SignIn, WhatTheConnectionIsNotOfferedIsRefused) {
  SessionHarness h({.offered = {auth::Mechanism::scram_sha_512}, .forgetful = true});
  h.send(support::simple(op::kSaslList));
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].value, "SCRAM-SHA-512");
  h.send(right_password());
  EXPECT_EQ(h.take_status(), status::kAuth);
  h.send(scram(op::kSaslAuth, "n,,n=acme,r=nonce"));
  EXPECT_EQ(h.take_status(), status::kAuth);
  EXPECT_FALSE(h.session().signed_in());
  SessionHarness text({.offered = {auth::Mechanism::scram_sha_256}});
  const auto& who = HarnessUsers::instance().users[0];
  text.send("set any 0 0 " + std::to_string(who.name.size() + 1 + who.password.size()) + "\r\n" + who.name +
            " " + who.password + "\r\n");
  EXPECT_EQ(text.take_received(), "CLIENT_ERROR authentication failure: passwords are not taken here\r\n")
      << "it is PLAIN in other words";
  EXPECT_EQ(text.context().figures.sign_ins_not_offered.get(), 1U);
  EXPECT_EQ(text.context().figures.sign_ins_refused.get(), 0U);
}

TEST(SignIn, UnlistedMechanismsAreRefused) {
  SessionHarness h;
  for (const char* mechanism : {"ANONYMOUS", "LOGIN", "plain", "PLAIN ", "", "EXTERNAL"}) {
    h.send(support::keyed(op::kSaslAuth, mechanism));
    EXPECT_EQ(h.take_status(), status::kAuth) << mechanism;
    EXPECT_FALSE(h.session().signed_in());
  }
}

TEST(SignIn, AStepWithoutABeginningIsRefused) {
  SessionHarness h;
  h.send(support::keyed(op::kSaslStep, "PLAIN"));
  EXPECT_EQ(h.take_status(), status::kAuth);
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send(support::keyed(op::kSaslStep, "PLAIN"));
  EXPECT_EQ(h.take_status(), status::kAuth);
}

TEST(SignIn, AuthAgainSignsOutFirst) {
  SessionHarness h({.forgetful = true});
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({right_password(1).with_opaque(1), support::get("k0").with_opaque(2)});
  EXPECT_FALSE(h.session().signed_in());
  EXPECT_EQ(h.tenant(0).connections(), 0U);
  EXPECT_TRUE(h.has_deadline());
  h.run_one();
  EXPECT_EQ(h.session().tenant_name(), "other");
  ASSERT_EQ(h.server(0).waiting().size(), 1U);
  EXPECT_EQ(h.server(0).waiting()[0].key, "test.2.1:k0");
}

TEST(SignIn, AFailedSecondAuthLeavesTheClientSignedOut) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send(support::keyed(op::kSaslAuth, "ANONYMOUS"));
  EXPECT_EQ(h.take_status(), status::kAuth);
  EXPECT_FALSE(h.session().signed_in());
  h.send(support::get("k0"));
  EXPECT_EQ(h.take_status(), status::kAuth);
  EXPECT_EQ(h.waiting(), 0U);
}

TEST(SignIn, AuthAgainWaitsForCommandsUnderWay) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("k0").with_opaque(1), right_password(1).with_opaque(2),
          support::get("k1").with_opaque(3)});
  EXPECT_EQ(h.session().tenant_name(), "acme");
  h.reply(0, Status::not_found);
  while (h.waiting() == 0) h.run_one();
  EXPECT_EQ(h.server(1).waiting()[0].key, "test.2.1:k1");
}

TEST(SignIn, TheLimitOfConnectionsIsTold) {
  SessionHarness h({.max_connections = 1});
  ASSERT_TRUE(h.tenant().take_connection(1));
  EXPECT_EQ(h.sign_in(), status::kTemporary);
  EXPECT_FALSE(h.session().signed_in());
  h.tenant().give_back_connection();
  EXPECT_EQ(h.sign_in(), status::kOk);
}

TEST(SignIn, TheTimeoutClosesAndNobodyHearsTheVerdict) {
  SessionHarness h({.forgetful = true});
  h.send(right_password());
  h.session().on_sign_in_timeout();
  EXPECT_EQ(h.finished(), CloseReason::sign_in_timeout);
  h.destroy_session();
  h.run_one();
  EXPECT_EQ(h.take_received(), "");
  EXPECT_EQ(h.tenant().connections(), 0U);
}

TEST(SignIn, ASessionMayEndWhileItsPasswordIsChecked) {
  SessionHarness h({.forgetful = true});
  h.send(right_password());
  h.destroy_session();
  h.run_one();
  EXPECT_EQ(h.tenant().connections(), 0U);
}

TEST(SignIn, AStrangerWhoDoesNotReadMakesUsHoldLittle) {
  for (const uint8_t opcode : {op::kNoop, op::kVersion, op::kSaslList, op::kGet, op::kSaslStep}) {
    SessionHarness h({.limits = {.sign_in_refusals = 1'000'000}});
    h.set_client_reads(false);
    Packet packet = support::simple(opcode);
    std::string flood;
    for (int i = 0; i < 20'000; ++i) flood += packet.bytes();
    h.send(flood);
    EXPECT_LE(h.unsent(), 12U * 1024) << static_cast<int>(opcode);
    EXPECT_FALSE(h.reading());
    h.set_client_reads(true);
    EXPECT_EQ(h.take_replies().size(), 20'000U);
  }
}

TEST(SignIn, AnotherProtocolIsNotAnswered) {
  SessionHarness h;
  h.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(h.take_received(), "");
  EXPECT_EQ(h.finished(), CloseReason::other_protocol);
}

TEST(SignIn, AMalformedFrameIsAnsweredAndCloses) {
  SessionHarness h;
  Packet packet = support::set("key", "value").with_opaque(4);
  packet.body_length = 3;
  h.send(packet.bytes() + support::simple(op::kNoop).bytes());
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].status, status::kInvalid);
  EXPECT_EQ(replies[0].opaque, 4U);
  EXPECT_EQ(h.finished(), CloseReason::malformed);
}

}  // namespace
}  // namespace mctenant::session
