#include "net/stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "support/loop_thread.h"
#include "support/temp_folder.h"

namespace mctenant::net {
namespace {

using namespace std::chrono_literals;

// The other side: a blocking socket with a limit on every wait.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    const timeval limit{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~Peer() { end(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0) << std::strerror(errno);
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // What fits into the kernel's buffers.
  [[nodiscard]] size_t send_what_fits(size_t size) const {
    const std::string bytes(size, 'x');
    size_t all = 0;
    while (all < size) {
      const ssize_t sent = ::send(fd_, bytes.data() + all, size - all, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) break;
      all += static_cast<size_t>(sent);
    }
    return all;
  }
  // Reads until there are `size` bytes or the end.
  [[nodiscard]] std::string read(size_t size) const {
    std::string bytes(size, '\0');
    size_t got = 0;
    while (got < size) {
      const ssize_t n = recv(fd_, bytes.data() + got, size - got, 0);
      if (n <= 0) break;
      got += static_cast<size_t>(n);
    }
    bytes.resize(got);
    return bytes;
  }
  // 0 at the end of the stream, or the error.
  [[nodiscard]] int read_end() const {
    char byte = 0;
    const ssize_t got = recv(fd_, &byte, 1, 0);
    return got < 0 ? errno : static_cast<int>(got);
  }
  [[nodiscard]] bool readable() const {
    pollfd poll_fd{fd_, POLLIN, 0};
    return poll(&poll_fd, 1, 0) > 0;
  }
  void finish_sending() const { shutdown(fd_, SHUT_WR); }
  void end() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  // Ends with a reset.
  void reset() {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    end();
  }

 private:
  int fd_;
};

struct State {
  std::string received;
  std::vector<std::string> events;
  size_t inputs = 0;
  size_t largest_input = 0;
  int drained = 0;
  bool ended = false;
  std::string error;
};

// Writes down what it is told; takes everything, unless told otherwise.
class Recorder final : public Stream::Handler {
 public:
  void on_connected() override { note("connected"); }
  void on_input(base::InputBuffer& in) override {
    watched.change([&](State& state) {
      ++state.inputs;
      state.largest_input = std::max(state.largest_input, in.view().size());
    });
    if (take) return take(in);
    take_all(in);
  }
  void on_input_end() override { note("input end"); }
  void on_output_drained() override {
    watched.change([](State& state) { ++state.drained; });
  }
  void on_ended(const std::string& error) override {
    watched.change([&](State& state) {
      state.ended = true;
      state.error = error;
      state.events.emplace_back("ended");
    });
    if (ended) ended();
  }
  void take_all(base::InputBuffer& in) {
    watched.change([&](State& state) { state.received += in.view(); });
    in.consume(in.view().size());
  }
  void note(const std::string& event) {
    watched.change([&](State& state) { state.events.push_back(event); });
  }

  std::function<void(base::InputBuffer&)> take;
  std::function<void()> ended;
  support::Watched<State> watched;
};

std::pair<int, int> unix_pair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) throw std::runtime_error("socketpair");
  return {fds[0], fds[1]};
}

std::pair<int, int> tcp_pair(int buffer = 0) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (buffer > 0) setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, length) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, generic, &length) != 0) {
    throw std::runtime_error("listen");
  }
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  if (buffer > 0) setsockopt(client, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  if (connect(client, generic, length) != 0) throw std::runtime_error("connect");
  const int server = accept(listener, nullptr, nullptr);
  close(listener);
  return {client, server};
}

class StreamTest : public testing::TestWithParam<bool> {
 protected:
  StreamTest() { open(GetParam() ? tcp_pair() : unix_pair()); }
  ~StreamTest() override {
    running_.stop();
    stream_.reset();
  }

  template <class Work>
  auto on_loop(Work&& work) {
    return running_.call(std::forward<Work>(work));
  }

  void open(std::pair<int, int> fds) {
    fcntl(fds.first, F_SETFL, O_NONBLOCK);
    peer_ = std::make_unique<Peer>(fds.second);
    on_loop([&] { stream_ = std::make_unique<Stream>(running_.loop(), fds.first, recorder_); });
  }
  void write(std::string_view bytes) {
    on_loop([&] {
      stream_->output().append(bytes);
      stream_->flush();
    });
  }
  [[nodiscard]] bool wait(const std::function<bool(const State&)>& come_true) {
    return recorder_.watched.wait(come_true);
  }
  [[nodiscard]] bool wait_for_end() {
    return wait([](const State& state) { return state.ended; });
  }
  State state() { return recorder_.watched.get(); }

  Recorder recorder_;
  support::LoopThread running_;
  std::unique_ptr<Peer> peer_;
  std::unique_ptr<Stream> stream_;
};

INSTANTIATE_TEST_SUITE_P(Sockets, StreamTest, testing::Bool(),
                         [](const auto& test) { return test.param ? "Tcp" : "Unix"; });

TEST_P(StreamTest, BytesGoBothWays) {
  peer_->send("hello");
  ASSERT_TRUE(wait([](const State& state) { return state.received == "hello"; }));
  write("world");
  EXPECT_EQ(peer_->read(5), "world");
}

TEST_P(StreamTest, WhatATurnAppendsLeavesAtItsEnd) {
  on_loop([&] {
    for (int i = 0; i < 10; ++i) {
      stream_->output().append("reply ");
      stream_->flush();
    }
    EXPECT_FALSE(peer_->readable());
  });
  EXPECT_EQ(peer_->read(60).size(), 60U);
}

TEST_P(StreamTest, MuchMoreThanTheKernelHoldsArrivesWhole) {
  std::string all;
  for (int i = 0; all.size() < (24U << 20); ++i) all += std::to_string(i);
  on_loop([&] {
    // Half by copies, half by reference.
    const base::BlockRef block(base::Block::take(all.size()));
    std::memcpy(block->data(), all.data(), all.size());
    for (size_t at = 0; at < all.size(); at += 100'000) {
      const size_t size = std::min<size_t>(100'000, all.size() - at);
      if (at % 200'000 == 0) {
        stream_->output().append(std::string_view(all).substr(at, size));
      } else {
        stream_->output().append(base::Slice{block, block->data() + at, size});
      }
    }
    stream_->flush();
  });
  EXPECT_TRUE(peer_->read(all.size()) == all);
}

TEST_P(StreamTest, MuchInputArrivesWhole) {
  std::string all;
  for (int i = 0; all.size() < (8U << 20); ++i) all += std::to_string(i);
  peer_->send(all);
  ASSERT_TRUE(wait([&](const State& state) { return state.received.size() == all.size(); }));
  EXPECT_TRUE(state().received == all);
}

TEST_P(StreamTest, AfterThePeersEndRepliesStillLeave) {
  peer_->send("last question");
  peer_->finish_sending();
  ASSERT_TRUE(wait([](const State& state) { return !state.events.empty(); }));
  EXPECT_EQ(state().events[0], "input end");
  EXPECT_EQ(state().received, "last question");
  on_loop([&] {
    stream_->output().append("last answer");
    stream_->finish();
  });
  EXPECT_EQ(peer_->read(11), "last answer");
  EXPECT_EQ(peer_->read_end(), 0);
  ASSERT_TRUE(wait_for_end());
  EXPECT_EQ(state().error, "");
}

TEST_P(StreamTest, FinishSendsEverythingThenEndsWithoutAReset) {
  const std::string last(3 << 20, 'l');
  peer_->send("asked before");
  on_loop([&] {
    stream_->output().append(last);
    stream_->finish();
  });
  // What the peer still sends must not turn the last reply into a reset.
  (void)peer_->send_what_fits(100'000);
  EXPECT_TRUE(peer_->read(last.size()) == last);
  EXPECT_EQ(peer_->read_end(), 0);
  (void)peer_->send_what_fits(100'000);
  EXPECT_FALSE(state().ended);
  peer_->end();
  ASSERT_TRUE(wait_for_end());
}

TEST_P(StreamTest, AfterFinishNoInputIsGiven) {
  on_loop([&] { stream_->finish(); });
  peer_->send("too late");
  EXPECT_EQ(peer_->read_end(), 0);
  peer_->end();
  ASSERT_TRUE(wait_for_end());
  EXPECT_EQ(state().received, "");
  EXPECT_EQ(state().error, "");
}

TEST_P(StreamTest, FinishDoesNotWaitLongForThePeersEnd) {
  on_loop([&] { stream_->finish(); });
  EXPECT_EQ(peer_->read_end(), 0);
  ASSERT_TRUE(wait_for_end());  // the peer stays open
  EXPECT_EQ(state().error, "");
}

TEST_P(StreamTest, AbortEndsAtOnceAndIsToldAtTheEndOfTheTurn) {
  on_loop([&] {
    stream_->output().append("never sent");
    stream_->flush();
    stream_->abort("for a test");
    EXPECT_FALSE(state().ended);
  });
  ASSERT_TRUE(wait_for_end());
  EXPECT_EQ(state().error, "for a test");
  EXPECT_EQ(peer_->read(10), "");
  // Nothing more happens, whatever is asked of it.
  on_loop([&] {
    stream_->abort("again");
    stream_->finish();
    stream_->output().append("lost");
    stream_->flush();
    stream_->resume_reading();
  });
  on_loop([] {});
  EXPECT_EQ(state().events.size(), 1U);
}

TEST_P(StreamTest, AbortInsideOnInputGivesNoMoreInput) {
  recorder_.take = [&](base::InputBuffer& in) {
    recorder_.watched.change([&](State& state) { state.received += in.view().substr(0, 1); });
    in.consume(1);
    stream_->abort("enough");
  };
  peer_->send("abc");
  ASSERT_TRUE(wait_for_end());
  EXPECT_EQ(state().received, "a");
}

TEST_P(StreamTest, APausedStreamLeavesBytesInTheKernel) {
  on_loop([&] { stream_->pause_reading(); });
  const size_t fitted = peer_->send_what_fits(64 << 20);
  EXPECT_LT(fitted, 64U << 20);
  on_loop([] {});
  EXPECT_EQ(state().received, "");
  on_loop([&] { stream_->resume_reading(); });
  ASSERT_TRUE(wait([&](const State& state) { return state.received.size() == fitted; }));
}

TEST_P(StreamTest, WhatWasReadAndNotTakenComesAgainAfterAPause) {
  recorder_.take = [&](base::InputBuffer& in) {  // one byte a time
    recorder_.watched.change([&](State& state) { state.received += in.view().substr(0, 1); });
    in.consume(1);
    stream_->pause_reading();
  };
  peer_->send("abcdef");
  for (size_t i = 1; i <= 6; ++i) {
    ASSERT_TRUE(wait([&](const State& state) { return state.received.size() == i; }));
    on_loop([&] {
      EXPECT_FALSE(stream_->reading());
      stream_->resume_reading();
      EXPECT_EQ(recorder_.watched.get().received.size(), i);  // never from inside
    });
  }
  EXPECT_EQ(state().received, "abcdef");
}

TEST_P(StreamTest, WhatWaitsIsGivenBeforeThePeersEnd) {
  recorder_.take = [&](base::InputBuffer& in) {
    recorder_.note(std::string(in.view().substr(0, 1)));
    in.consume(1);
    if (state().events.size() == 1) stream_->pause_reading();
  };
  peer_->send("ab");
  ASSERT_TRUE(wait([](const State& state) { return state.events.size() == 1; }));
  on_loop([&] {
    // Both are seen in the same turn, and the task is first.
    running_.loop().post([&] { stream_->resume_reading(); });
    peer_->finish_sending();
  });
  ASSERT_TRUE(wait([](const State& state) { return state.events.size() == 3; }));
  EXPECT_EQ(state().events, (std::vector<std::string>{"a", "b", "input end"}));
}

TEST_P(StreamTest, OneReadBringsNoMoreThanItsLimit) {
  on_loop([&] { stream_->set_read_limit(10); });
  peer_->send(std::string(1000, 'x'));
  ASSERT_TRUE(wait([](const State& state) { return state.received.size() == 1000; }));
  EXPECT_LE(state().largest_input, 10U);
  EXPECT_GE(state().inputs, 100U);
}

TEST_P(StreamTest, DrainedIsToldOnceWhenLessWaits) {
  constexpr size_t kSize = 16 << 20;
  on_loop([&] {
    stream_->output().append(std::string(kSize, 'x'));
    stream_->flush();
    stream_->notify_below(1 << 20);
  });
  on_loop([] {});
  EXPECT_EQ(state().drained, 0);
  EXPECT_EQ(peer_->read(kSize).size(), kSize);
  ASSERT_TRUE(wait([](const State& state) { return state.drained == 1; }));
  write("more");
  EXPECT_EQ(peer_->read(4), "more");
  EXPECT_EQ(state().drained, 1);
}

TEST_P(StreamTest, WritingToAPeerThatHasGoneEndsWithAnError) {
  peer_->reset();
  for (int i = 0; i < 100 && !state().ended; ++i) write(std::string(100'000, 'x'));
  ASSERT_TRUE(wait_for_end());
}

TEST_P(StreamTest, MayBeDiscardedWhenItEnds) {
  recorder_.ended = [&] { running_.loop().discard(std::move(stream_)); };
  peer_->send("x");
  on_loop([&] { stream_->abort(""); });
  ASSERT_TRUE(wait_for_end());
}

class ConnectTest : public testing::Test {
 protected:
  ~ConnectTest() override {
    running_.stop();
    stream_.reset();
  }
  void connect(const SocketAddress& address) {
    running_.call([&] {
      stream_ = Stream::connect(running_.loop(), address, recorder_);
      EXPECT_FALSE(recorder_.watched.get().ended);
    });
  }
  Recorder recorder_;
  support::LoopThread running_;
  std::unique_ptr<Stream> stream_;
};

SocketAddress loopback(uint16_t port) {
  auto address = resolve({.kind = Address::Kind::inet, .host = "127.0.0.1", .port = port});
  EXPECT_TRUE(address.has_value());
  return *address;
}

TEST_F(ConnectTest, TellsWhenTheConnectionStands) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  SocketAddress address = loopback(0);
  ASSERT_EQ(bind(listener, address.get(), address.length), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address.storage), &address.length), 0);
  connect(address);
  Peer peer(accept(listener, nullptr, nullptr));
  close(listener);
  ASSERT_TRUE(recorder_.watched.wait([](const State& state) { return !state.events.empty(); }));
  EXPECT_EQ(recorder_.watched.get().events[0], "connected");
  peer.send("hello");
  ASSERT_TRUE(recorder_.watched.wait([](const State& state) { return state.received == "hello"; }));
}

TEST_F(ConnectTest, ARefusalIsTold) {
  const int holder = socket(AF_INET, SOCK_STREAM, 0);  // bound, but not listening
  SocketAddress address = loopback(0);
  ASSERT_EQ(bind(holder, address.get(), address.length), 0);
  ASSERT_EQ(getsockname(holder, reinterpret_cast<sockaddr*>(&address.storage), &address.length), 0);
  connect(address);
  ASSERT_TRUE(recorder_.watched.wait([](const State& state) { return state.ended; }));
  EXPECT_EQ(recorder_.watched.get().error, std::strerror(ECONNREFUSED));
  close(holder);
}

TEST_F(ConnectTest, AMissingUnixSocketIsTold) {
  const support::TempFolder folder;
  const auto address = resolve({.kind = Address::Kind::unix_socket, .host = folder.file("none.sock")});
  ASSERT_TRUE(address.has_value());
  connect(*address);
  ASSERT_TRUE(recorder_.watched.wait([](const State& state) { return state.ended; }));
  EXPECT_EQ(recorder_.watched.get().error, std::strerror(ENOENT));
}

TEST_F(ConnectTest, AnAddressThatNobodyKnowsIsToldByItsReason) {
  SocketAddress address;
  address.storage.ss_family = 200;  // no socket of this family can be had
  address.length = sizeof address.storage;
  connect(address);
  ASSERT_TRUE(recorder_.watched.wait([](const State& state) { return state.ended; }));
  EXPECT_EQ(recorder_.watched.get().error, std::strerror(EAFNOSUPPORT));
}

}  // namespace
}  // namespace mctenant::net
