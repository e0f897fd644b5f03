// Credentials that may not do everything, and several of one tenant.

#include <map>
#include <optional>
#include <string>

#include "integration/world.h"
#include "support/scram_client.h"
#include "support/text_client.h"

namespace mctenant::integration {
namespace {

// Beside alice's own: one that reads, one that writes, one that may not flush, and one to come in the first's
// place.
const std::map<std::string, std::string> kCredentials = {
    {"alice", R"({"username": "reader", "password": "r", "capabilities": ["read"]},
                 {"username": "writer", "password": "w", "capabilities": ["write"]},
                 {"username": "app", "password": "a", "capabilities": ["read", "write"]})"}};

class Capabilities : public testing::Test {
 protected:
  BinaryClient as(const std::string& username, const std::string& password) {
    return BinaryClient(world_.mctenant.address(), username, password);
  }
  [[nodiscard]] std::string metric(const std::string& name) const {
    const std::string text = "\n" + world_.mctenant.metrics();
    const size_t place = text.find("\n" + name + " ");
    if (place == std::string::npos) return "no metric " + name;
    const size_t value = place + name.size() + 2;
    return text.substr(value, text.find('\n', value) - value);
  }
  [[nodiscard]] std::string connections_of(const std::string& username) const {
    return metric("mctenant_credential_connections{tenant=\"alice\",username=\"" + username + "\"}");
  }
  static std::string figure(BinaryClient& client, const std::string& wanted) {
    for (const auto& [name, value] : client.stats()) {
      if (name == wanted) return value;
    }
    return "no figure " + wanted;
  }

  World world_{{.credentials = kCredentials}};
  BinaryClient alice_ = world_.mctenant.sign_in("alice");
};

TEST_F(Capabilities, WithoutWriteNothingChanges) {
  alice_.store("a", "1");
  alice_.store("n", "5");
  BinaryClient reader = as("reader", "r");
  EXPECT_EQ(reader.fetch("a"), "1");
  for (const Packet& packet :
       {set("a", "x"), set("new", "x"), set("new", "x").with_opcode(op::kAdd),
        set("a", "x").with_opcode(op::kReplace), append("a", "x"), append("a", "x").with_opcode(op::kPrepend),
        set("a", std::string(2'000'000, 'x'))}) {
    const Packet reply = reader.call(packet);
    EXPECT_EQ(reply.status, status::kNotStored) << reply.describe();
    EXPECT_EQ(reply.value, "Not stored.");
  }
  for (const Packet& packet : {keyed(op::kDelete, "a"), increment("n", 1), increment("new", 1, 1, 0),
                               decrement("n", 1), touch("a", 1), get_and_touch("a", 1)}) {
    EXPECT_EQ(reader.status_of(packet), status::kNotFound);
  }
  const auto quiet = reader.call_all(
      {set("a", "x").with_opcode(op::kSetQ), keyed(op::kDeleteQ, "a"), keyed(op::kGetKQ, "a")});
  ASSERT_EQ(quiet.size(), 3u) << "what is not done is told";
  EXPECT_EQ(quiet[2].value, "1");
  EXPECT_EQ(alice_.fetch("a"), "1");
  EXPECT_EQ(alice_.fetch("n"), "5");
  EXPECT_EQ(alice_.fetch("new"), std::nullopt);
  EXPECT_EQ(figure(reader, "denied_write"), "15");
  EXPECT_EQ(figure(reader, "denied_read"), "0");
  EXPECT_EQ(metric(R"(mctenant_tenant_denied_total{tenant="alice",capability="write"})"), "15");
}

TEST_F(Capabilities, WithoutReadNothingIsSeen) {
  BinaryClient writer = as("writer", "w");
  writer.store("a", "1");
  EXPECT_EQ(alice_.fetch("a"), "1");
  EXPECT_EQ(writer.fetch("a"), std::nullopt);
  EXPECT_EQ(writer.status_of(increment("a", 0)), status::kNotFound) << "it would tell the value";
  EXPECT_EQ(writer.status_of(get_and_touch("a", 1)), status::kNotFound);
  EXPECT_TRUE(writer.call_all({keyed(op::kGetQ, "a"), keyed(op::kGetKQ, "a")}).empty());
  EXPECT_EQ(writer.status_of(touch("a", 100)), status::kOk);
  EXPECT_EQ(writer.status_of(append("a", "2")), status::kOk);
  EXPECT_EQ(alice_.fetch("a"), "12");
  EXPECT_EQ(writer.status_of(keyed(op::kDelete, "a")), status::kOk);
  EXPECT_EQ(alice_.fetch("a"), std::nullopt);
  EXPECT_EQ(figure(writer, "denied_read"), "5");
}

TEST_F(Capabilities, WithoutFlushTheCacheStaysAndTheClientIsTold) {
  alice_.store("a", "1");
  BinaryClient app = as("app", "a");
  const Packet reply = app.call(simple(op::kFlush));
  EXPECT_EQ(reply.status, status::kAuth);
  EXPECT_EQ(reply.value, "Not allowed to flush");
  EXPECT_EQ(app.fetch("a"), "1") << "the connection stays";
  EXPECT_EQ(metric(R"(mctenant_tenant_denied_total{tenant="alice",capability="flush"})"), "1");
  EXPECT_EQ(alice_.call(simple(op::kFlush)).status, status::kOk);
  EXPECT_EQ(app.fetch("a"), std::nullopt);
}

// How a password is changed: a second credential, then the first one goes.
TEST_F(Capabilities, APasswordIsRotatedWithoutAGap) {
  const auto write = [this](const std::string& credentials) {
    MctenantOptions options{.credentials = {{"alice", credentials}}};
    options.servers = {world_.first.address(), world_.second.address()};
    options.tenants = {{"alice", world_.mctenant.password("alice")}};
    world_.mctenant.folder().write("mctenant.json",
                                   configuration(options, world_.mctenant.address(), world_.mctenant.admin(),
                                                 world_.mctenant.folder().file("state.db")));
  };
  const auto reloads = [this] { return metric(R"(mctenant_config_reloads_total{result="applied"})"); };
  const std::string old_one = R"({"username": "app", "password": "a"})";
  const std::string new_one = R"({"username": "app-2", "password": "b", "primary": true})";
  constexpr Milliseconds kPromised = base::kSanitized ? 10s : 1s;

  std::optional<BinaryClient> before = as("app", "a");
  before->store("a", "1");
  write(old_one + ", " + new_one);
  ASSERT_TRUE(wait_until([&] { return reloads() == "1"; }, kPromised));
  BinaryClient after = as("app-2", "b");
  EXPECT_EQ(after.fetch("a"), "1");
  EXPECT_EQ(before->fetch("a"), "1") << "both passwords count";
  EXPECT_EQ(connections_of("app"), "1") << "by this it is seen that somebody still uses the old one";
  EXPECT_EQ(connections_of("app-2"), "1");

  write(new_one);
  EXPECT_NE(before->connection().wait_for_end(kPromised), Peer::open);
  before.reset();
  EXPECT_TRUE(wait_until(
      [&] {
        return metric(R"(mctenant_client_connections_closed_total{reason="credential_changed"})") == "1";
      },
      kPromised));
  EXPECT_EQ(after.fetch("a"), "1");
  BinaryClient late = world_.mctenant.connect();
  EXPECT_EQ(late.status_of(plain("app", "a")), status::kAuth);
  EXPECT_EQ(connections_of("app-2"), "1");
  EXPECT_EQ(connections_of("app").find("no metric"), 0u);
}

TEST_F(Capabilities, CountInTextAsInBinary) {
  alice_.store("a", "1");
  TextClient reader(world_.mctenant.address(), "reader", "r");
  EXPECT_EQ(
      reader.talk("get a\r\nset a 0 0 1\r\nx\r\ndelete a\r\nms a 1\r\nx\r\nmd a\r\nmg a v\r\nflush_all\r\n"),
      "VALUE a 0 1\r\n1\r\nEND\r\nNOT_STORED\r\nNOT_FOUND\r\nNS\r\nNF\r\nVA 1\r\n1\r\n"
      "CLIENT_ERROR not allowed to flush\r\n");
  TextClient writer(world_.mctenant.address(), "writer", "w");
  EXPECT_EQ(writer.talk("get a\r\nmg a v\r\nme a\r\nset b 0 0 1\r\nx\r\n"), "END\r\nEN\r\nEN\r\nSTORED\r\n");
  EXPECT_EQ(alice_.fetch("a"), "1");
  EXPECT_EQ(alice_.fetch("b"), "x");
}

// Whoever wins a stale item, or one that is about to expire, is to make it anew: nobody who may not store.
TEST_F(Capabilities, WithoutWriteNoItemIsWon) {
  TextClient app(world_.mctenant.address(), "app", "a");
  TextClient reader(world_.mctenant.address(), "reader", "r");
  BinaryClient binary = as("reader", "r");
  ASSERT_EQ(app.talk("ms s 1 T300\r\nx\r\nmd s I T60\r\nms r 1 T80\r\ny\r\n"), "HD\r\nHD\r\nHD\r\n");
  EXPECT_EQ(reader.talk("mg r v R90\r\n"), "VA 1\r\ny\r\n");
  EXPECT_EQ(app.talk("mg r v R90\r\n"), "VA 1 W\r\ny\r\n");
  EXPECT_EQ(reader.talk("mg r v R90\r\n"), "VA 1 Z\r\ny\r\n");

  // What is won for a moment is given back behind the reply.
  const auto app_wins = [&app] {
    return wait_until(
        [&] {
          const std::string reply = app.talk("mg s v\r\n");
          EXPECT_TRUE(reply == "VA 1 X W\r\nx\r\n" || reply == "VA 1 Z X\r\nx\r\n") << reply;
          return reply == "VA 1 X W\r\nx\r\n";
        },
        2s);
  };
  EXPECT_EQ(reader.talk("mg s v\r\n"), "VA 1 Z X\r\nx\r\n");
  EXPECT_TRUE(app_wins());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(app.talk("md s I T60\r\n"), "HD\r\n");
    EXPECT_EQ(reader.talk(i == 0 ? "get s\r\n" : "gets s\r\n").substr(0, 11), "VALUE s 0 1");
    EXPECT_EQ(binary.fetch("s"), "x");
    EXPECT_TRUE(app_wins());
  }
  // Without a CAS in the reply, a classic get of one who may store wins nothing, either.
  ASSERT_EQ(app.talk("md s I T60\r\nget s\r\n"), "HD\r\nVALUE s 0 1\r\nx\r\nEND\r\n");
  EXPECT_TRUE(app_wins());
}

TEST_F(Capabilities, AreThoseOfTheCredentialHoweverItSignsIn) {
  BinaryClient client = world_.mctenant.connect();
  ScramClient scram("SCRAM-SHA-256", "reader", "r");
  Packet packet = keyed(op::kSaslAuth, "SCRAM-SHA-256");
  packet.value = scram.first();
  packet.value = scram.final(client.call(packet).value).value_or("");
  ASSERT_EQ(client.call(packet.with_opcode(op::kSaslStep)).status, status::kContinue);
  packet.value.clear();
  ASSERT_EQ(client.call(packet.with_opcode(op::kSaslStep)).status, status::kOk);
  EXPECT_EQ(client.status_of(set("a", "x")), status::kNotStored);
}

}  // namespace
}  // namespace mctenant::integration
