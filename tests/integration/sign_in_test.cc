// Signing in, and what a connection may do before.

#include <cstdlib>
#include <thread>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

class SignIn : public SharedWorld {
 protected:
  static const std::string& password() { return world().mctenant.password("alice"); }
  static Packet right() { return plain("alice", password()); }
  static Packet wrong() { return plain("alice", "not it"); }
  static void expect_refused(const Packet& reply) {
    EXPECT_EQ(reply.status, status::kAuth) << reply.describe();
    EXPECT_EQ(reply.value, "Auth failure.") << reply.describe();
    EXPECT_EQ(reply.extras + reply.key, "") << reply.describe();
    EXPECT_EQ(reply.cas, 0u) << reply.describe();
  }
  static bool signed_in(BinaryClient& client) {
    return client.status_of(get("any key")) == status::kNotFound;
  }
};

TEST_F(SignIn, ListNamesPlainAndNothingUnsafe) {
  BinaryClient client = connect();
  const Packet reply = client.call(simple(op::kSaslList));
  EXPECT_EQ(reply.status, status::kOk);
  const std::string mechanisms = " " + reply.value + " ";
  EXPECT_NE(mechanisms.find(" PLAIN "), std::string::npos) << reply.value;
  for (const char* unsafe : {"ANONYMOUS", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL"}) {
    EXPECT_EQ(mechanisms.find(unsafe), std::string::npos) << reply.value;
  }
}

TEST_F(SignIn, TheRightPasswordSignsInAndSaysSo) {
  BinaryClient client = connect();
  const Packet reply = client.call(right());
  EXPECT_EQ(reply.status, status::kOk);
  EXPECT_EQ(reply.value, "Authenticated");
  EXPECT_TRUE(signed_in(client));
}

TEST_F(SignIn, TheAuthorizationNameMayBeEmptyOrEqualAndNothingElse) {
  BinaryClient equal = connect();
  EXPECT_EQ(equal.status_of(plain("alice", password(), "alice")), status::kOk);
  EXPECT_TRUE(signed_in(equal));
  BinaryClient other = connect();
  expect_refused(other.call(plain("alice", password(), "bob")));
  EXPECT_FALSE(signed_in(other));
}

TEST_F(SignIn, AnEmptyFirstResponseIsContinuedByAStep) {
  BinaryClient client = connect();
  EXPECT_EQ(client.status_of(keyed(op::kSaslAuth, "PLAIN")), status::kContinue);
  EXPECT_EQ(client.call(right().with_opcode(op::kSaslStep)).status, status::kOk);
  EXPECT_TRUE(signed_in(client));
}

TEST_F(SignIn, AStepWithoutAnAuthIsRefused) {
  BinaryClient client = connect();
  expect_refused(client.call(right().with_opcode(op::kSaslStep)));
  EXPECT_FALSE(signed_in(client));
  EXPECT_EQ(client.call(right()).status, status::kOk);
}

TEST_F(SignIn, AWrongPasswordAndAnUnknownUserGetTheSameBytes) {
  BinaryClient client = connect();
  const Packet wrong_password = client.call(wrong());
  expect_refused(wrong_password);
  Packet unknown_user = client.call(plain("nobody", "not it"));
  expect_refused(unknown_user);
  unknown_user.opaque = wrong_password.opaque;
  EXPECT_EQ(unknown_user.bytes(), wrong_password.bytes());
  EXPECT_FALSE(signed_in(client));
  EXPECT_EQ(client.call(right()).status, status::kOk);
  EXPECT_TRUE(signed_in(client));
}

TEST_F(SignIn, AnotherTenantsPasswordDoesNotServe) {
  BinaryClient client = connect();
  expect_refused(client.call(plain("bob", password())));
  EXPECT_FALSE(signed_in(client));
}

TEST_F(SignIn, MalformedResponsesAreRefused) {
  const std::string nul(1, '\0');
  for (const std::string& response :
       {std::string("alice"), nul, nul + nul, nul + "alice", nul + "alice" + nul, nul + nul + password(),
        nul + "alice" + nul + password() + nul, nul + "alice" + nul + password() + nul + "more",
        nul + std::string(5'000, 'u') + nul + "p", nul + "alice" + nul + std::string(5'000, 'p'),
        nul + "ALICE" + nul + password(), nul + "alice " + nul + password(),
        nul + "alice@x" + nul + password()}) {
    BinaryClient client = connect();
    Packet packet = keyed(op::kSaslAuth, "PLAIN");
    packet.value = response;
    expect_refused(client.call(packet));
    EXPECT_FALSE(signed_in(client));
  }
}

TEST_F(SignIn, MechanismsThatAreNotListedAreRefused) {
  for (const char* mechanism : {"ANONYMOUS", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL", "GSSAPI", "plai",
                                "PLAINX", "x", "PLAIN LOGIN"}) {
    BinaryClient client = connect();
    Packet packet = right();
    packet.key = mechanism;
    const Packet reply = client.call(packet);
    EXPECT_EQ(reply.status, status::kAuth) << reply.describe();
    EXPECT_EQ(reply.value, "Auth failure. This mechanism is not offered here");
    EXPECT_FALSE(signed_in(client)) << mechanism;
  }
  BinaryClient client = connect();
  Packet packet = right();
  packet.key = std::string(200, 'M');
  EXPECT_NE(client.call(packet).status, status::kOk);
  EXPECT_FALSE(signed_in(client));
}

TEST_F(SignIn, CommandsRightBehindItWaitForItsOutcome) {
  for (int i = 0; i < 50; ++i) {
    BinaryClient client = connect();
    const std::string name = key(std::to_string(i));
    client.send({right(), set(name, "v"), get(name), simple(op::kNoop)});
    const auto replies = client.read(4);
    EXPECT_EQ(replies[0].opcode, op::kSaslAuth);
    EXPECT_EQ(replies[1].status, status::kOk) << replies[1].describe();
    EXPECT_EQ(replies[2].value, "v");
    EXPECT_EQ(replies[3].opcode, op::kNoop);
  }
}

TEST_F(SignIn, CommandsBehindAFailedOneAreRefusedInOrder) {
  BinaryClient client = connect();
  client.send({wrong(), set(key("a"), "v").with_opaque(1), get(key("a")).with_opaque(2),
               simple(op::kNoop).with_opaque(3)});
  const auto replies = client.read(4);
  expect_refused(replies[0]);
  expect_refused(replies[1]);
  expect_refused(replies[2]);
  EXPECT_EQ(replies[3].status, status::kOk);
  EXPECT_EQ(alice_.fetch(key("a")), std::nullopt);
}

TEST_F(SignIn, ALargeValueBehindItArrives) {
  BinaryClient client = connect();
  const std::string value(900'000, 'v');
  client.send({right(), set(key("a"), value), get(key("a"))});
  const auto replies = client.read(3);
  EXPECT_EQ(replies[1].status, status::kOk);
  EXPECT_TRUE(replies[2].value == value);
}

TEST_F(SignIn, NoopVersionAndQuitAreServedBefore) {
  BinaryClient client = connect();
  EXPECT_EQ(client.status_of(simple(op::kNoop)), status::kOk);
  const Packet version = client.call(simple(op::kVersion));
  EXPECT_EQ(version.status, status::kOk);
  EXPECT_NE(version.value, "");
  EXPECT_EQ(client.status_of(simple(op::kQuit)), status::kOk);
  EXPECT_EQ(client.connection().wait_for_end(2s), Peer::closed);
  BinaryClient quiet = connect();
  quiet.send(simple(op::kQuitQ));
  EXPECT_TRUE(quiet.read_to_end().empty());
  EXPECT_EQ(quiet.connection().peer(), Peer::closed);
}

TEST_F(SignIn, EverythingElseBeforeIsRefusedAndHasNoEffect) {
  alice_.store(key("a"), "1");
  for (const Packet& packet :
       {get(key("a")), keyed(op::kGetK, key("a")), set(key("a"), "x"), keyed(op::kDelete, key("a")),
        append(key("a"), "x"), increment(key("n"), 1, 1, 0), touch(key("a"), 1), get_and_touch(key("a"), 1),
        simple(op::kFlush), simple(op::kStat), simple(op::kVerbosity)}) {
    BinaryClient client = connect();
    expect_refused(client.call(packet));
    EXPECT_EQ(client.call(right()).status, status::kOk) << "the connection stays";
    EXPECT_TRUE(signed_in(client));
  }
  EXPECT_EQ(alice_.fetch(key("a")), "1");
  EXPECT_EQ(alice_.fetch(key("n")), std::nullopt);
}

TEST_F(SignIn, QuietCommandsBeforeAreRefusedAloud) {
  BinaryClient client = connect();
  client.send(
      {set(key("a"), "x").with_opcode(op::kSetQ).with_opaque(1), keyed(op::kGetKQ, key("a")).with_opaque(2)});
  for (const uint32_t opaque : {1u, 2u}) {
    const Packet reply = client.read();
    expect_refused(reply);
    EXPECT_EQ(reply.opaque, opaque);
  }
}

TEST_F(SignIn, AHandfulOfRefusalsClosesCleanly) {
  for (const Packet& packet : {get(key("a")), wrong()}) {
    BinaryClient client = connect();
    std::vector<Packet> many(500, packet);
    client.send(many);
    const auto replies = client.read_to_end();
    EXPECT_EQ(client.connection().peer(), Peer::closed) << "a reset would lose replies";
    EXPECT_GE(replies.size(), 2u);
    EXPECT_LE(replies.size(), 20u);
    for (const Packet& reply : replies) expect_refused(reply);
  }
}

TEST_F(SignIn, ASecondOneStartsOver) {
  BinaryClient client = sign_in("alice");
  client.store(key("a"), "alice's");
  EXPECT_EQ(client.call(plain("bob", world().mctenant.password("bob"))).status, status::kOk);
  EXPECT_EQ(client.fetch(key("a")), std::nullopt);
  client.store(key("a"), "bob's");
  EXPECT_EQ(client.call(right()).status, status::kOk);
  EXPECT_EQ(client.fetch(key("a")), "alice's");
}

TEST_F(SignIn, AFailedSecondOneLeavesItSignedOut) {
  for (const Packet& second : {wrong(), plain("bob", "not it"), plain("nobody", "x"),
                               keyed(op::kSaslAuth, "ANONYMOUS"), keyed(op::kSaslAuth, "PLAIN")}) {
    BinaryClient client = sign_in("alice");
    EXPECT_TRUE(signed_in(client));
    EXPECT_NE(client.call(second).status, status::kOk);
    EXPECT_FALSE(signed_in(client)) << second.describe();
    EXPECT_EQ(client.call(right()).status, status::kOk);
    EXPECT_TRUE(signed_in(client));
  }
}

TEST_F(SignIn, AListLeavesItSignedIn) {
  BinaryClient client = sign_in("alice");
  EXPECT_EQ(client.status_of(simple(op::kSaslList)), status::kOk);
  EXPECT_TRUE(signed_in(client));
}

TEST_F(SignIn, CommandsBeforeASecondOneBelongToTheFirst) {
  BinaryClient client = sign_in("alice");
  BinaryClient bob = sign_in("bob");
  std::vector<Packet> packets;
  for (int i = 0; i < 100; ++i)
    packets.push_back(set(key(std::to_string(i)), "alice's").with_opcode(op::kSetQ));
  packets.push_back(plain("bob", world().mctenant.password("bob")));
  for (int i = 0; i < 100; ++i) packets.push_back(keyed(op::kGetQ, key(std::to_string(i))));
  EXPECT_EQ(client.call_all(packets).size(), 1u) << "the sign-in's reply alone: bob has none of them";
  for (int i = 0; i < 100; ++i) EXPECT_EQ(alice_.fetch(key(std::to_string(i))), "alice's");
}

TEST(SignInTimeout, ClosesAConnectionThatDoesNotSignIn) {
  World world({.limits = {{"sign_in_timeout", R"("800ms")"}}});
  const auto begin = std::chrono::steady_clock::now();
  BinaryClient silent = world.mctenant.connect();
  BinaryClient talking = world.mctenant.connect();
  BinaryClient half = world.mctenant.connect();
  BinaryClient wrong = world.mctenant.connect();
  BinaryClient signed_in = world.mctenant.sign_in("alice");
  half.connection().send(plain("alice", "x").bytes().substr(0, 30));
  EXPECT_EQ(wrong.status_of(plain("alice", "x")), status::kAuth);
  while (talking.send(simple(op::kNoop)) && talking.try_read(100ms)) {
    ASSERT_LT(std::chrono::steady_clock::now() - begin, 6s) << "NOOPs must not prolong it";
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_NE(talking.connection().wait_for_end(2s), Peer::open);
  EXPECT_EQ(silent.connection().wait_for_end(2s), Peer::closed);
  EXPECT_EQ(half.connection().wait_for_end(2s), Peer::closed);
  EXPECT_EQ(wrong.connection().wait_for_end(2s), Peer::closed);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 700ms);
  EXPECT_EQ(signed_in.fetch("a"), std::nullopt) << "who signed in stays";
}

// Cyrus's own user database is never asked, though its configuration is offered.
TEST(SignInOfCyrus, AUserOfASasldbIsRefused) {
  const TempFolder folder;
  const std::string database = folder.file("sasldb");
  folder.write("memcached.conf", "mech_list: plain anonymous cram-md5\nsasldb_path: " + database + "\n");
  folder.write("mctenant.conf", "mech_list: plain anonymous cram-md5\nsasldb_path: " + database + "\n");
  for (const char* realm : {"mctenant", "localhost", "\"$(hostname)\""}) {
    const Finished made = run({"sh", "-c",
                               "printf 'of the sasldb' | PATH=$PATH:/usr/sbin saslpasswd2 -p -c -f " +
                                   database + " -u " + realm + " carol"});
    if (made.exit_code == 127) GTEST_SKIP() << "saslpasswd2 is not installed";
    ASSERT_EQ(made.exit_code, 0) << made.output;
  }
  setenv("SASL_CONF_PATH", folder.path().c_str(), 1);
  World world;
  unsetenv("SASL_CONF_PATH");
  for (const char* name : {"carol", "carol@mctenant", "carol@localhost"}) {
    BinaryClient client = world.mctenant.connect();
    EXPECT_EQ(client.status_of(plain(name, "of the sasldb")), status::kAuth) << name;
    EXPECT_EQ(client.status_of(get("a")), status::kAuth);
  }
  EXPECT_EQ(world.mctenant.connect().call(simple(op::kSaslList)).value.find("ANONYMOUS"), std::string::npos);
  EXPECT_EQ(world.mctenant.sign_in("alice").fetch("a"), std::nullopt);
}

TEST(ConcurrentSignIn, AFullQueueAnswersBusyAndNotRefused) {
  World world(
      {.limits = {{"sign_in_queue", "1"}, {"sign_in_threads", "1"}, {"sign_in_timeout", R"("20s")"}}});
  std::vector<BinaryClient> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(world.mctenant.connect());
  for (size_t i = 0; i < clients.size(); ++i) clients[i].send(plain("alice", "wrong " + std::to_string(i)));
  int busy = 0;
  for (BinaryClient& client : clients) {
    const Packet reply = client.read(20s);
    EXPECT_TRUE(reply.status == status::kTemporary || reply.status == status::kAuth) << reply.describe();
    if (reply.status == status::kTemporary) ++busy;
  }
  EXPECT_GT(busy, 0);
  EXPECT_LT(busy, 60);
  EXPECT_TRUE(wait_until(
      [&] {
        return world.mctenant.connect().status_of(plain("alice", world.mctenant.password("alice"))) == 0;
      },
      10s));
}

TEST(ConcurrentSignIn, ManyAtOnceEachGetTheirOwnAnswer) {
  World world({.limits = {{"sign_in_timeout", R"("60s")"}}});
  std::vector<BinaryClient> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(world.mctenant.connect());
  const std::string tenants[] = {"alice", "bob"};
  for (size_t i = 0; i < clients.size(); ++i) {
    const std::string& tenant = tenants[i % 2];
    const std::string name = "key " + std::to_string(i);
    clients[i].send({plain(tenant, i % 5 == 4 ? "wrong" : world.mctenant.password(tenant)), set(name, tenant),
                     get(name)});
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    const auto replies = clients[i].read(3, 60s);
    if (i % 5 == 4) {
      EXPECT_EQ(replies[0].status, status::kAuth) << replies[0].describe();
      EXPECT_EQ(replies[2].status, status::kAuth) << replies[2].describe();
    } else {
      EXPECT_EQ(replies[0].status, status::kOk) << replies[0].describe();
      EXPECT_EQ(replies[2].value, tenants[i % 2]);
    }
  }
}

}  // namespace
}  // namespace mctenant::integration
