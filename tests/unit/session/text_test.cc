// A session with a client of the text and meta protocols.

#include <gtest/gtest.h>

#include <string>

#include "support/session_harness.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using protocol::Status;
using support::HarnessUsers;
using support::SessionHarness;

class Text : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(h_.sign_in_text()); }

  // What the client gets, once the servers have answered.
  std::string talk(std::string_view bytes) { return talk(h_, bytes); }
  static std::string talk(SessionHarness& h, std::string_view bytes) {
    h.send(bytes);
    h.answer_all();
    return h.take_received();
  }
  [[nodiscard]] quota::Ledger::Usage usage() { return h_.ledger().usage(); }

  SessionHarness h_;
};

// ---- sign-in

std::string offer(std::string_view key, std::string_view proof) {
  return "set " + std::string(key) + " 0 0 " + std::to_string(proof.size()) + "\r\n" + std::string(proof) +
         "\r\n";
}
std::string sign_in(std::string_view key, std::string_view proof) {
  SessionHarness h;
  h.send(offer(key, proof));
  std::string received = h.take_received();
  while (received.empty() && !h.finished()) {
    h.run_one();
    received = h.take_received();
  }
  EXPECT_EQ(h.session().signed_in(), received == "STORED\r\n");
  return received;
}

TEST(TextSignIn, BothFormsAreTaken) {
  const auto& user = HarnessUsers::instance().users[0];
  EXPECT_EQ(sign_in("anything", user.name + " " + user.password), "STORED\r\n");
  // The password has spaces, and its first word is no name.
  EXPECT_EQ(sign_in(user.name, user.password), "STORED\r\n");
}

TEST(TextSignIn, WhatIsWrongIsRefusedInOneWay) {
  const auto& user = HarnessUsers::instance().users[0];
  const std::string refused = "CLIENT_ERROR authentication failure\r\n";
  EXPECT_EQ(sign_in("any", user.name + " wrong"), refused);
  EXPECT_EQ(sign_in("any", "nobody " + user.password), refused);
  EXPECT_EQ(sign_in(user.name, "wrong"), refused);
  EXPECT_EQ(sign_in("any", user.name), refused);
  EXPECT_EQ(sign_in("any", user.name + " "), refused);
  EXPECT_EQ(sign_in("any", user.name + "  " + user.password), refused);
  EXPECT_EQ(sign_in("any", std::string(1920, 'x')), refused);
  EXPECT_EQ(sign_in("any", std::string(1921, 'x')), refused);
  const std::string nul = user.name + " " + user.password + std::string(1, '\0');
  EXPECT_EQ(sign_in("any", nul), refused);
}

TEST(TextSignIn, BeforeItNothingElseIsServedAndAHandfulCloses) {
  SessionHarness h;
  for (const char* line : {"get a\r\n", "mg a\r\n", "version\r\n", "mn\r\n", "quit\r\n", "bogus\r\n"}) {
    h.send(line);
    EXPECT_EQ(h.take_received(), "CLIENT_ERROR unauthenticated\r\n") << line;
  }
  EXPECT_EQ(h.context().figures.commands_refused.get(), 6U);
  h.send("stats\r\nstats\r\nstats\r\n");
  EXPECT_EQ(h.take_received(), "CLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\n");
  EXPECT_EQ(h.finished(), CloseReason::refusals);
  EXPECT_EQ(h.waiting(), 0U);
}

TEST(TextSignIn, RefusedOnesAreCountedAndClose) {
  SessionHarness h;
  const std::string wrong = offer("any", HarnessUsers::instance().users[1].name + " wrong");
  for (int i = 0; i < 8; ++i) {
    ASSERT_FALSE(h.finished()) << i;
    h.send(wrong);
    while (h.take_received().empty()) h.run_one();
  }
  EXPECT_EQ(h.finished(), CloseReason::refusals);
  EXPECT_EQ(h.context().figures.sign_ins_refused.get(), 8U);
  EXPECT_EQ(h.tenant(1).totals().auth_errors, 8U);
  EXPECT_EQ(h.tenant(0).totals().auth_errors, 0U);
}

TEST(TextSignIn, WhatIsBehindItWaitsForIt) {
  const auto& user = HarnessUsers::instance().users[0];
  SessionHarness h({.forgetful = true});
  h.send(offer("any", user.name + " " + user.password) + "set a 0 0 1\r\nx\r\nget a\r\n");
  EXPECT_EQ(h.take_received(), "");
  EXPECT_EQ(h.waiting(), 0U);
  h.run_one();
  h.answer_all();
  EXPECT_EQ(h.take_received(), "STORED\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
  EXPECT_FALSE(h.has_deadline());
  EXPECT_EQ(h.context().figures.sign_ins_accepted.get(), 1U);
}

TEST(TextSignIn, AConnectionMoreThanThePlanHasIsRefused) {
  SessionHarness h({.max_connections = 1});
  ASSERT_TRUE(h.tenant(0).take_connection(1));
  const auto& user = HarnessUsers::instance().users[0];
  h.send(offer("any", user.name + " " + user.password));
  std::string received = h.take_received();
  while (received.empty()) {
    h.run_one();
    received = h.take_received();
  }
  EXPECT_EQ(received, "SERVER_ERROR too many connections of this tenant\r\n");
  EXPECT_FALSE(h.session().signed_in());
  h.tenant(0).give_back_connection();
}

TEST(TextSignIn, ASessionMayBeginSignedIn) {
  for (const bool binary : {false, true}) {
    SessionHarness h;
    EXPECT_FALSE(h.session().begin_signed_in("nobody"));
    ASSERT_TRUE(h.session().begin_signed_in(HarnessUsers::instance().users[1].name));
    EXPECT_EQ(h.session().tenant_name(), "other");
    EXPECT_FALSE(h.has_deadline());
    h.send(binary ? support::get("a").bytes() : "get a\r\n");
    h.answer_all();
    if (binary) {
      EXPECT_EQ(h.take_status(), support::status::kNotFound);
    } else {
      EXPECT_EQ(h.take_received(), "END\r\n");
    }
  }
}

// ---- text

TEST_F(Text, StoresAndReads) {
  EXPECT_EQ(talk("set a 5 0 3\r\nabc\r\n"), "STORED\r\n");
  EXPECT_EQ(talk("get a\r\n"), "VALUE a 5 3\r\nabc\r\nEND\r\n");
  EXPECT_EQ(talk("gets a\r\n"), "VALUE a 5 3 1\r\nabc\r\nEND\r\n");
  EXPECT_EQ(talk("get none\r\n"), "END\r\n");
  EXPECT_EQ(talk("add a 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(talk("replace none 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(talk("append none 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(talk("append a 0 0 1\r\nd\r\n"), "STORED\r\n");
  EXPECT_EQ(talk("prepend a 0 0 1\r\n0\r\n"), "STORED\r\n");
  EXPECT_EQ(talk("get a\r\n"), "VALUE a 5 5\r\n0abcd\r\nEND\r\n");
  EXPECT_EQ(talk("touch a 9\r\n"), "TOUCHED\r\n");
  EXPECT_EQ(talk("delete a\r\n"), "DELETED\r\n");
  EXPECT_EQ(talk("delete a\r\n"), "NOT_FOUND\r\n");
}

TEST_F(Text, ACasOfNothingNeverHolds) {
  EXPECT_EQ(talk("cas a 0 0 1 1\r\nx\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(talk("set a 0 0 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(talk("cas a 0 0 1 0\r\ny\r\n"), "EXISTS\r\n");
  EXPECT_EQ(talk("cas a 0 0 1 1\r\ny\r\n"), "STORED\r\n");
  EXPECT_EQ(talk("cas a 0 0 1 1\r\nz\r\n"), "EXISTS\r\n");
  EXPECT_EQ(talk("get a\r\n"), "VALUE a 0 1\r\ny\r\nEND\r\n");
}

TEST_F(Text, ManyKeysOfSeveralServersComeInTheirOrder) {
  (void)talk("set a0 0 0 1\r\n0\r\nset b1 0 0 1\r\n1\r\nset c2 0 0 1\r\n2\r\n");
  h_.send("get c2 none0 b1 a0 c2\r\n");
  for (size_t server = 0; server < 3; ++server) EXPECT_GE(h_.server(server).waiting().size(), 1U);
  h_.server(0).answer();
  h_.server(0).answer();
  h_.server(1).answer();
  h_.turn();
  EXPECT_EQ(h_.take_received(), "");
  h_.answer_all();
  EXPECT_EQ(h_.take_received(),
            "VALUE c2 0 1\r\n2\r\nVALUE b1 0 1\r\n1\r\nVALUE a0 0 1\r\n0\r\nVALUE c2 0 1\r\n2\r\nEND\r\n");
}

TEST_F(Text, TheLimitOfThePipelineHoldsWithinALine) {
  SessionHarness h({.limits = {.pipeline = 4}});
  ASSERT_TRUE(h.sign_in_text());
  std::string line = "get";
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string key = "key" + std::to_string(i);
    line += " " + key;
    (void)talk(h, "set " + key + " 0 0 1\r\nv\r\n");
    expected += "VALUE " + key + " 0 1\r\nv\r\n";
  }
  h.send(line + "\r\nmn\r\n");
  EXPECT_EQ(h.waiting(), 4U);
  EXPECT_FALSE(h.reading());
  h.answer_all();
  EXPECT_EQ(h.take_received(), expected + "END\r\nMN\r\n");
}

TEST_F(Text, AServerThatIsGoneCostsItsOwnKeysOnly) {
  (void)talk("set a0 0 0 1\r\n0\r\nset b1 0 0 1\r\n1\r\n");
  h_.server(0).go_down();
  EXPECT_EQ(talk("get a0\r\n"), "SERVER_ERROR temporary failure\r\n");
  EXPECT_EQ(talk("get a0 b1\r\n"), "VALUE b1 0 1\r\n1\r\nEND\r\n");
  EXPECT_EQ(talk("get b1 a0\r\n"), "VALUE b1 0 1\r\n1\r\nEND\r\n");
  EXPECT_EQ(talk("set a0 0 0 1\r\nx\r\n"), "SERVER_ERROR temporary failure\r\n");
  EXPECT_EQ(talk("mg a0 v q\r\n"), "SERVER_ERROR temporary failure\r\n");
  EXPECT_EQ(talk("set a0 0 0 1 noreply\r\nx\r\nget b1\r\n"), "VALUE b1 0 1\r\n1\r\nEND\r\n");
}

TEST_F(Text, NoreplyIsSilentAndStillDone) {
  EXPECT_EQ(
      talk("set a 0 0 1 noreply\r\n5\r\nincr a 4 noreply\r\nincr none 1 noreply\r\ntouch a 9 noreply\r\n"
           "append a 0 0 1 noreply\r\n0\r\nverbosity 1 noreply\r\nset a 0 0 x noreply\r\n"
           "delete none noreply\r\nget a\r\n"),
      "VALUE a 0 2\r\n90\r\nEND\r\n");
}

TEST_F(Text, ItemsAboveTheLimitAreRefused) {
  SessionHarness h({.limits = {.item_size = 100}});
  ASSERT_TRUE(h.sign_in_text());
  const std::string too_large = "SERVER_ERROR object too large for cache\r\n";
  const std::string large = " 0 0 200\r\n" + std::string(200, 'x') + "\r\n";
  EXPECT_EQ(talk(h, "set a 0 0 5\r\nhello\r\nadd a" + large), "STORED\r\n" + too_large);
  EXPECT_EQ(talk(h, "append a 0 0 95\r\n" + std::string(95, 'x') + "\r\n"), too_large);
  EXPECT_EQ(talk(h, "cas a 0 0 200 1\r\n" + std::string(200, 'x') + "\r\nget a\r\n"),
            too_large + "VALUE a 0 5\r\nhello\r\nEND\r\n");
  EXPECT_EQ(talk(h, "set a" + large + "get a\r\n"), too_large + "END\r\n");
  // ms drops what was there in every mode, as memcached's does.
  EXPECT_EQ(talk(h, "set a 0 0 5\r\nhello\r\nms a 200 ME q\r\n" + std::string(200, 'x') + "\r\nget a\r\n"),
            "STORED\r\n" + too_large + "END\r\n");
  EXPECT_EQ(h.ledger().usage().items, 0U);
  EXPECT_EQ(h.tenant().totals().too_large, 5U);
}

TEST_F(Text, StatisticsAndTheRest) {
  const std::string stats = talk("stats\r\n");
  EXPECT_NE(stats.find("STAT pid "), std::string::npos);
  EXPECT_NE(stats.find("\r\nSTAT curr_items 0\r\n"), std::string::npos);
  EXPECT_TRUE(stats.ends_with("\r\nEND\r\n"));
  EXPECT_EQ(talk("stats reset\r\n"), "RESET\r\n");
  EXPECT_EQ(talk("stats nonsense\r\n"), "ERROR\r\n");
  EXPECT_TRUE(talk("stats settings\r\n").starts_with("STAT maxbytes "));
  EXPECT_EQ(talk("verbosity 1\r\n"), "OK\r\n");
  EXPECT_EQ(talk("version\r\n"), "VERSION " + std::string(kVersion) + "\r\n");
  EXPECT_EQ(talk("shutdown\r\n"), "CLIENT_ERROR command not allowed\r\n");
  EXPECT_EQ(talk("nonsense\r\n"), "ERROR\r\n");
  for (size_t server = 0; server < 3; ++server) h_.server(server).go_down();
  EXPECT_EQ(talk("version\r\n"), "SERVER_ERROR temporary failure\r\n");
  EXPECT_EQ(talk("quit\r\nversion\r\n"), "");
  EXPECT_EQ(h_.finished(), CloseReason::client_quit);
}

TEST_F(Text, AFlushIsAnsweredOnceItIsDurable) {
  (void)talk("set a 0 0 1\r\nx\r\n");
  h_.send("flush_all\r\nget a\r\n");
  EXPECT_EQ(h_.take_received(), "");
  h_.generations().finish(true);
  h_.run_one();
  h_.answer_all();
  EXPECT_EQ(h_.take_received(), "OK\r\nEND\r\n");
  h_.send("flush_all 100 noreply\r\nmn\r\n");
  EXPECT_GT(h_.generations().at(), 0);
  h_.generations().finish(true);
  h_.run_one();
  EXPECT_EQ(h_.take_received(), "MN\r\n");
  h_.send("flush_all\r\n");
  h_.generations().finish(false);
  h_.run_one();
  EXPECT_EQ(h_.take_received(), "SERVER_ERROR temporary failure\r\n");
}

TEST_F(Text, ALineThatIsTooLongCloses) {
  h_.send("incr a " + std::string(3000, '1'));
  EXPECT_EQ(h_.take_received(), "CLIENT_ERROR line too long\r\n");
  EXPECT_EQ(h_.finished(), CloseReason::malformed);
}

// ---- meta

TEST_F(Text, MetaCommandsGiveBackTheClientsOwnKey) {
  EXPECT_EQ(talk("ms a 3 F5 c k O1\r\nabc\r\n"), "HD c1 ka O1\r\n");
  EXPECT_EQ(talk("mg a v k f s c O22\r\n"), "VA 3 ka f5 s3 c1 O22\r\nabc\r\n");
  EXPECT_EQ(talk("mg none k O3\r\n"), "EN knone O3\r\n");
  EXPECT_EQ(talk("md a k O4\r\n"), "HD ka O4\r\n");
  EXPECT_EQ(talk("ms AAH/ 1 b k\r\nx\r\n"), "HD kAAH/ b\r\n");
  EXPECT_EQ(talk("mg AAH/ b k v\r\n"), "VA 1 kAAH/ b\r\nx\r\n");
  // The same key as binary and text clients write it.
  EXPECT_EQ(talk("ms a2V5 1 b\r\ny\r\nget key\r\n"), "HD\r\nVALUE key 0 1\r\ny\r\nEND\r\n");
  EXPECT_EQ(talk("me key\r\n"), "ME key exp=-1 la=0 size=63\r\n");
}

TEST_F(Text, TheFlagsGoToTheServer) {
  h_.send("mg a0 q O1 k R30 v h l\r\n");
  EXPECT_EQ(h_.server(0).waiting().front().meta_flags, "q O1 k R30 v h l");
  EXPECT_EQ(h_.server(0).waiting().front().request.command, Command::meta_get);
  protocol::Reply reply;
  reply.status = Status::ok;
  reply.won = reply.stale = true;
  reply.fetched = true;
  reply.idle = 7;
  reply.value = {{}, "v", 1};
  h_.reply(0, reply);
  EXPECT_EQ(h_.take_received(), "VA 1 O1 ka0 h1 l7 X W\r\nv\r\n");
}

TEST_F(Text, QAndMnFrameAPipeline) {
  EXPECT_EQ(
      talk("ms a 1 q\r\nx\r\nms b 1 q\r\ny\r\nmg none q v\r\nmg b q v\r\nmd none q\r\nmd a q\r\nmn\r\n"),
      "VA 1\r\ny\r\nNF\r\nMN\r\n");
}

TEST_F(Text, RepliesOfAllDialectsWaitForTheirTurn) {
  h_.send("get a0\r\nmg b1 v k\r\nincr c2 1\r\nms d1 1 c\r\nx\r\nmn\r\n");
  h_.reply(2, Status::not_found);
  h_.reply(1, Status::ok, "bee");
  h_.reply(1, Status::ok, "", 9);
  EXPECT_EQ(h_.take_received(), "");
  h_.reply(0, Status::not_found);
  EXPECT_EQ(h_.take_received(), "END\r\nVA 3 kb1\r\nbee\r\nNOT_FOUND\r\nHD c9\r\nMN\r\n");
}

// ---- the ledger

TEST_F(Text, AnItemThatAGetMakesIsAccountedFor) {
  EXPECT_EQ(talk("mg a N30 v\r\n"), "VA 0 W\r\n\r\n");
  EXPECT_EQ(usage().items, 1U);
  const std::string prefix(h_.tenant().prefix(h_.tenant().shard(0)));
  EXPECT_EQ(usage().bytes, quota::item_bytes(prefix.size() + 1, 0, 0));
  EXPECT_EQ(talk("md a\r\n"), "HD\r\n");
  EXPECT_EQ(usage().items, 0U);
  EXPECT_EQ(talk("ma n N0 J10\r\n"), "HD\r\n");
  EXPECT_EQ(usage().items, 1U);
}

TEST_F(Text, WhatAReplyDoesNotTellIsAskedFor) {
  (void)talk("set a0 0 0 1\r\n5\r\n");
  const auto probes = [&] { return h_.context().accounting->figures().probes.get(); };
  const uint64_t before = probes();
  h_.send("md a0 I T30\r\n");
  EXPECT_TRUE(h_.server(0).waiting().front().request.invalidate);
  EXPECT_TRUE(h_.server(0).waiting().front().request.sets_expiry);
  h_.answer_all();
  EXPECT_EQ(h_.take_received(), "HD\r\n");
  EXPECT_EQ(probes(), before + 1);
  EXPECT_EQ(usage().items, 1U);  // it is still there, only stale
  quota::KnownItem item{};
  const auto hash = h_.ledger().hash("a0");
  ASSERT_TRUE(h_.ledger().look_up(hash, "a0", 1, item));
  EXPECT_EQ(item.cas, 2U);  // the new one
  EXPECT_EQ(talk("ma a0 T30\r\n"), "HD\r\n");
  EXPECT_EQ(probes(), before + 2);
  EXPECT_EQ(talk("mg a0 t N30\r\n"), "HD t-1\r\n");
  EXPECT_EQ(probes(), before + 3);
  EXPECT_EQ(talk("mg a0 v\r\nmg a0 T30\r\nmg a0 N30\r\nmg a0 u\r\nmd none I\r\n"),
            "VA 1\r\n6\r\nHD\r\nHD\r\nHD\r\nNF\r\n");
  EXPECT_EQ(probes(), before + 3);
}

// What reads in memcached's classic text wins nothing there, and so gives back what `mg` has won for it.
TEST_F(Text, AClassicReadGivesBackWhatItWins) {
  (void)talk("set a0 0 0 1\r\n5\r\n");
  const auto win = [this](const std::string& line, const std::string& answer) {
    h_.send(line);
    protocol::Reply won;
    won.status = Status::ok;
    won.cas = 7;
    won.stale = won.won = true;
    won.value = {{}, "5", 1};
    h_.reply(0, won);
    EXPECT_EQ(h_.take_received(), answer);
    // Behind a question, where the ledger had another CAS.
    const bool given_back =
        !h_.server(0).waiting().empty() && h_.server(0).waiting().back().request.invalidate;
    EXPECT_TRUE(!given_back || h_.server(0).waiting().back().request.cas == 7);
    h_.answer_all();
    return given_back;
  };
  EXPECT_TRUE(win("get a0\r\n", "VALUE a0 0 1\r\n5\r\nEND\r\n"));
  EXPECT_TRUE(win("gat 30 a0\r\n", "VALUE a0 0 1\r\n5\r\nEND\r\n"));
  EXPECT_TRUE(win("touch a0 30\r\n", "TOUCHED\r\n"));
  EXPECT_FALSE(win("gets a0\r\n", "VALUE a0 0 1 7\r\n5\r\nEND\r\n")) << "its CAS is to stay the item's";
  EXPECT_FALSE(win("mg a0 v\r\n", "VA 1 X W\r\n5\r\n"));
}

// Whoever reads a stale item first wins the right to make it anew: that is a client's.
TEST_F(Text, AQuestionAboutAStaleItemWinsNothing) {
  (void)talk("set a0 0 0 1\r\n5\r\n");
  // Of one that was marked before this process began the win is given back, and its new CAS is learned.
  TrackedKey key;
  Account account{&h_.tenant(), &h_.tenant().shard(0), &h_.ledger(), &h_.pool()};
  const std::string server_key = std::string(h_.tenant().prefix(h_.tenant().shard(0))) + "a0";
  h_.context().accounting->track(account, 1, server_key, server_key.size() - 2, key);
  h_.context().accounting->probe(key);
  protocol::Reply won;
  won.status = Status::ok;
  won.cas = 7;
  won.number = 1;
  won.stale = won.won = true;
  h_.reply(0, won);
  ASSERT_EQ(h_.server(0).waiting().size(), 1U);
  const auto& given_back = h_.server(0).waiting().front().request;
  EXPECT_EQ(given_back.command, Command::remove);
  EXPECT_TRUE(given_back.invalidate);
  EXPECT_EQ(given_back.cas, 7U);
  h_.reply(0, Status::ok);
  ASSERT_EQ(h_.server(0).waiting().size(), 1U);
  EXPECT_EQ(h_.server(0).waiting().front().request.command, Command::describe);
  protocol::Reply described;
  described.status = Status::ok;
  described.cas = 8;
  described.number = quota::item_bytes(server_key.size(), 1, 0);
  h_.reply(0, described);
  quota::KnownItem item{};
  ASSERT_TRUE(h_.ledger().look_up(h_.ledger().hash("a0"), "a0", 1, item));
  EXPECT_EQ(item.cas, 8U);
  EXPECT_TRUE(item.certain);
  // From the first that a client marks on, the question is one that wins nothing, whatever it is asked for.
  h_.send("md a0 I\r\n");
  h_.reply(0, Status::ok);
  for (int question = 0; question < 2; ++question) {
    ASSERT_EQ(h_.server(0).waiting().size(), 1U);
    EXPECT_EQ(h_.server(0).waiting().front().request.command, Command::describe);
    h_.answer_all();
    if (question == 0) h_.context().accounting->probe(key);
  }
}

TEST_F(Text, AnAppendThatItsCasForbidsWinsNothing) {
  (void)talk("set a0 0 0 1\r\n5\r\nmd a0 I\r\n");
  const std::string server_key = std::string(h_.tenant().prefix(h_.tenant().shard(0))) + "a0";
  h_.send("ms a0 1 MA C77\r\nx\r\n");
  ASSERT_EQ(h_.server(0).waiting().size(), 1U);
  EXPECT_EQ(h_.server(0).waiting().front().request.command, Command::describe);
  protocol::Reply described;
  described.status = Status::ok;
  described.cas = 8;
  described.number = quota::item_bytes(server_key.size(), 1, 0);
  h_.reply(0, described);
  EXPECT_EQ(h_.take_received(), "EX\r\n");
  h_.send("ms a0 1 MA C8\r\nx\r\n");
  h_.reply(0, described);
  ASSERT_EQ(h_.server(0).waiting().size(), 1U);
  EXPECT_EQ(h_.server(0).waiting().front().request.command, Command::probe);
  h_.answer_all();
}

TEST_F(Text, ANumberThatWasMadeIsAnsweredEvenWithQ) {
  EXPECT_EQ(talk("ma n N0 J5 q c\r\nma n N0 J5 q c\r\nmn\r\n"), "HD c1\r\nMN\r\n");
  // What was counted to the same number was not made.
  EXPECT_EQ(talk("ma n N0 J5 MD q\r\nma n N0 J5 D0 q\r\nma m N0 q\r\nmn\r\n"), "HD\r\nMN\r\n");
}

TEST_F(Text, AStaleStoreIsAStore) {
  EXPECT_EQ(talk("ms a 1 c\r\nx\r\nms a 3 C1 c\r\nabc\r\n"), "HD c1\r\nHD c2\r\n");
  EXPECT_EQ(talk("ms a 5 C1 c\r\nabcde\r\n"), "EX c0\r\n");
  EXPECT_EQ(talk("ms a 5 C1 I c\r\nabcde\r\n"), "HD c3\r\n");
  const std::string prefix(h_.tenant().prefix(h_.tenant().shard(0)));
  EXPECT_EQ(usage().bytes, quota::item_bytes(prefix.size() + 1, 5, 0));
}

TEST_F(Text, CommandsAreCounted) {
  (void)talk(
      "set a 0 0 1\r\n5\r\nget a none\r\nmg a\r\nmg none T1\r\ntouch a 1\r\nincr a 1\r\nma none\r\nmd a\r\n"
      "delete a\r\ncas a 0 0 1 5\r\nx\r\nme a\r\n");
  const auto totals = h_.tenant().totals();
  EXPECT_EQ(totals.cmd_set, 2U);
  EXPECT_EQ(totals.cmd_get, 3U);
  EXPECT_EQ(totals.get_hits, 2U);
  EXPECT_EQ(totals.get_misses, 1U);
  EXPECT_EQ(totals.cmd_touch, 2U);
  EXPECT_EQ(totals.touch_hits, 1U);
  EXPECT_EQ(totals.incr_hits, 1U);
  EXPECT_EQ(totals.incr_misses, 1U);
  EXPECT_EQ(totals.delete_hits, 1U);
  EXPECT_EQ(totals.delete_misses, 1U);
  EXPECT_EQ(totals.cas_misses, 1U);
}

}  // namespace
}  // namespace mctenant::session
