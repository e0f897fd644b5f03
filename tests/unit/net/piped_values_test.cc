// Large frames from one stream to another: what passes through pipes, and what must go through memory after
// all.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "net/stream.h"
#include "support/loop_thread.h"

namespace mctenant::net {
namespace {

constexpr size_t kHeader = 4;
constexpr std::string_view kLast = "\r\n";

std::string frame_of(size_t size, uint32_t seed) {
  std::string frame(kHeader + size, '\0');
  const auto told = static_cast<uint32_t>(size);
  std::memcpy(frame.data(), &told, kHeader);
  std::minstd_rand random(seed + 1);
  for (size_t i = kHeader; i < frame.size(); ++i) frame[i] = static_cast<char>(random());
  return frame.append(kLast);
}

struct Counts {
  size_t frames = 0;
  size_t piped = 0;     // of these, with a part in a pipe
  size_t given_up = 0;  // with a part that was in a pipe on the way
  size_t inputs = 0;
  bool filling = false;  // a pipe has had a part of a frame that is not whole
  bool input_end = false;
  bool ended = false;
};

// Takes frames from one stream and gives them to another.
class Relay final : public Stream::Handler {
 public:
  void on_input(base::InputBuffer& in) override {
    counts.change([&](Counts& c) {
      ++c.inputs;
      c.filling = in.piped() > 0;
    });
    while (in.view().size() >= kHeader) {
      const std::string_view view = in.view();
      uint32_t size = 0;
      std::memcpy(&size, view.data(), kHeader);
      const size_t value = size - in.piped();
      const size_t total = kHeader + value + kLast.size();
      if (view.size() < total) {
        was_piped_ = was_piped_ || in.piped() > 0;
        return in.expect(total, kLast.size());
      }
      EXPECT_EQ(view.substr(kHeader + value, kLast.size()), kLast);
      sink->output().append(view.substr(0, kHeader));
      sink->output().append(in.share(view.substr(kHeader, value)));
      sink->output().append(kLast);
      sink->flush();
      counts.change([&](Counts& c) {
        ++c.frames;
        if (in.piped() > 0) ++c.piped;
        if (was_piped_ && in.piped() == 0) ++c.given_up;
      });
      was_piped_ = false;
      in.consume(total);
    }
    if (!in.view().empty()) in.expect(kHeader);
  }
  void on_input_end() override {
    counts.change([](Counts& c) { c.input_end = true; });
  }
  void on_ended(const std::string&) override {
    counts.change([](Counts& c) { c.ended = true; });
  }

  Stream* sink = nullptr;
  support::Watched<Counts> counts;

 private:
  bool was_piped_ = false;
};

class Silent final : public Stream::Handler {
 public:
  void on_input(base::InputBuffer& in) override { in.clear(); }
  void on_input_end() override {}
  void on_ended(const std::string&) override {}
};

std::pair<int, int> pair_of(bool tcp) {
  int fds[2];
  if (!tcp) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) throw std::runtime_error("socketpair");
    return {fds[0], fds[1]};
  }
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, length) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, generic, &length) != 0) {
    throw std::runtime_error("listen");
  }
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fds[0], generic, length) != 0) throw std::runtime_error("connect");
  fds[1] = accept(listener, nullptr, nullptr);
  close(listener);
  return {fds[0], fds[1]};
}

class UnixPipedValues : public testing::Test {
 protected:
  explicit UnixPipedValues(bool tcp = false) {
    const auto [source, writes] = pair_of(tcp);
    const auto [sink, reads] = pair_of(tcp);
    writes_ = writes;
    reads_ = reads;
    const timeval limit{10, 0};
    setsockopt(reads_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(writes_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    fcntl(source, F_SETFL, O_NONBLOCK);
    fcntl(sink, F_SETFL, O_NONBLOCK);
    running_.call([&, from = source, to = sink] {
      source_ = std::make_unique<Stream>(running_.loop(), from, relay_);
      source_->read_in_bulk();
      sink_ = std::make_unique<Stream>(running_.loop(), to, silent_);
      relay_.sink = sink_.get();
    });
  }
  ~UnixPipedValues() override {
    drop_streams();
    running_.stop();
    close(writes_);
    close(reads_);
  }
  void drop_streams() {
    running_.call([&] {
      source_.reset();
      sink_.reset();
    });
  }
  void send(std::string_view bytes, size_t piece = SIZE_MAX) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(writes_, bytes.data(), std::min(bytes.size(), piece), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0) << std::strerror(errno);
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  [[nodiscard]] std::string read(size_t size) const {
    std::string bytes(size, '\0');
    size_t got = 0;
    while (got < size) {
      const ssize_t n = recv(reads_, bytes.data() + got, size - got, 0);
      if (n <= 0) break;
      got += static_cast<size_t>(n);
    }
    bytes.resize(got);
    return bytes;
  }
  [[nodiscard]] bool wait_for_frames(size_t frames) {
    return relay_.counts.wait([&](const Counts& c) { return c.frames == frames; });
  }
  // How many the loop's thread can have now.
  [[nodiscard]] size_t free_pipes() {
    return running_.call([] {
      std::vector<base::Pipe::Ref> taken;
      for (base::Pipe::Ref pipe = base::Pipe::take(); pipe; pipe = base::Pipe::take())
        taken.push_back(std::move(pipe));
      return taken.size();
    });
  }

  Relay relay_;
  Silent silent_;
  support::LoopThread running_;
  std::unique_ptr<Stream> source_;
  std::unique_ptr<Stream> sink_;
  int writes_ = -1;
  int reads_ = -1;
};

class PipedValues : public UnixPipedValues, public testing::WithParamInterface<bool> {
 protected:
  PipedValues() : UnixPipedValues(GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Sockets, PipedValues, testing::Bool(),
                         [](const auto& test) { return test.param ? "Tcp" : "Unix"; });

TEST_P(PipedValues, FramesOfAllSizesArriveAsTheyWereSent) {
  std::string all;
  std::minstd_rand random(7);
  size_t frames = 0;
  for (; frames < 60; ++frames) {
    const size_t size = frames % 3 == 0 ? random() % 300 : random() % (size_t{1} << 20);
    all += frame_of(size, static_cast<uint32_t>(frames));
  }
  std::thread writer([&] { send(all); });
  const std::string got = read(all.size());
  writer.join();
  EXPECT_TRUE(got == all);
  const Counts counts = relay_.counts.get();
  EXPECT_EQ(counts.frames, frames);
  EXPECT_GT(counts.piped, 10U);
  EXPECT_EQ(free_pipes(), base::Pipe::kMost);
}

TEST_P(PipedValues, WithMoreWaitingThanThereArePipesTheRestGoThroughMemory) {
  const size_t frames = base::Pipe::kMost + 20;
  std::string all;
  for (size_t i = 0; i < frames; ++i) all += frame_of(500'000 + i, static_cast<uint32_t>(i));
  send(all);
  ASSERT_TRUE(wait_for_frames(frames));
  EXPECT_GE(relay_.counts.get().piped, base::Pipe::kMost / 2);
  EXPECT_TRUE(read(all.size()) == all);
  EXPECT_EQ(free_pipes(), base::Pipe::kMost);
}

// A pipe has room for 256 pieces, however small. A unix socket keeps them apart; TCP puts them together.
TEST_F(UnixPipedValues, AValueInManySmallSegmentsGoesThroughMemoryWhenItsPipeIsFull) {
  const std::string before = frame_of(1000, 1);
  const std::string frame = frame_of(600'000, 2);
  const std::string after = frame_of(700'000, 3);
  std::thread writer([&] {
    send(before);
    send(frame, 300);
    send(after);
  });
  const std::string got = read(before.size() + frame.size() + after.size());
  writer.join();
  EXPECT_TRUE(got == before + frame + after);
  EXPECT_GE(relay_.counts.get().given_up, 1U);
  EXPECT_EQ(free_pipes(), base::Pipe::kMost);
}

TEST_P(PipedValues, AnEndInsideAFrameIsToldAndThePipeIsNotLost) {
  const std::string frame = frame_of(900'000, 1);
  send(frame.substr(0, 1000));
  ASSERT_TRUE(relay_.counts.wait([](const Counts& c) { return c.inputs > 0; }));
  send(frame.substr(1000, 400'000));
  ASSERT_TRUE(relay_.counts.wait([](const Counts& c) { return c.filling; }));
  shutdown(writes_, SHUT_WR);
  ASSERT_TRUE(relay_.counts.wait([](const Counts& c) { return c.input_end; }));
  EXPECT_EQ(relay_.counts.get().frames, 0U);
  drop_streams();
  EXPECT_EQ(free_pipes(), base::Pipe::kMost);
}

TEST_P(PipedValues, WhatAReaderLeavesBehindIsForNobodyElse) {
  std::string all;
  for (uint32_t i = 0; i < 12; ++i) all += frame_of(900'000, i);
  send(all);
  ASSERT_TRUE(wait_for_frames(12));
  running_.call([&] { sink_->abort("gone"); });
  EXPECT_EQ(free_pipes(), base::Pipe::kMost);
  const bool empty = running_.call([] {
    std::vector<base::Pipe::Ref> taken;
    for (base::Pipe::Ref pipe = base::Pipe::take(); pipe; pipe = base::Pipe::take())
      taken.push_back(std::move(pipe));
    return std::all_of(taken.begin(), taken.end(), [](const auto& pipe) { return pipe->size() == 0; });
  });
  EXPECT_TRUE(empty);
}

}  // namespace
}  // namespace mctenant::net
