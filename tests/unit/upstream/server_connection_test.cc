#include "upstream/server_connection.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <string>

#include "support/loop_thread.h"
#include "support/memcached_process.h"
#include "unit/upstream/scripted_tcp_server.h"

namespace mctenant::upstream {
namespace {

using namespace std::chrono_literals;
using protocol::Command;
using protocol::Status;
using support::wait_until;

struct Answer {
  int replies = 0;
  Status status = Status::ok;
  std::string value;
  uint64_t cas = 0;
};

std::string value_of(const base::Slice& slice) {
  base::OutputQueue queue;
  queue.append(slice);
  std::string bytes;
  while (!queue.empty()) {
    size_t piped = 0;
    if (queue.next_pipe(piped) != nullptr) queue.take_out_of_pipe();
    iovec piece;
    EXPECT_EQ(queue.gather(&piece, 1), 1);
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    queue.consume(piece.iov_len);
  }
  return bytes;
}

// A call that writes its reply down.
class Asked final : public Call {
 public:
  void on_reply(const protocol::Reply& reply) override {
    answer.change([&](Answer& a) {
      ++a.replies;
      a.status = reply.status;
      a.value = value_of(reply.value);
      a.cas = reply.cas;
    });
    if (then) then();
  }
  [[nodiscard]] bool wait() {
    return answer.wait([](const Answer& a) { return a.replies > 0; });
  }
  [[nodiscard]] Status status() {
    EXPECT_TRUE(wait());
    return answer.get().status;
  }
  [[nodiscard]] std::string value() {
    EXPECT_TRUE(wait());
    return answer.get().value;
  }

  support::Watched<Answer> answer;
  std::function<void()> then;
};

class ServerConnectionTest : public testing::Test {
 protected:
  ServerConnectionTest() {
    options_.timeout = 5s;
    options_.connect_timeout = 5s;
    options_.retry_min = 10ms;
    options_.retry_max = 50ms;
  }
  ~ServerConnectionTest() override {
    running_.stop();
    connection_.reset();
    resolver_.reset();
    for (const auto& call : calls_) EXPECT_LE(call->answer.get().replies, 1);
  }

  void open(const std::string& address) {
    running_.call([&] { open_here(address); });
  }
  // On the loop's thread.
  void open_here(const std::string& address) {
    const auto parsed = net::parse_address(address);
    ASSERT_TRUE(parsed.has_value());
    connection_ = std::make_unique<ServerConnection>(running_.loop(), *resolver_, options_,
                                                     ServerOptions{.address = *parsed}, state_, false);
    connection_->start([this] { settled_.change([](int& count) { ++count; }); });
  }
  [[nodiscard]] bool settled() {
    return settled_.wait([](int count) { return count > 0; });
  }
  // Any thread may read the figures.
  [[nodiscard]] bool is_ready() const { return connection_->figures().ready.load(); }
  [[nodiscard]] bool becomes_ready(bool ready = true) const {
    return wait_until([&] { return is_ready() == ready; }, 10s);
  }
  void open_and_wait(const std::string& address) {
    open(address);
    ASSERT_TRUE(settled());
    ASSERT_TRUE(is_ready());
  }

  Asked& new_call() { return *calls_.emplace_back(std::make_unique<Asked>()); }
  // On the loop's thread.
  Asked& send_here(Command command, std::string_view key, std::string_view value = "") {
    Asked& call = new_call();
    protocol::Request request;
    request.command = command;
    request.value = {{}, value.data(), value.size()};
    connection_->send(request, key, call);
    return call;
  }
  Asked& send(Command command, std::string_view key, std::string_view value = "") {
    return running_.call([&]() -> std::reference_wrapper<Asked> { return send_here(command, key, value); });
  }

  PoolOptions options_;
  std::deque<std::unique_ptr<Asked>> calls_;
  support::Watched<int> settled_;
  support::LoopThread running_;
  ServerState state_;
  std::unique_ptr<net::Resolver> resolver_ = std::make_unique<net::Resolver>();
  std::unique_ptr<ServerConnection> connection_;
};

TEST_F(ServerConnectionTest, CarriesRequestsOutOnARealServer) {
  const support::MemcachedProcess memcached;
  open_and_wait(memcached.address());
  EXPECT_EQ(running_.call([&] { return connection_->item_size_max(); }), 2U << 20);
  EXPECT_EQ(send(Command::set, "key", "value").status(), Status::ok);
  Asked& read = send(Command::get, "key");
  EXPECT_EQ(read.status(), Status::ok);
  EXPECT_EQ(read.value(), "value");
  EXPECT_NE(read.answer.get().cas, 0U);
  EXPECT_EQ(send(Command::get, "none").status(), Status::not_found);
  EXPECT_EQ(connection_->figures().requests.get(), 3U);
  EXPECT_EQ(connection_->figures().in_flight.get(), 0U);
  EXPECT_EQ(connection_->figures().connects.get(), 1U);
}

TEST_F(ServerConnectionTest, MayGoInTheTurnOfARequest) {
  const support::MemcachedProcess memcached;
  open_and_wait(memcached.address());
  running_.call([&] {
    send_here(Command::set, "key", "value");
    connection_.reset();
  });
  EXPECT_EQ(calls_.front()->status(), Status::temporary_failure);
  running_.call([] {});  // the end of that turn is over
}

TEST_F(ServerConnectionTest, MayGoBeforeItKnowsItsAddress) {
  running_.call([&] {
    open_here("localhost:1");
    connection_.reset();
  });
  resolver_.reset();  // waits for what it has begun
  running_.call([] {});
  EXPECT_EQ(settled_.get(), 0);
}

TEST_F(ServerConnectionTest, SpeaksOverAUnixSocket) {
  const support::MemcachedProcess memcached({.unix_socket = true});
  open_and_wait(memcached.address());
  EXPECT_EQ(send(Command::set, "key", "value").status(), Status::ok);
}

TEST_F(ServerConnectionTest, RepliesFindTheirCallsWhateverTheirSizes) {
  const support::MemcachedProcess memcached;
  open_and_wait(memcached.address());
  const auto value_of = [](int i) {
    const size_t size = i % 50 == 0 ? 600'000 : i % 7 == 0 ? 20'000 : static_cast<size_t>(i % 100);
    return std::to_string(i) + ":" + std::string(size, static_cast<char>('a' + i % 26));
  };
  constexpr int kCount = 600;
  std::vector<Asked*> reads;
  running_.call([&] {
    for (int i = 0; i < kCount; ++i) {
      (void)send_here(Command::set, "key" + std::to_string(i), value_of(i));
      reads.push_back(&send_here(Command::get, "key" + std::to_string(i)));
    }
  });
  for (int i = 0; i < kCount; ++i) ASSERT_TRUE(reads[static_cast<size_t>(i)]->value() == value_of(i)) << i;
  EXPECT_GT(connection_->figures().piped_values.get(), 0U);
}

TEST_F(ServerConnectionTest, ACallMaySendAnotherFromItsReply) {
  const support::MemcachedProcess memcached;
  open_and_wait(memcached.address());
  Asked& second = new_call();
  Asked& first = new_call();
  first.then = [&] {
    protocol::Request request;
    request.command = Command::get;
    connection_->send(request, "key", second);
  };
  running_.call([&] {
    protocol::Request request;
    request.command = Command::set;
    request.value = {{}, "v", 1};
    connection_->send(request, "key", first);
  });
  EXPECT_EQ(second.value(), "v");
}

TEST_F(ServerConnectionTest, RequestsLeaveWithThoseThatAreAtHand) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(settled());
  support::Watched<bool> asked;
  running_.call([&] {
    send_here(Command::get, "one");
    send_here(Command::get, "two");
    running_.loop().post([&] {
      EXPECT_FALSE(server.readable()) << "the first two have left alone";
      send_here(Command::get, "six");
      asked.change([](bool& done) { done = true; });
    });
  });
  ASSERT_TRUE(asked.wait([](bool done) { return done; }));
  EXPECT_EQ(server.read(3 * 14), "mg one v f c\r\nmg two v f c\r\nmg six v f c\r\n");
  server.send("EN\r\nEN\r\nEN\r\n");
  for (const auto& call : calls_) EXPECT_EQ(call->status(), Status::not_found);
}

TEST_F(ServerConnectionTest, AServerWithoutCasIsNotUsed) {
  const support::MemcachedProcess memcached({.flags = {"-C"}});
  open(memcached.address());
  ASSERT_TRUE(settled());
  EXPECT_FALSE(is_ready());
  // It tries again, since the operator may repair it.
  ASSERT_TRUE(wait_until([&] { return connection_->figures().failures.get() >= 3; }, 10s));
  EXPECT_EQ(connection_->figures().connects.get(), 0U);
}

TEST_F(ServerConnectionTest, AServerThatSpeaksBinaryOnlyIsNotUsed) {
  const support::MemcachedProcess memcached({.flags = {"-B", "binary"}});
  open(memcached.address());
  ASSERT_TRUE(settled());
  EXPECT_FALSE(is_ready());
}

TEST_F(ServerConnectionTest, AnOldServerIsNotUsed) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce("1.6.12"));
  ASSERT_TRUE(settled());
  EXPECT_FALSE(is_ready());
}

TEST_F(ServerConnectionTest, WhatDoesNotAnswerAsAMemcachedIsNotUsed) {
  const std::vector<std::string> answers{"HTTP/1.1 400 Bad Request\r\n\r\n", "ERROR\r\n",
                                         std::string(5000, 'x'), std::string("\x81\0\r\n", 4), "\r\n"};
  ScriptedTcpServer server;
  options_.retry_max = 10ms;
  open(server.address());
  for (const std::string& answer : answers) {
    ASSERT_TRUE(server.accept());
    server.send(answer);
    EXPECT_LE(server.read(1000).size(), ServerCheck::kQuestions.size());  // and then it hangs up
  }
  EXPECT_FALSE(is_ready());
}

TEST_F(ServerConnectionTest, TheCheckMayComeInPieces) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept());
  const std::string answer =
      "VERSION 1.6.18\r\nSTAT pid 1\r\nSTAT uptime 5\r\nSTAT time 1795000000\r\nEND\r\n"
      "STAT item_size_max 4096\r\nSTAT cas_enabled yes\r\nEND\r\n";
  for (const char& byte : answer) {
    server.send({&byte, 1});
    running_.call([] {});
  }
  ASSERT_TRUE(becomes_ready());
  EXPECT_EQ(running_.call([&] { return connection_->item_size_max(); }), 4096U);
}

TEST_F(ServerConnectionTest, AServerThatIsDownIsToldAndTriedAgain) {
  support::MemcachedProcess memcached;
  memcached.kill();
  open(memcached.address());
  ASSERT_TRUE(settled());
  EXPECT_FALSE(is_ready());
  memcached.start();
  ASSERT_TRUE(becomes_ready());
  EXPECT_EQ(send(Command::set, "key", "value").status(), Status::ok);
  EXPECT_EQ(settled_.get(), 1);
}

TEST_F(ServerConnectionTest, WhatWaitsForAServerThatDiesFailsAtOnce) {
  support::MemcachedProcess memcached;
  open_and_wait(memcached.address());
  memcached.fall_silent();
  Asked& call = send(Command::get, "key");
  memcached.kill();
  EXPECT_EQ(call.status(), Status::temporary_failure);
  ASSERT_TRUE(becomes_ready(false));
  memcached.start();
  ASSERT_TRUE(becomes_ready());
  EXPECT_EQ(send(Command::get, "key").status(), Status::not_found);
  EXPECT_EQ(connection_->figures().failed_requests.get(), 1U);
  EXPECT_EQ(connection_->figures().in_flight.get(), 0U);
}

TEST_F(ServerConnectionTest, SilenceIsGivenUpAfterTheTimeout) {
  options_.timeout = 100ms;
  support::MemcachedProcess memcached;
  open_and_wait(memcached.address());
  memcached.fall_silent();
  const auto begin = std::chrono::steady_clock::now();
  Asked& one = send(Command::get, "key");
  Asked& two = send(Command::set, "key", "v");
  EXPECT_EQ(one.status(), Status::temporary_failure);
  EXPECT_EQ(two.status(), Status::temporary_failure);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 90ms);
  EXPECT_FALSE(is_ready());
  EXPECT_GE(connection_->figures().timeouts.get(), 1U);
  memcached.wake_up();
  ASSERT_TRUE(becomes_ready());
  EXPECT_EQ(send(Command::get, "none").status(), Status::not_found);
}

TEST_F(ServerConnectionTest, AnIdleServerIsNotGivenUp) {
  options_.timeout = 30ms;
  const support::MemcachedProcess memcached;
  open_and_wait(memcached.address());
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(send(Command::get, "none").status(), Status::not_found);
    // Longer than the timeout, on the loop's own clock.
    support::Watched<bool> rested;
    std::unique_ptr<net::Timer> timer;
    running_.call([&] {
      timer = std::make_unique<net::Timer>(running_.loop(),
                                           [&] { rested.change([](bool& done) { done = true; }); });
      timer->start(50ms);
    });
    ASSERT_TRUE(rested.wait([](bool done) { return done; }));
    running_.call([&] { timer.reset(); });
  }
  EXPECT_EQ(connection_->figures().timeouts.get(), 0U);
  EXPECT_EQ(connection_->figures().connects.get(), 1U);
}

TEST_F(ServerConnectionTest, ASilentHandshakeIsGivenUp) {
  options_.connect_timeout = 50ms;
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept());
  ASSERT_TRUE(settled());
  EXPECT_FALSE(is_ready());
  EXPECT_EQ(connection_->figures().timeouts.get(), 1U);
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(becomes_ready());
}

TEST_F(ServerConnectionTest, ALateReplyReachesNobody) {
  options_.timeout = 100ms;
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(settled());
  Asked& first = send(Command::get, "first");
  EXPECT_EQ(first.status(), Status::temporary_failure);
  server.send("VA 6 f0 c1\r\nfirst!\r\n");  // too late: on a connection that was given up
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(becomes_ready());
  Asked& second = send(Command::get, "second");
  EXPECT_EQ(server.read(17), "mg second v f c\r\n");
  server.send("VA 7 f0 c2\r\nsecond!\r\n");
  EXPECT_EQ(second.value(), "second!");
}

TEST_F(ServerConnectionTest, AHalfReplyBeforeTheEndIsNone) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(settled());
  Asked& one = send(Command::get, "one");
  Asked& two = send(Command::get, "two");
  server.send("VA 3 f0 c1\r\n111\r\nVA 100 f0 c2\r\n222");
  EXPECT_EQ(one.value(), "111");
  server.hang_up();
  EXPECT_EQ(two.status(), Status::temporary_failure);
  EXPECT_EQ(two.value(), "");
}

TEST_F(ServerConnectionTest, ARepliesPiecesMayComeOneByOne) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(settled());
  Asked& one = send(Command::get, "one");
  Asked& two = send(Command::remove, "two");
  const std::string bytes = "VA 5 f7 c9\r\nva\r\nl\r\nNF\r\n";
  for (const char& byte : bytes) {
    server.send({&byte, 1});
    running_.call([] {});
  }
  EXPECT_EQ(one.value(), "va\r\nl");
  EXPECT_EQ(two.status(), Status::not_found);
}

TEST_F(ServerConnectionTest, AnAnswerThatDoesNotFitDropsTheConnection) {
  ScriptedTcpServer server;
  open(server.address());
  for (const char* garbage : {"HD c1\r\n", "VA 99999999 f0 c1\r\n", "ERROR\r\n", "VA 1 f0 c1\r\nxyz\r\n",
                              "\n", "CLIENT_ERROR bad command line format\r\n"}) {
    ASSERT_TRUE(server.accept_and_introduce());
    ASSERT_TRUE(becomes_ready());
    Asked& one = send(Command::get, "one");
    Asked& two = send(Command::get, "two");
    server.send(std::string(garbage) + "VA 3 f0 c1\r\ntwo\r\n");
    EXPECT_EQ(one.status(), Status::temporary_failure) << garbage;
    EXPECT_EQ(two.status(), Status::temporary_failure) << garbage;
  }
}

TEST_F(ServerConnectionTest, WhatNobodyAskedForDropsTheConnection) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(becomes_ready());
  server.send("VA 3 f0 c1\r\nabc\r\n");
  ASSERT_TRUE(server.accept_and_introduce());  // it comes again
  ASSERT_TRUE(becomes_ready());
  Asked& call = send(Command::get, "key");
  EXPECT_EQ(server.read(14), "mg key v f c\r\n");
  server.send("EN\r\n");
  EXPECT_EQ(call.status(), Status::not_found);
}

TEST_F(ServerConnectionTest, WhatComesBehindTheCheckUnaskedDropsTheConnection) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept());
  server.send(
      "VERSION 1.6.18\r\nSTAT pid 1\r\nSTAT uptime 5\r\nSTAT time 1795000000\r\nEND\r\n"
      "STAT item_size_max 1048576\r\nEND\r\nVA 3 f0 c1\r\nabc\r\n");
  ASSERT_TRUE(settled());
  EXPECT_FALSE(is_ready());
  EXPECT_EQ(connection_->figures().connects.get(), 0U);
}

TEST_F(ServerConnectionTest, AttemptsComeAtGrowingIntervals) {
  options_.retry_min = 20ms;
  options_.retry_max = 160ms;
  ScriptedTcpServer server;
  open(server.address());
  std::vector<std::chrono::steady_clock::time_point> attempts;
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(server.accept());
    attempts.push_back(std::chrono::steady_clock::now());
    server.hang_up();
  }
  // Half of each interval is fixed, half random; the kernel's coarse clock may cost 5 ms.
  const std::vector<std::chrono::milliseconds> least{10ms, 20ms, 40ms, 80ms, 80ms, 80ms};
  for (size_t i = 0; i < least.size(); ++i) {
    EXPECT_GE(attempts[i + 1] - attempts[i], least[i] - 6ms) << i;
  }
}

TEST_F(ServerConnectionTest, TellsWhichProcessReplies) {
  support::MemcachedProcess memcached({.flags = {"-m", "100"}});
  open_and_wait(memcached.address());
  const uint16_t first = running_.call([&] { return connection_->incarnation(); });
  EXPECT_NE(first, 0);
  EXPECT_EQ(state_.incarnation(), first);
  EXPECT_EQ(state_.limit_maxbytes(), 100U << 20);
  EXPECT_EQ(state_.doubts(), 1U);
  memcached.kill();
  ASSERT_TRUE(becomes_ready(false));
  memcached.start();
  ASSERT_TRUE(becomes_ready());
  EXPECT_GT(running_.call([&] { return connection_->incarnation(); }), first);
  EXPECT_EQ(state_.doubts(), 2U);
}

TEST_F(ServerConnectionTest, AConnectionLostAndMadeAgainReachesTheSameProcess) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(becomes_ready());
  const uint16_t first = state_.incarnation();
  server.hang_up();
  ASSERT_TRUE(server.accept_and_introduce("1.6.18", 1'795'000'001));
  ASSERT_TRUE(wait_until([&] { return connection_->figures().connects.get() == 2; }, 10s));
  EXPECT_EQ(running_.call([&] { return connection_->incarnation(); }), first);
  EXPECT_EQ(state_.doubts(), 1U);
  server.hang_up();
  ASSERT_TRUE(server.accept_and_introduce("1.6.18", 1'795'000'003));  // restarted, with its pid 1 again
  ASSERT_TRUE(wait_until([&] { return connection_->figures().connects.get() == 3; }, 10s));
  EXPECT_GT(running_.call([&] { return connection_->incarnation(); }), first);
  EXPECT_EQ(state_.doubts(), 2U);
}

TEST_F(ServerConnectionTest, ALostChangePutsTheAccountingInDoubtAndALostReadDoesNot) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(becomes_ready());
  ASSERT_EQ(state_.doubts(), 1U);
  Asked& read = send(Command::get, "key");
  server.hang_up();
  EXPECT_EQ(read.status(), Status::temporary_failure);
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(becomes_ready());
  EXPECT_EQ(state_.doubts(), 1U);
  Asked& written = send(Command::set, "key", "value");
  server.hang_up();
  EXPECT_EQ(written.status(), Status::temporary_failure);
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(becomes_ready());
  EXPECT_EQ(state_.doubts(), 2U);
}

TEST_F(ServerConnectionTest, TellsTheCrawlThatHasBegun) {
  ScriptedTcpServer server;
  open(server.address());
  EXPECT_EQ(running_.call([&] { return connection_->crawl(); }), 0);
  EXPECT_EQ(state_.begin_crawl(), 1);
  EXPECT_EQ(running_.call([&] { return connection_->crawl(); }), 1);
}

TEST_F(ServerConnectionTest, DestructionFailsWhatWaits) {
  ScriptedTcpServer server;
  open(server.address());
  ASSERT_TRUE(server.accept_and_introduce());
  ASSERT_TRUE(becomes_ready());
  Asked& call = send(Command::set, "key");
  running_.call([&] { connection_.reset(); });
  EXPECT_EQ(call.status(), Status::temporary_failure);
  EXPECT_EQ(state_.doubts(), 1U);  // the process ends: nobody counts any more
}

}  // namespace
}  // namespace mctenant::upstream
