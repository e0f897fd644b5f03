#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/stream.h"
#include "support/certificates.h"
#include "support/loop_thread.h"
#include "support/temp_folder.h"
#include "support/tls_client.h"

namespace mctenant::net {
namespace {

using namespace std::chrono_literals;
using support::Certificate;
using support::TlsClient;
using support::TlsVersion;
using support::TlsWish;
using testing::StartsWith;

constexpr char kHandshake = 22;
constexpr char kData = 23;

std::string pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 131 + i / 251) % 256);
  return text;
}

// The types of the records, one after the other.
std::vector<char> record_types(std::string_view bytes) {
  std::vector<char> types;
  while (bytes.size() >= 5) {
    types.push_back(bytes[0]);
    const size_t length = static_cast<uint8_t>(bytes[3]) * 256U + static_cast<uint8_t>(bytes[4]);
    bytes.remove_prefix(std::min(bytes.size(), 5 + length));
  }
  return types;
}

struct State {
  bool connected = false;
  std::string received;
  size_t largest_input = 0;
  bool input_end = false;
  bool ended = false;
  std::string error;
};

class Recorder final : public Stream::Handler {
 public:
  void on_connected() override {
    watched.change([](State& state) { state.connected = true; });
  }
  void on_input(base::InputBuffer& in) override {
    watched.change([&](State& state) {
      state.received += in.view();
      state.largest_input = std::max(state.largest_input, in.view().size());
    });
    if (echo) echo(in.view());
    in.consume(in.view().size());
  }
  void on_input_end() override {
    watched.change([](State& state) { state.input_end = true; });
  }
  void on_ended(const std::string& error) override {
    watched.change([&](State& state) {
      state.ended = true;
      state.error = error;
    });
  }
  std::function<void(std::string_view)> echo;
  support::Watched<State> watched;
};

// A stream with TLS on one end of a pair of sockets, and a client whose bytes are in the test's hands on the
// other.
class TlsStreamTest : public testing::Test {
 protected:
  void TearDown() override {
    thread_.call([this] { stream_.reset(); });
    thread_.stop();
    if (peer_ >= 0) close(peer_);
  }

  void begin(const TlsWish& wish = {}, const std::string& client_ca = "") {
    certificate_.write(folder_, "server");
    TlsOptions options{folder_.file("server.pem"), folder_.file("server-key.pem"), "", std::nullopt};
    if (!client_ca.empty()) options.client_ca = folder_.write("ca.pem", client_ca);
    auto loaded = TlsContext::load(options);
    ASSERT_TRUE(loaded.context);
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    peer_ = fds[0];
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    client_.emplace(wish);
    thread_.call(
        [&] { stream_ = std::make_unique<Stream>(thread_.loop(), fds[1], recorder_, loaded.context.get()); });
  }
  // Sends what the client has to send, in pieces of `chunk_` bytes.
  void send_out() { send_raw(client_->give()); }
  void send_raw(std::string_view bytes) const {
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, chunk_);
      const ssize_t sent = ::send(peer_, piece.data(), piece.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // Gives the client what the server sends next; false at the end, or if nothing comes.
  bool take_in() {
    pollfd readable{peer_, POLLIN, 0};
    if (poll(&readable, 1, 10'000) <= 0) return false;
    char bytes[65'536];
    const ssize_t got = recv(peer_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    taken_.append(bytes, static_cast<size_t>(got));
    client_->take({bytes, static_cast<size_t>(got)});
    return true;
  }
  void shake_hands() {
    while (!client_->shake_hands()) {
      send_out();
      ASSERT_TRUE(take_in());
    }
    send_out();
    ASSERT_TRUE(recorder_.watched.wait([](const State& state) { return state.connected; }));
  }
  // Whatever is left of an attempt that may fail on either side.
  void try_to_shake_hands() {
    try {
      while (!client_->shake_hands()) {
        send_out();
        if (!take_in()) return;
      }
    } catch (const std::runtime_error&) {
    }
    send_out();
  }
  void send(const std::string& text) {
    client_->write(text);
    send_out();
  }
  std::string read(size_t size) {
    std::string text = client_->read();
    while (text.size() < size && take_in()) text += client_->read();
    return text;
  }
  void write(const std::string& text) {
    thread_.call([&] {
      stream_->output().append(std::string_view(text));
      stream_->flush();
    });
  }
  void echo() {
    recorder_.echo = [this](std::string_view text) {
      stream_->output().append(text);
      stream_->flush();
    };
  }
  bool receives(const std::string& text) {
    return recorder_.watched.wait([&](const State& state) { return state.received == text; });
  }
  // The stream has ended by this.
  std::optional<TlsFault> fault() {
    if (!recorder_.watched.wait([](const State& state) { return state.ended; })) return std::nullopt;
    return thread_.call(
        [this] { return stream_->tls_failed() ? std::optional(stream_->tls()->fault()) : std::nullopt; });
  }

  const support::TempFolder folder_;
  const Certificate certificate_{{.alternative_names = "DNS:localhost"}};
  support::LoopThread thread_;
  Recorder recorder_;
  std::unique_ptr<Stream> stream_;
  std::optional<TlsClient> client_;
  int peer_ = -1;
  size_t chunk_ = SIZE_MAX;
  std::string taken_;
};

TEST_F(TlsStreamTest, SpeaksBothVersionsAndCarriesEveryLength) {
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    begin({.trusted = certificate_.pem(), .version = version});
    echo();
    shake_hands();
    EXPECT_EQ(client_->version(), version == TlsVersion::v1_2 ? "TLSv1.2" : "TLSv1.3");
    std::string all;
    for (const size_t size : {1, 2, 1000, 16'367, 16'368, 16'369, 16'384, 16'385, 100'000, 1'000'000}) {
      const std::string text = pattern(size);
      send(text);
      ASSERT_EQ(read(size), text) << size;
      all += text;
    }
    EXPECT_EQ(recorder_.watched.get().received, all);
    thread_.call([this] { stream_.reset(); });
    recorder_.watched.change([](State& state) { state = {}; });
    close(std::exchange(peer_, -1));
  }
}

TEST_F(TlsStreamTest, MayBeCutAnywhere) {
  for (const size_t chunk : {1, 2, 7, 500}) {
    chunk_ = chunk;
    begin();
    echo();
    shake_hands();
    send("one");
    EXPECT_EQ(read(3), "one");
    const std::string longer = pattern(20'000);
    send(longer);
    EXPECT_EQ(read(longer.size()), longer);
    thread_.call([this] { stream_.reset(); });
    recorder_.watched.change([](State& state) { state = {}; });
    close(std::exchange(peer_, -1));
  }
}

TEST_F(TlsStreamTest, SmallPiecesOfOneTurnLeaveInOneRecord) {
  begin({.version = TlsVersion::v1_2});  // whose record types can be seen
  shake_hands();
  taken_.clear();
  std::string all;
  thread_.call([&] {
    for (int i = 0; i < 100; ++i) {
      base::BlockRef block(base::Block::take(10));
      std::memset(block->data(), 'a' + i % 26, 10);
      all += std::string(block->data(), 10);
      stream_->output().append(base::Slice{block, block->data(), 10});
      stream_->flush();
    }
  });
  EXPECT_EQ(read(all.size()).substr(0, 640), all.substr(0, 640));
  // As many pieces as one write gathers, and the rest.
  EXPECT_EQ(record_types(taken_), (std::vector<char>{kData, kData}));
}

TEST_F(TlsStreamTest, WhatWaitsInsideIsReadThoughTheSocketIsSilent) {
  begin();
  thread_.call([this] { stream_->set_read_limit(100); });
  shake_hands();
  const std::string text = pattern(150'000);
  send(text);
  ASSERT_TRUE(receives(text));
  EXPECT_LE(recorder_.watched.get().largest_input, 100u);
}

TEST_F(TlsStreamTest, APauseLeavesWhatIsInsideForLater) {
  begin();
  recorder_.echo = [this](std::string_view) { stream_->pause_reading(); };
  thread_.call([this] { stream_->set_read_limit(1000); });
  shake_hands();
  const std::string text = pattern(5000);
  send(text);
  for (size_t size = 1000; size <= 5000; size += 1000) {
    ASSERT_TRUE(receives(text.substr(0, size))) << size;
    thread_.call([] {});
    EXPECT_EQ(recorder_.watched.get().received.size(), size) << "though reading was paused";
    thread_.call([this] { stream_->resume_reading(); });
  }
}

TEST_F(TlsStreamTest, APeerThatReadsSlowlyGetsEverythingInItsOrder) {
  begin();
  shake_hands();
  std::string all;
  // More is appended while a record waits for room in the socket.
  for (int i = 0; i < 40; ++i) {
    const std::string text = std::to_string(i) + pattern(50'000 + static_cast<size_t>(i));
    write(text);
    all += text;
  }
  EXPECT_TRUE(read(all.size()) == all);
}

TEST_F(TlsStreamTest, KeysMayBeRenewedOnTheWay) {
  begin({.version = TlsVersion::v1_3});
  echo();
  shake_hands();
  for (const char* text : {"a", "b", "c"}) {
    client_->renew_keys();
    send(text);
    EXPECT_EQ(read(1), text);
  }
}

TEST_F(TlsStreamTest, FarewellsAreSaidAndHeard) {
  begin();
  shake_hands();
  write("last words");
  thread_.call([this] { stream_->finish(); });
  EXPECT_EQ(read(10), "last words");
  while (take_in()) {
  }
  EXPECT_EQ(client_->read(), "");
  EXPECT_TRUE(client_->ended()) << "the end could be anybody's";
  shutdown(peer_, SHUT_WR);
  EXPECT_EQ(fault(), std::nullopt);
}

TEST_F(TlsStreamTest, ThePeersFarewellEndsTheInputAndNotTheOutput) {
  begin();
  shake_hands();
  send("text");
  client_->say_farewell();
  send_out();
  ASSERT_TRUE(recorder_.watched.wait([](const State& state) { return state.input_end; }));
  EXPECT_EQ(recorder_.watched.get().received, "text");
  write("answer");
  EXPECT_EQ(read(6), "answer");
}

TEST_F(TlsStreamTest, APeerMayEndWithoutAFarewell) {
  begin();
  shake_hands();
  send("text");
  shutdown(peer_, SHUT_WR);
  ASSERT_TRUE(recorder_.watched.wait([](const State& state) { return state.input_end; }));
  write("answer");
  EXPECT_EQ(read(6), "answer");
}

TEST_F(TlsStreamTest, PlainTextIsToldFromBrokenTls) {
  for (const char* text :
       {"get a\r\n", "GET / HTTP/1.1\r\n\r\n", "\x80\x21\x00\x05......................."}) {
    begin();
    send_raw(std::string_view(text, 7));
    EXPECT_EQ(fault(), TlsFault::plain_text) << text;
    recorder_.watched.change([](State& state) { state = {}; });
    close(std::exchange(peer_, -1));
  }
  begin();
  send_raw(std::string_view("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9));
  send_raw(std::string(200, 'x'));
  EXPECT_EQ(fault(), TlsFault::malformed);
}

TEST_F(TlsStreamTest, ARecordThatWasChangedOnItsWayEndsTheConnection) {
  begin();
  shake_hands();
  client_->write("text");
  std::string record = client_->give();
  record.back() = static_cast<char>(record.back() ^ 1);
  send_raw(record);
  EXPECT_EQ(fault(), TlsFault::malformed);
  EXPECT_EQ(recorder_.watched.get().received, "");
}

TEST_F(TlsStreamTest, OldVersionsAreRefused) {
  begin({.version = TlsVersion::v1_0});
  try_to_shake_hands();
  EXPECT_EQ(fault(), TlsFault::version);
}

TEST_F(TlsStreamTest, AClientThatDoesNotTrustUsIsHeard) {
  begin({.trusted = Certificate({}).pem()});
  try_to_shake_hands();
  EXPECT_EQ(fault(), TlsFault::alert);
}

TEST_F(TlsStreamTest, AHandshakeThatBreaksOffIsLost) {
  begin();
  EXPECT_FALSE(client_->shake_hands());
  send_raw(client_->give().substr(0, 50));
  close(std::exchange(peer_, -1));
  EXPECT_EQ(fault(), TlsFault::lost);
  EXPECT_FALSE(recorder_.watched.get().connected);
}

TEST_F(TlsStreamTest, AConnectionThatIsLostAfterwardsIsNoFaultOfTls) {
  begin();
  shake_hands();
  close(std::exchange(peer_, -1));
  write("into the void");
  EXPECT_EQ(fault(), std::nullopt);
  EXPECT_TRUE(recorder_.watched.get().ended);
  EXPECT_EQ(recorder_.watched.get().error.find("handshake"), std::string::npos);
}

TEST_F(TlsStreamTest, OnlyClientsOfTheAuthorityAreLetIn) {
  const Certificate authority = Certificate::authority("ours");
  const Certificate other = Certificate::authority("another");
  const Certificate good({.common_names = {"app"}}, &authority);
  const Certificate bad({.common_names = {"app"}}, &other);
  const Certificate late({.common_names = {"app"}, .from_day = -3, .to_day = -1}, &authority);
  struct {
    const Certificate* shown;
    std::optional<TlsFault> fault;
  } const cases[] = {{nullptr, TlsFault::no_certificate},
                     {&bad, TlsFault::bad_certificate},
                     {&late, TlsFault::bad_certificate}};
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    for (const auto& [shown, expected] : cases) {
      begin({.own = shown, .version = version}, authority.pem());
      try_to_shake_hands();
      EXPECT_EQ(fault(), expected);
      recorder_.watched.change([](State& state) { state = {}; });
      close(std::exchange(peer_, -1));
    }
    begin({.own = &good, .version = version}, authority.pem());
    shake_hands();
    EXPECT_THAT(thread_.call([this] { return stream_->tls()->peer_names(CertificateField::cn); }),
                testing::ElementsAre("app"));
    thread_.call([this] { stream_.reset(); });
    recorder_.watched.change([](State& state) { state = {}; });
    close(std::exchange(peer_, -1));
  }
}

TEST_F(TlsStreamTest, NamesAreReadFromEveryField) {
  const Certificate authority = Certificate::authority("ours");
  const Certificate own(
      {.common_names = {"first", "sécond"},
       .alternative_names = "DNS:a.example,email:a@b,DNS:b.example,URI:spiffe://x/y,IP:1.2.3.4"},
      &authority);
  begin({.own = &own}, authority.pem());
  shake_hands();
  const auto names = [this](CertificateField field) {
    return thread_.call([&] { return stream_->tls()->peer_names(field); });
  };
  EXPECT_THAT(names(CertificateField::cn), testing::ElementsAre("first", "sécond"));
  EXPECT_THAT(names(CertificateField::san_dns), testing::ElementsAre("a.example", "b.example"));
  EXPECT_THAT(names(CertificateField::san_email), testing::ElementsAre("a@b"));
  EXPECT_THAT(names(CertificateField::san_uri), testing::ElementsAre("spiffe://x/y"));
}

TEST_F(TlsStreamTest, ASessionIsResumedUnderAnotherCertificateAndNotUnderAnotherClientCa) {
  const Certificate authority = Certificate::authority("ours");
  const Certificate own({.common_names = {"app"}}, &authority);
  for (const TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    begin({.own = &own, .version = version}, authority.pem());
    echo();
    shake_hands();
    send("x");
    EXPECT_EQ(read(1), "x");  // the ticket came before
    const auto session = client_->session();
    const auto again = [&](const std::string& client_ca) {
      thread_.call([this] { stream_.reset(); });
      recorder_.watched.change([](State& state) { state = {}; });
      close(std::exchange(peer_, -1));
      begin({.own = &own, .version = version, .resume = session}, client_ca);
      shake_hands();
      return client_->resumed();
    };
    client_.emplace();  // else the session is the last one's still
    EXPECT_TRUE(again(authority.pem())) << "of another context";
    EXPECT_THAT(thread_.call([this] { return stream_->tls()->peer_names(CertificateField::cn); }),
                testing::ElementsAre("app"));
    EXPECT_FALSE(again(authority.pem() + Certificate::authority("another").pem()));
    thread_.call([this] { stream_.reset(); });
    recorder_.watched.change([](State& state) { state = {}; });
    close(std::exchange(peer_, -1));
  }
}

TEST_F(TlsStreamTest, NothingIsHeldBetweenRecordsAndAbortIsQuiet) {
  begin();
  shake_hands();
  thread_.call([this] { stream_->abort("enough"); });
  EXPECT_EQ(fault(), std::nullopt);
  taken_.clear();
  while (take_in()) {
  }
  EXPECT_THAT(record_types(taken_), testing::Each(kData)) << "tickets at most";
}

TEST_F(TlsStreamTest, AStormOfHandshakesIsWorkedOffOverTurns) {
  constexpr size_t kMany = 20;
  begin();
  const auto loaded =
      TlsContext::load({folder_.file("server.pem"), folder_.file("server-key.pem"), "", std::nullopt});
  std::vector<std::unique_ptr<TlsClient>> clients;
  std::vector<Recorder> recorders(kMany);
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<int> peers;
  thread_.call([&] {
    for (size_t i = 0; i < kMany; ++i) {
      clients.push_back(std::make_unique<TlsClient>());
      EXPECT_FALSE(clients[i]->shake_hands());
      int fds[2];
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
      fcntl(fds[1], F_SETFL, O_NONBLOCK);
      const std::string hello = clients[i]->give();
      ASSERT_EQ(::send(fds[0], hello.data(), hello.size(), 0), static_cast<ssize_t>(hello.size()));
      peers.push_back(fds[0]);
      streams.push_back(std::make_unique<Stream>(thread_.loop(), fds[1], recorders[i], loaded.context.get()));
    }
  });
  // All of them are readable in one turn now.
  for (size_t i = 0; i < kMany; ++i) {
    std::swap(peer_, peers[i]);
    while (!clients[i]->shake_hands()) {
      send_raw(clients[i]->give());
      char bytes[65'536];
      const ssize_t got = recv(peer_, bytes, sizeof bytes, 0);
      ASSERT_GT(got, 0);
      clients[i]->take({bytes, static_cast<size_t>(got)});
    }
    send_raw(clients[i]->give());
    std::swap(peer_, peers[i]);
    EXPECT_TRUE(recorders[i].watched.wait([](const State& state) { return state.connected; })) << i;
  }
  thread_.call([&] { streams.clear(); });
  for (const int peer : peers) close(peer);
}

TEST_F(TlsStreamTest, FinishBeforeTheHandshakeIsDoneEndsAtOnce) {
  begin();
  EXPECT_FALSE(client_->shake_hands());
  EXPECT_EQ(record_types(client_->give()), std::vector<char>{kHandshake});
  EXPECT_TRUE(thread_.call([this] { return stream_->handshaking(); }));
  thread_.call([this] { stream_->finish(); });
  EXPECT_EQ(fault(), std::nullopt);
}

}  // namespace
}  // namespace mctenant::net
