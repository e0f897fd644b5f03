// TLS listeners and client certificates, against OpenSSL's client side.

#include <signal.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include "integration/listener_world.h"

namespace mctenant::integration {
namespace {

const std::string kTls = R"({"address": "$ADDRESS", "tls": {"certificate": "$FILES/server.pem",
  "private_key": "$FILES/server-key.pem"}})";
const std::string kClientCa = R"({"address": "$ADDRESS", "tls": {"certificate": "$FILES/server.pem",
  "private_key": "$FILES/server-key.pem", "client_ca": "$FILES/ca.pem", "client_identity": "$FIELD"}})";

std::string certified_by(const std::string& field) {
  std::string text = kClientCa;
  return text.replace(text.find("$FIELD"), 6, field);
}

std::string fault(const std::string& reason) {
  return "mctenant_tls_faults_total{reason=\"" + reason + "\"}";
}

const std::string kApplied = R"(mctenant_config_reloads_total{result="applied"})";

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    certificate_.write(files_, "server");
    authority_.write(files_, "ca");
  }
  void start(const std::string& listeners = kTls, MctenantOptions options = {}) {
    world_ = std::make_unique<ListenerWorld>(files_, listeners, std::move(options));
  }
  [[nodiscard]] Certificate issue(const CertificateWish& wish) const {
    return Certificate(wish, &authority_);
  }
  // Whether such a client may ask for a key.
  [[nodiscard]] bool lets_in(const Certificate* own, TlsVersion version = TlsVersion::any) const {
    try {
      BinaryClient client = world_->connect({.own = own, .version = version});
      return client.call(get("none")).status == status::kNotFound;
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  const TempFolder files_;
  const Certificate certificate_{{.alternative_names = "DNS:localhost,IP:127.0.0.1"}};
  const Certificate authority_ = Certificate::authority("our clients");
  std::unique_ptr<ListenerWorld> world_;
};

TEST_F(Tls, ServesBothVersionsBesideThePlainListener) {
  start();
  BinaryClient in_plain = world_->world.mctenant.sign_in("alice");
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    BinaryClient client = world_->sign_in({.trusted = certificate_.pem(), .version = version});
    const std::string name = client.connection().tls().version();
    client.store(name, "over TLS");
    EXPECT_EQ(in_plain.fetch(name), "over TLS");
    EXPECT_EQ(
        world_->metric("mctenant_tls_handshakes_total{version=\"" + name.substr(4) + "\",resumed=\"no\"}"),
        1u);
  }
  EXPECT_EQ(world_->metric("mctenant_tls_handshakes_under_way"), 0u);
}

TEST_F(Tls, ATextClientSignsInOverTls) {
  start();
  Connection connection(world_->address, TlsWish{});
  connection.send("set any 0 0 22\r\nalice alice's password\r\n");
  EXPECT_EQ(connection.read_until("\r\n"), "STORED\r\n");
  connection.send("get none\r\n");
  EXPECT_EQ(connection.read_until("\r\n"), "END\r\n");
}

TEST_F(Tls, CarriesBigValuesAndDeepPipelines) {
  start();
  BinaryClient client = world_->sign_in();
  std::vector<Packet> gets;
  for (const size_t size : {16'000UL, 16'384UL, 40'000UL, 1'000'000UL}) {
    client.store(std::to_string(size), std::string(size, 'v') + "end");
    for (int i = 0; i < 8; ++i) gets.push_back(get(std::to_string(size)));
  }
  const auto replies = client.call_all(gets, 20s);
  ASSERT_EQ(replies.size(), gets.size());
  for (size_t i = 0; i < replies.size(); ++i) {
    EXPECT_TRUE(replies[i].value == std::string(std::stoul(gets[i].key), 'v') + "end") << i;
  }
}

TEST_F(Tls, ATicketIsGoodOnEveryWorkerAndAfterANewCertificate) {
  start(kTls, {.workers = 3});
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    BinaryClient first = world_->sign_in({.version = version});
    const auto session = first.connection().tls().session();
    // The connections stay, so that each goes to another worker.
    std::vector<BinaryClient> others;
    for (int i = 0; i < 5; ++i) {
      others.push_back(world_->sign_in({.version = version, .resume = session}));
      EXPECT_TRUE(others.back().connection().tls().resumed()) << i;
    }
  }
  EXPECT_EQ(world_->metric(R"(mctenant_tls_handshakes_total{version="1.2",resumed="yes"})"), 5u);
  EXPECT_EQ(world_->metric(R"(mctenant_tls_handshakes_total{version="1.3",resumed="yes"})"), 5u);
  BinaryClient before = world_->sign_in();
  const auto session = before.connection().tls().session();
  Certificate({}).write(files_, "server");
  ASSERT_TRUE(world_->reloads(1));
  EXPECT_TRUE(world_->sign_in({.resume = session}).connection().tls().resumed());
}

TEST_F(Tls, ANewCertificateIsShownToNewConnectionsAndTheOthersStay) {
  start();
  BinaryClient before = world_->sign_in({.trusted = certificate_.pem()});
  const Certificate renewed({.alternative_names = "DNS:localhost"});
  renewed.write(files_, "server");
  ASSERT_TRUE(world_->reloads(1)) << world_->world.mctenant.process().output();
  EXPECT_EQ(world_->connect().connection().tls().server_certificate(), renewed.pem());
  before.store("k", "v");
  EXPECT_EQ(before.fetch("k"), "v");
}

TEST_F(Tls, ACertificateThatCantBeUsedChangesNothing) {
  start();
  files_.write("server.pem", Certificate({}).pem());  // and not its key
  ASSERT_TRUE(world_->reloads(1, "failed"));
  EXPECT_TRUE(world_->logs("/listeners/1/tls/private_key: "));
  EXPECT_EQ(world_->connect().connection().tls().server_certificate(), certificate_.pem());
  files_.write("server.pem", "garbage");
  world_->world.mctenant.process().signal(SIGHUP);
  ASSERT_TRUE(wait_until(
      [&] { return world_->metric(R"(mctenant_config_reloads_total{result="failed"})") >= 2; }, 10s));
  EXPECT_TRUE(world_->logs("/listeners/1/tls/certificate: "));
  EXPECT_EQ(world_->connect().connection().tls().server_certificate(), certificate_.pem());
  // Its own again, and it is looked for though the last reload has failed.
  certificate_.write(files_, "server");
  EXPECT_TRUE(world_->reloads(1));
}

TEST_F(Tls, SlowHandshakesAreClosedInTimeAndCounted) {
  start(kTls, {.limits = {{"sign_in_timeout", R"("300ms")"}}});
  Connection silent(world_->address);
  Connection begun(world_->address);
  TlsClient client;
  EXPECT_FALSE(client.shake_hands());
  begun.send(client.give().substr(0, 100));
  EXPECT_TRUE(world_->comes_to("mctenant_tls_handshakes_under_way", 2));
  EXPECT_NE(silent.wait_for_end(5s), Peer::open);
  EXPECT_NE(begun.wait_for_end(5s), Peer::open);
  EXPECT_TRUE(world_->closes("handshake_timeout", 2));
  EXPECT_EQ(world_->metric("mctenant_tls_handshakes_under_way"), 0u);

  BinaryClient idle = world_->connect();
  EXPECT_NE(idle.connection().wait_for_end(5s), Peer::open);
  EXPECT_TRUE(world_->closes("sign_in_timeout")) << "TLS alone is no sign-in";
}

TEST_F(Tls, NoMoreHandshakesThanTheLimitAreUnderWay) {
  start(kTls, {.limits = {{"handshakes", "2"}, {"sign_in_timeout", R"("20s")"}}});
  BinaryClient done = world_->sign_in();  // which counts no more
  Connection first(world_->address);
  Connection second(world_->address);
  ASSERT_TRUE(world_->comes_to("mctenant_tls_handshakes_under_way", 2));
  Connection third(world_->address);
  EXPECT_NE(third.wait_for_end(5s), Peer::open);
  EXPECT_TRUE(world_->closes("too_many_handshakes"));
  (void)world_->world.mctenant.sign_in("alice");  // in plain
  first.send("no TLS");
  EXPECT_NE(first.wait_for_end(5s), Peer::open);
  ASSERT_TRUE(world_->comes_to("mctenant_tls_handshakes_under_way", 1));
  (void)world_->sign_in();
}

TEST_F(Tls, WhoSpeaksTheOtherIsToldInTheLogAndCounted) {
  start(kTls, {.workers = 1});
  {
    BinaryClient client(world_->address);
    client.send(plain("alice", "alice's password"));
    EXPECT_NE(client.connection().wait_for_end(5s), Peer::open);
  }
  EXPECT_TRUE(world_->comes_to(fault("plain_text"), 1));
  EXPECT_TRUE(world_->closes("tls_failed"));
  EXPECT_TRUE(world_->logs(world_->address + ": the client does not speak TLS: 127.0.0.1:"));
  EXPECT_THROW(Connection(world_->world.mctenant.address(), TlsWish{}), std::runtime_error);
  EXPECT_TRUE(world_->closes("tls_in_plain"));
}

TEST_F(Tls, AClientOfTlsInPlainIsToldInTheLog) {
  start();
  EXPECT_THROW(Connection(world_->world.mctenant.address(), TlsWish{}), std::runtime_error);
  EXPECT_TRUE(world_->logs(world_->world.mctenant.address() + ": a client speaks TLS"));
}

TEST_F(Tls, FaultsAreCountedByTheirReason) {
  start();
  EXPECT_THROW((void)world_->connect({.version = TlsVersion::v1_0}), std::runtime_error);
  EXPECT_TRUE(world_->comes_to(fault("version"), 1));
  EXPECT_THROW((void)world_->connect({.trusted = Certificate({}).pem()}), std::runtime_error);
  EXPECT_TRUE(world_->comes_to(fault("alert"), 1));
  { Connection gone(world_->address); }
  EXPECT_TRUE(world_->comes_to(fault("lost"), 1));
  Connection broken(world_->address);
  broken.send(std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10));
  EXPECT_TRUE(world_->comes_to(fault("malformed"), 1));
  EXPECT_TRUE(world_->closes("tls_failed", 4));
}

TEST_F(Tls, OpensslsOwnClientIsServed) {
  start();
  const std::string requests = files_.write(
      "requests",
      join({plain("alice", "alice's password"), set("k", "from s_client"), get("k"), simple(op::kQuit)}));
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const Finished finished =
        run({"sh", "-c",
             "openssl s_client -quiet -verify_return_error -verify_hostname localhost -CAfile '" +
                 files_.file("server.pem") + "' -connect " + world_->address + " " + version + " <'" +
                 requests + "'"});
    EXPECT_EQ(finished.exit_code, 0) << finished.output;
    EXPECT_NE(finished.output.find("from s_client"), std::string::npos) << finished.output;
  }
}

TEST_F(Tls, ACertificateSignsInByItsName) {
  start(certified_by("cn"));
  const Certificate alice = issue({.common_names = {"alice"}});
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    BinaryClient client = world_->connect({.own = &alice, .version = version});
    client.store("k", "by certificate");
    EXPECT_EQ(world_->world.mctenant.sign_in("alice").fetch("k"), "by certificate");
    EXPECT_EQ(world_->world.mctenant.sign_in("bob").fetch("k"), std::nullopt);
  }
}

TEST_F(Tls, TextIsSpokenOverTlsAndByCertificate) {
  start(certified_by("cn"));
  const Certificate alice = issue({.common_names = {"alice"}});
  Connection connection(world_->address, {.own = &alice});
  connection.send("set k 0 0 4\r\ntext\r\nget k\r\n");
  EXPECT_EQ(connection.read_until("END\r\n"), "STORED\r\nVALUE k 0 4\r\ntext\r\nEND\r\n");
}

TEST_F(Tls, OnlyACertificateOfTheAuthorityThatNamesOneCredentialIsLetIn) {
  start(certified_by("cn"));
  const Certificate stranger({.common_names = {"alice"}});
  const Certificate unknown = issue({.common_names = {"alic"}});
  const Certificate capital = issue({.common_names = {"Alice"}});
  const Certificate nobody = issue({.common_names = {}, .alternative_names = "DNS:alice"});
  const Certificate both = issue({.common_names = {"alice", "bob"}});
  const Certificate late = issue({.common_names = {"alice"}, .from_day = -3, .to_day = -1});
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    for (const Certificate* own : {&stranger, &unknown, &capital, &nobody, &both, &late}) {
      EXPECT_FALSE(lets_in(own, version));
    }
    EXPECT_FALSE(lets_in(nullptr, version));
  }
  EXPECT_TRUE(world_->closes("unknown_identity", 8));
  EXPECT_TRUE(world_->comes_to(fault("bad_certificate"), 4));
  EXPECT_TRUE(world_->comes_to(fault("no_certificate"), 2));
}

TEST_F(Tls, WhatACertificateNamesIsToldInTheLogAndDoesNoHarmThere) {
  start(certified_by("cn"), {.workers = 1});
  const Certificate odd = issue({.common_names = {"al\"ice\n", "a2", "a3", "a4"}});
  EXPECT_FALSE(lets_in(&odd, TlsVersion::v1_3));
  EXPECT_TRUE(world_->logs(
      world_->address + R"(: a client's certificate names no credential ("al\x22ice\x0a", "a2", "a3", …): )"
                        "127.0.0.1:"))
      << world_->world.mctenant.process().output();
}

TEST_F(Tls, AlternativeNamesSignIn) {
  const Certificate own =
      issue({.common_names = {"bob"}, .alternative_names = "DNS:alice,DNS:app,email:carol,URI:dave"});
  const std::map<std::string, std::string> names{
      {"san_dns", "alice"}, {"san_email", "carol"}, {"san_uri", "dave"}};
  for (const auto& [field, username] : names) {
    start(certified_by(field), {.tenants = {{username, "password"}, {"bob", "bob's"}}});
    BinaryClient client = world_->connect({.own = &own});
    client.store("k", field);
    EXPECT_EQ(BinaryClient(world_->world.mctenant.address(), username, "password").fetch("k"), field);
  }
}

TEST_F(Tls, RemovingItsCredentialRevokesACertificate) {
  start(certified_by("cn"));
  const Certificate alice = issue({.common_names = {"alice"}});
  const Certificate bob = issue({.common_names = {"bob"}});
  BinaryClient gone = world_->connect({.own = &alice});
  gone.store("k", "v");
  const auto session = gone.connection().tls().session();
  BinaryClient stays = world_->connect({.own = &bob});
  stays.store("k", "v");
  world_->configure(certified_by("cn"), {.tenants = {{"bob", "bob's password"}}});
  const auto changed = std::chrono::steady_clock::now();
  EXPECT_EQ(gone.connection().wait_for_end(10s), Peer::closed);
  if (!base::kSanitized) {
    EXPECT_LT(std::chrono::steady_clock::now() - changed, 1s);
  }
  EXPECT_TRUE(world_->closes("tenant_removed"));
  EXPECT_FALSE(lets_in(&alice));
  EXPECT_THROW(world_->connect({.own = &alice, .resume = session}).store("k", "v"), std::runtime_error);
  EXPECT_EQ(stays.fetch("k"), "v");
}

TEST_F(Tls, APasswordStillCountsBehindACertificate) {
  start(certified_by("cn"));
  const Certificate alice = issue({.common_names = {"alice"}});
  BinaryClient client = world_->connect({.own = &alice});
  client.store("whose", "alice's");
  EXPECT_EQ(client.status_of(plain("bob", "bob's password")), status::kOk);
  EXPECT_EQ(client.fetch("whose"), std::nullopt);
}

TEST_F(Tls, AClientCaAloneLetsInAndSignsNobodyIn) {
  std::string listener = kClientCa;
  start(listener.replace(listener.find(R"(, "client_identity": "$FIELD")"), 29, ""));
  const Certificate own = issue({.common_names = {"whoever"}});
  BinaryClient client = world_->connect({.own = &own});
  EXPECT_EQ(client.status_of(get("k")), status::kAuth);
  EXPECT_EQ(client.status_of(plain("alice", "alice's password")), status::kOk);
  EXPECT_FALSE(lets_in(nullptr));
}

TEST_F(Tls, APlansConnectionsBoundCertificatesToo) {
  start(certified_by("cn"), {.plan = R"("max_connections": 1)"});
  const Certificate alice = issue({.common_names = {"alice"}});
  BinaryClient first = world_->connect({.own = &alice});
  EXPECT_EQ(first.status_of(get("k")), status::kNotFound);
  EXPECT_FALSE(lets_in(&alice));
  EXPECT_TRUE(world_->closes("tenant_full"));
}

// Worth running under the thread sanitizer.
class ConcurrentTls : public Tls {
 protected:
  // Does it again and again until told to stop; the first thing that goes wrong is written down.
  void keep_on(const std::function<void()>& what) {
    threads_.emplace_back([this, what] {
      while (!stop_) {
        try {
          what();
          ++done_;
        } catch (const std::exception& error) {
          const std::lock_guard lock(mutex_);
          if (wrong_.empty()) wrong_ = error.what();
          return;
        }
      }
    });
  }

  std::atomic<bool> stop_{false};
  std::atomic<int> done_{0};
  std::mutex mutex_;
  std::string wrong_;
  std::vector<std::jthread> threads_;
};

TEST_F(ConcurrentTls, NoConnectionIsLostWhileCertificatesChange) {
  // A server that is starved of CPU for a while is not to be taken for one that is down.
  start(kTls, {.pool = R"("timeout": "20s")", .limits = {{"sign_in_timeout", R"("60s")"}}});
  for (int i = 0; i < 2; ++i) {
    keep_on([this] { world_->sign_in().store("new", "connections"); });
    auto stays = std::make_shared<BinaryClient>(world_->sign_in());
    keep_on([stays, name = std::to_string(i), count = 0]() mutable {
      const std::string value = std::to_string(++count) + std::string(20'000, 'x');
      stays->store(name, value);
      if (stays->fetch(name) != value) throw std::runtime_error("another value came back");
    });
  }
  for (uint64_t reload = 1; reload <= 4; ++reload) {
    Certificate({}).write(files_, "server");
    EXPECT_TRUE(wait_until([&] { return world_->metric(kApplied) >= reload; }, 20s));
  }
  stop_ = true;
  threads_.clear();
  EXPECT_EQ(wrong_, "") << world_->world.mctenant.process().output();
  EXPECT_GT(done_, 20);
}

}  // namespace
}  // namespace mctenant::integration
