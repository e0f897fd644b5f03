// Listeners whose connections are a credential from the start, and unix sockets.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "integration/listener_world.h"

namespace mctenant::integration {
namespace {

const std::string kOnTcp = R"({"address": "$ADDRESS", "credential": "alice"})";
const std::string kOnUnix = R"({"address": "$FILES/alice.sock", "credential": "alice"})";

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

class SideCar : public testing::Test {
 protected:
  void start(const std::string& listeners, MctenantOptions options = {}) {
    world_ = std::make_unique<ListenerWorld>(files_, listeners, std::move(options));
  }

  const TempFolder files_;
  std::unique_ptr<ListenerWorld> world_;
};

TEST_F(SideCar, WhoeverConnectsIsTheCredential) {
  start(kOnTcp + ", " + kOnUnix);
  BinaryClient on_tcp(world_->address);
  on_tcp.store("k", "on TCP");
  BinaryClient on_unix(files_.file("alice.sock"));
  EXPECT_EQ(on_unix.fetch("k"), "on TCP");
  on_unix.store("k", "on a socket");
  EXPECT_EQ(world_->world.mctenant.sign_in("alice").fetch("k"), "on a socket");
  EXPECT_EQ(world_->world.mctenant.sign_in("bob").fetch("k"), std::nullopt);
  // The two that were asked by and left are closed when mctenant has read their ends.
  EXPECT_TRUE(
      support::wait_until([this] { return world_->metric("mctenant_client_connections_signed_in") == 2u; },
                          support::Milliseconds(5000)));
  // And is not anybody else's deadline.
  EXPECT_EQ(on_tcp.status_of(plain("bob", "bob's password")), status::kOk);
  EXPECT_EQ(on_tcp.fetch("k"), std::nullopt) << "who signs in is who he says he is";
}

TEST_F(SideCar, SpeaksTextWithoutASignIn) {
  start(kOnTcp + ", " + kOnUnix);
  Connection on_tcp(world_->address);
  on_tcp.send("set k 0 0 4\r\ntext\r\n");
  EXPECT_EQ(on_tcp.read_until("\r\n"), "STORED\r\n");
  Connection on_unix(files_.file("alice.sock"));
  for (const char c : std::string("get k\r\n")) on_unix.send({&c, 1});
  EXPECT_EQ(on_unix.read_until("END\r\n"), "VALUE k 0 4\r\ntext\r\nEND\r\n");
  on_unix.send("mg k v\r\n");
  EXPECT_EQ(on_unix.read_until("text\r\n"), "VA 4\r\ntext\r\n");
  EXPECT_EQ(world_->world.mctenant.sign_in("alice").fetch("k"), "text");
}

TEST_F(SideCar, StaysThoughNobodySignsIn) {
  start(kOnTcp, {.limits = {{"sign_in_timeout", R"("100ms")"}}});
  BinaryClient client(world_->address);
  EXPECT_EQ(client.connection().wait_for_end(400ms), Peer::open);
  client.store("k", "v");
}

TEST_F(SideCar, HttpIsClosedBeforeAnythingIsStored) {
  start(kOnTcp);
  const std::string body = "\r\n\r\n" + set("forged", "v").bytes() + "set forged 0 0 1\r\nv\r\n";
  const std::string lines[] = {"GET / HTTP/1.1",     "POST /x HTTP/1.1",       "PUT /set HTTP/1.0",
                               "OPTIONS * HTTP/1.1", "GET http://x/ HTTP/1.1", "M-SEARCH * HTTP/1.1",
                               "set / HTTP/1.1",     "get /forged HTTP/1.1",   "GET /"};
  uint64_t count = 0;
  for (const std::string& line : lines) {
    {
      Connection connection(world_->address);
      connection.send(line + body);
      EXPECT_NE(connection.wait_for_end(5s), Peer::open) << line;
    }
    EXPECT_TRUE(world_->closes("http", ++count)) << line;
  }
  // In pieces it is the same.
  Connection connection(world_->address);
  for (const char c : "set /x HTTP/1.1" + body) connection.send({&c, 1});
  EXPECT_NE(connection.wait_for_end(5s), Peer::open);
  EXPECT_TRUE(world_->closes("http", ++count));
  EXPECT_TRUE(world_->logs(world_->address + ": a client speaks HTTP"));
  EXPECT_EQ(world_->world.mctenant.sign_in("alice").fetch("forged"), std::nullopt);
}

TEST_F(SideCar, SocketsArePrivateUnlessTheirModeSaysOtherwise) {
  start(kOnUnix + R"(, {"address": "$FILES/shared.sock", "mode": "0666"})");
  EXPECT_EQ(mode_of(files_.file("alice.sock")), 0600u);
  EXPECT_EQ(mode_of(files_.file("shared.sock")), 0666u);
  BinaryClient client(files_.file("shared.sock"), "bob", "bob's password");
  client.store("k", "v");
}

TEST_F(SideCar, ASocketThatNobodyListensOnIsReplaced) {
  {
    // As a process leaves it that was killed.
    const int left = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = files_.file("alice.sock");
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(left, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(left);
  }
  start(kOnUnix);
  BinaryClient(files_.file("alice.sock")).store("k", "v");
  EXPECT_THROW(ListenerWorld(files_, kOnUnix), std::runtime_error) << "somebody listens";
  BinaryClient(files_.file("alice.sock")).store("k", "v");
  EXPECT_EQ(world_->world.mctenant.process().stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(files_.file("alice.sock"))) << "the next start finds none";
}

TEST_F(SideCar, APlansConnectionsBoundItToo) {
  start(kOnTcp, {.plan = R"("max_connections": 1)"});
  BinaryClient first(world_->address);
  first.store("k", "v");
  BinaryClient second(world_->address);
  EXPECT_EQ(second.connection().wait_for_end(5s), Peer::closed);
  EXPECT_TRUE(world_->closes("tenant_full"));
}

TEST_F(SideCar, AnotherCredentialCountsFromThenOn) {
  start(kOnTcp);
  BinaryClient before(world_->address);
  before.store("k", "alice's");
  const std::string bobs = R"({"address": "$ADDRESS", "credential": "bob"})";
  world_->configure(bobs, {});
  ASSERT_TRUE(world_->reloads(1));
  EXPECT_EQ(BinaryClient(world_->address).fetch("k"), std::nullopt);
  EXPECT_EQ(before.fetch("k"), "alice's");
  world_->configure(bobs, {.tenants = {{"bob", "bob's password"}}});
  EXPECT_EQ(before.connection().wait_for_end(10s), Peer::closed);
  EXPECT_TRUE(world_->closes("tenant_removed"));
  world_->configure(kOnTcp, {.tenants = {{"bob", "bob's password"}}});
  ASSERT_TRUE(world_->reloads(1, "failed")) << "of a credential that there is not";
}

}  // namespace
}  // namespace mctenant::integration
