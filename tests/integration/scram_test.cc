// SCRAM over SASL's frames, and what a listener offers.

#include <array>

#include "integration/listener_world.h"
#include "integration/world.h"
#include "support/scram_client.h"
#include "support/text_client.h"

namespace mctenant::integration {
namespace {

constexpr char kScram[] = "SCRAM-SHA-256";

Packet sasl(uint8_t opcode, std::string mechanism, std::string message) {
  Packet packet = keyed(opcode, std::move(mechanism));
  packet.value = std::move(message);
  return packet;
}

// The last reply of a whole sign-in.
Packet sign_in_by(ScramClient& scram, BinaryClient& client, const std::string& mechanism = kScram) {
  Packet reply = client.call(sasl(op::kSaslAuth, mechanism, scram.first()));
  if (reply.status != status::kContinue) return reply;
  reply = client.call(sasl(op::kSaslStep, mechanism, scram.final(reply.value).value_or("")));
  if (reply.status != status::kContinue) return reply;
  EXPECT_TRUE(scram.trusts(reply.value)) << reply.describe();
  return client.call(sasl(op::kSaslStep, mechanism, ""));
}

Packet sign_in_by_scram(BinaryClient& client, const std::string& username, const std::string& password,
                        const std::string& mechanism = kScram) {
  ScramClient scram(mechanism, username, password);
  return sign_in_by(scram, client, mechanism);
}

bool signed_in(BinaryClient& client) { return client.status_of(get("any key")) == status::kNotFound; }

std::string offered(BinaryClient& client) { return client.call(simple(op::kSaslList)).value; }

class Scram : public SharedWorld {
 protected:
  static const std::string& password() { return world().mctenant.password("alice"); }
};

TEST_F(Scram, IsOfferedBesidePlainAndSignsIn) {
  BinaryClient client = connect();
  EXPECT_EQ(offered(client), "PLAIN SCRAM-SHA-256");
  const Packet reply = sign_in_by_scram(client, "alice", password());
  EXPECT_EQ(reply.status, status::kOk) << reply.describe();
  EXPECT_EQ(reply.value, "Authenticated");
  alice_.store(key("a"), "alice's");
  EXPECT_EQ(client.fetch(key("a")), "alice's");
}

TEST_F(Scram, NobodyIsSignedInBeforeTheLastStep) {
  BinaryClient client = connect();
  ScramClient scram(kScram, "alice", password());
  const Packet first = client.call(sasl(op::kSaslAuth, kScram, scram.first()));
  EXPECT_FALSE(signed_in(client));
  const Packet second = client.call(sasl(op::kSaslStep, kScram, scram.final(first.value).value_or("")));
  EXPECT_TRUE(scram.trusts(second.value));
  EXPECT_FALSE(signed_in(client));
  EXPECT_EQ(client.call(sasl(op::kSaslStep, kScram, "")).status, status::kOk);
  EXPECT_TRUE(signed_in(client));
}

TEST_F(Scram, AWrongPasswordAndAnUnknownUserGetTheSameBytesAtTheSameStep) {
  std::vector<Packet> refusals;
  for (const char* name : {"alice", "nobody"}) {
    BinaryClient client = connect();
    ScramClient scram(kScram, name, "not it");
    const Packet first = client.call(sasl(op::kSaslAuth, kScram, scram.first()));
    ASSERT_EQ(first.status, status::kContinue) << first.describe();
    refusals.push_back(client.call(sasl(op::kSaslStep, kScram, scram.final(first.value).value_or(""))));
    EXPECT_EQ(scram.salt().size(), 16u);
    EXPECT_EQ(scram.iterations(), 10'000);
    EXPECT_FALSE(signed_in(client));
  }
  EXPECT_EQ(refusals[0].status, status::kAuth);
  EXPECT_EQ(refusals[0].value, "Auth failure.");
  refusals[1].opaque = refusals[0].opaque;
  EXPECT_EQ(refusals[1].bytes(), refusals[0].bytes());
}

TEST_F(Scram, ASecondSignInStartsOver) {
  BinaryClient client = sign_in("bob");
  EXPECT_EQ(client.call(sasl(op::kSaslAuth, kScram, "n,,n=alice,r=nonce")).status, status::kContinue);
  EXPECT_FALSE(signed_in(client));
  EXPECT_EQ(sign_in_by_scram(client, "alice", password()).status, status::kOk);
  EXPECT_TRUE(signed_in(client));
  EXPECT_EQ(client.call(plain("bob", world().mctenant.password("bob"))).status, status::kOk);
}

TEST_F(Scram, OtherHashesAreNotOfferedByDefault) {
  for (const char* mechanism : {"SCRAM-SHA-1", "SCRAM-SHA-512", "SCRAM-SHA-224", "SCRAM-SHA-256-PLUS"}) {
    BinaryClient client = connect();
    EXPECT_EQ(sign_in_by_scram(client, "alice", password(), mechanism).status, status::kAuth) << mechanism;
    EXPECT_FALSE(signed_in(client));
  }
}

TEST_F(Scram, AsManyAsRefusalsMayBeCloseTheConnection) {
  BinaryClient client = connect();
  for (int i = 0; i < 8; ++i) {
    ScramClient scram(kScram, "alice", "", "nonce");
    const Packet first = client.call(sasl(op::kSaslAuth, kScram, scram.first()));
    ASSERT_EQ(first.status, status::kContinue) << i;
    const std::string proof = scram.final(first.value, std::string(32, 'k')).value_or("");
    EXPECT_EQ(client.call(sasl(op::kSaslStep, kScram, proof)).status, status::kAuth);
  }
  EXPECT_EQ(client.connection().wait_for_end(2s), Peer::closed);
}

TEST(ScramListener, WithScramAloneRefusesPlain) {
  World world(
      {.workers = 1, .listener = R"("mechanisms": ["SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-1"])"});
  const std::string& password = world.mctenant.password("alice");
  BinaryClient client = world.mctenant.connect();
  EXPECT_EQ(offered(client), "SCRAM-SHA-256 SCRAM-SHA-512 SCRAM-SHA-1");
  EXPECT_EQ(client.status_of(plain("alice", password)), status::kAuth);
  EXPECT_FALSE(signed_in(client));
  TextClient text(world.mctenant.address());
  EXPECT_EQ(text.offer("any", "alice " + password),
            "CLIENT_ERROR authentication failure: passwords are not taken here\r\n");
  EXPECT_NE(world.mctenant.metrics().find("mctenant_sign_ins_total{outcome=\"not_offered\"} 2\n"),
            std::string::npos);
  EXPECT_NE(world.mctenant.metrics().find("mctenant_sign_ins_total{outcome=\"refused\"} 0\n"),
            std::string::npos);
  const std::string line = world.mctenant.address() +
                           ": a client wants to sign in by PLAIN, which this listener does not offer (it "
                           "offers SCRAM-SHA-256 SCRAM-SHA-512 SCRAM-SHA-1): 127.0.0.1:";
  const auto log = [&world] { return world.mctenant.process().output(); };
  EXPECT_TRUE(wait_until([&] { return log().find(line) != std::string::npos; }, 5s)) << log();
  EXPECT_EQ(log().find("a client wants", log().find(line) + line.size()), std::string::npos)
      << "one line in a while";
  for (const char* mechanism : {"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"}) {
    EXPECT_EQ(sign_in_by_scram(client, "alice", password, mechanism).status, status::kOk) << mechanism;
    EXPECT_TRUE(signed_in(client));
    EXPECT_NE(world.mctenant.metrics().find("mctenant_sign_ins_by_mechanism_total{mechanism=\"" +
                                            std::string(mechanism) + "\"} 1\n"),
              std::string::npos);
  }
  EXPECT_NE(world.mctenant.metrics().find("mctenant_password_checks_total 0\n"), std::string::npos);
}

TEST(ScramListener, MayRequireTlsBeforePlain) {
  World world({.listener = R"("plain_requires_tls": true)"});
  const std::string& password = world.mctenant.password("alice");
  BinaryClient client = world.mctenant.connect();
  EXPECT_EQ(offered(client), "SCRAM-SHA-256");
  EXPECT_EQ(client.status_of(plain("alice", password)), status::kAuth);
  EXPECT_EQ(client.status_of(keyed(op::kSaslAuth, "PLAIN")), status::kAuth);
  EXPECT_EQ(sign_in_by_scram(client, "alice", password).status, status::kOk);
}

TEST(ScramListener, TlsIsWhatPlainMayRequireAndThePolicyIsReloaded) {
  const TempFolder files;
  Certificate({.alternative_names = "DNS:localhost,IP:127.0.0.1"}).write(files, "server");
  const auto listener = [](const std::string& more) {
    return R"({"address": "$ADDRESS", "tls": {"certificate": "$FILES/server.pem", "private_key": "$FILES/server-key.pem"}, )" +
           more + "}";
  };
  const std::string required = R"("plain_requires_tls": true)";
  ListenerWorld world(files, listener(required), {.listener = required});
  BinaryClient in_the_clear = world.world.mctenant.connect();
  EXPECT_EQ(offered(in_the_clear), "SCRAM-SHA-256");
  EXPECT_EQ(in_the_clear.status_of(plain("alice", "alice's password")), status::kAuth);
  EXPECT_TRUE(world.logs("a client wants to sign in by PLAIN, which this listener takes over TLS only"));
  BinaryClient encrypted = world.sign_in();
  EXPECT_EQ(offered(encrypted), "PLAIN SCRAM-SHA-256");

  world.configure(listener(R"("mechanisms": ["SCRAM-SHA-512"])"), {});
  ASSERT_TRUE(world.reloads(1)) << world.world.mctenant.process().output();
  BinaryClient later = world.connect();
  EXPECT_EQ(offered(later), "SCRAM-SHA-512");
  EXPECT_EQ(sign_in_by_scram(later, "alice", "alice's password", "SCRAM-SHA-512").status, status::kOk);
  EXPECT_TRUE(signed_in(encrypted)) << "who is signed in stays";
  BinaryClient later_in_the_clear = world.world.mctenant.connect();
  EXPECT_EQ(offered(later_in_the_clear), "PLAIN SCRAM-SHA-256");
}

TEST(ScramListener, WithPlainAloneRefusesScram) {
  World world({.listener = R"("mechanisms": ["PLAIN"])"});
  BinaryClient client = world.mctenant.connect();
  EXPECT_EQ(offered(client), "PLAIN");
  EXPECT_EQ(sign_in_by_scram(client, "alice", world.mctenant.password("alice")).status, status::kAuth);
}

TEST(ScramRestart, TheSaltsOfUnknownUsersStayAsThoseOfUsersDo) {
  World world;
  const auto salt = [&world](const std::string& name) {
    ScramClient scram(kScram, name, "");
    BinaryClient client = world.mctenant.connect();
    (void)scram.final(client.call(sasl(op::kSaslAuth, kScram, scram.first())).value, "not derived");
    return scram.salt();
  };
  const std::string before = salt("nobody");
  EXPECT_NE(salt("somebody"), before);
  EXPECT_EQ(world.mctenant.process().stop(10s), 0);
  world.mctenant.start();
  EXPECT_EQ(salt("nobody"), before);
}

// Several connections each in the midst of a sign-in, and each gets its own answers.
TEST(ConcurrentScram, ManyAtOnceEachGetTheirOwnAnswer) {
  World world({.limits = {{"sign_in_timeout", R"("60s")"}}});
  struct Connection {
    BinaryClient client;
    ScramClient scram;
    bool right;
  };
  std::vector<Connection> all;
  std::map<std::string, std::string> salted;  // as a client keeps them
  for (int i = 0; i < 200; ++i) {
    const std::string tenant = i % 2 == 0 ? "alice" : "bob";
    const bool right = i % 5 != 4;
    all.push_back({world.mctenant.connect(),
                   ScramClient(kScram, tenant, right ? world.mctenant.password(tenant) : "wrong"), right});
  }
  for (Connection& one : all) one.client.send(sasl(op::kSaslAuth, kScram, one.scram.first()));
  for (Connection& one : all) {
    const Packet first = one.client.read(60s);
    const std::string proof = one.scram.final(first.value).value_or("");
    one.client.send({sasl(op::kSaslStep, kScram, proof), sasl(op::kSaslStep, kScram, ""), get("a")});
  }
  for (Connection& one : all) {
    const auto replies = one.client.read(3, 60s);
    if (one.right) {
      EXPECT_TRUE(one.scram.trusts(replies[0].value));
      EXPECT_EQ(replies[1].status, status::kOk) << replies[1].describe();
      EXPECT_EQ(replies[2].status, status::kNotFound) << replies[2].describe();
    } else {
      for (const Packet& reply : replies) EXPECT_EQ(reply.status, status::kAuth) << reply.describe();
    }
  }
}

}  // namespace
}  // namespace mctenant::integration
