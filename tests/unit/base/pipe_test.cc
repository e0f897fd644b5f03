#include "base/pipe.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "base/output_queue.h"

namespace mctenant::base {
namespace {

// Two connected sockets that do not block.
class Sockets {
 public:
  Sockets() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_) != 0)
      throw std::runtime_error("socketpair");
  }
  ~Sockets() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  [[nodiscard]] int near() const { return ends_[0]; }
  void send(std::string_view bytes) const {
    ASSERT_EQ(::send(ends_[1], bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] std::string read() const {
    std::string bytes(1 << 20, '\0');
    const ssize_t got = recv(ends_[1], bytes.data(), bytes.size(), 0);
    bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return bytes;
  }

 private:
  int ends_[2];
};

TEST(Pipe, BytesGoFromSocketToSocket) {
  const Sockets from;
  const Sockets to;
  from.send("hello world");
  const Pipe::Ref pipe = Pipe::take();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe->fill(from.near(), 5), 5);
  EXPECT_EQ(pipe->fill(from.near(), 100), 6);
  EXPECT_EQ(pipe->size(), 11U);
  EXPECT_EQ(pipe->fill(from.near(), 100), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(pipe->send(to.near(), 8, true), 8);
  EXPECT_EQ(pipe->size(), 3U);
  EXPECT_EQ(to.read(), "hello wo");
  char rest[3];
  pipe->read(rest);
  EXPECT_EQ(std::string_view(rest, 3), "rld");
  EXPECT_EQ(pipe->size(), 0U);
}

TEST(Pipe, AThreadHasNoMoreThanItsShareAndGetsThemBack) {
  for (int round = 0; round < 3; ++round) {
    std::vector<Pipe::Ref> taken;
    for (size_t i = 0; i < Pipe::kMost; ++i) {
      taken.push_back(Pipe::take());
      ASSERT_TRUE(taken.back()) << i;
    }
    EXPECT_FALSE(Pipe::take());
    taken.pop_back();
    EXPECT_TRUE(Pipe::take());
  }
}

TEST(Pipe, OneWithBytesInItIsNotGivenToAnybodyElse) {
  const Sockets from;
  from.send("secret");
  {
    const Pipe::Ref pipe = Pipe::take();
    ASSERT_EQ(pipe->fill(from.near(), 6), 6);
  }
  for (size_t i = 0; i < Pipe::kMost; ++i) EXPECT_EQ(Pipe::take()->size(), 0U);
}

class PipedOutput : public testing::Test {
 protected:
  // A slice of "memory" whose end, "piped", is in a pipe.
  [[nodiscard]] Slice slice() const {
    from_.send("piped");
    Pipe::Ref pipe = Pipe::take();
    EXPECT_EQ(pipe->fill(from_.near(), 5), 5);
    BlockRef block(Block::take(6));
    std::memcpy(block->data(), "memory", 6);
    block->attach(std::move(pipe));
    const char* data = block->data();
    return {std::move(block), data, 11};
  }
  [[nodiscard]] std::string in_memory() const {
    iovec pieces[8];
    std::string bytes;
    for (int i = 0, count = queue_.gather(pieces, 8); i < count; ++i)
      bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    return bytes;
  }
  void take_from_pipe(size_t size, std::string_view expected) {
    size_t piped = 0;
    Pipe* pipe = queue_.next_pipe(piped);
    ASSERT_NE(pipe, nullptr);
    ASSERT_GE(piped, size);
    ASSERT_EQ(pipe->send(to_.near(), size, false), static_cast<ssize_t>(size));
    queue_.consume(size);
    EXPECT_EQ(to_.read(), expected);
  }

  Sockets from_;
  Sockets to_;
  OutputQueue queue_;
};

TEST_F(PipedOutput, StandsBetweenWhatIsInMemory) {
  queue_.append("before ");
  queue_.append(slice());
  queue_.append(" after");
  EXPECT_EQ(queue_.size(), 24U);
  size_t piped = 0;
  EXPECT_EQ(queue_.next_pipe(piped), nullptr);
  EXPECT_EQ(in_memory(), "before memory");
  queue_.consume(10);
  EXPECT_EQ(in_memory(), "ory");
  queue_.let_go();
  queue_.consume(3);
  EXPECT_EQ(in_memory(), "");
  take_from_pipe(2, "pi");
  EXPECT_EQ(queue_.size(), 9U);
  take_from_pipe(3, "ped");
  EXPECT_EQ(queue_.next_pipe(piped), nullptr);
  EXPECT_EQ(in_memory(), " after");
  queue_.consume(6);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(PipedOutput, ComesOutOfItsPipeForWhoCannotWriteFromOne) {
  queue_.append(slice());
  queue_.append(slice());
  queue_.consume(6);
  take_from_pipe(1, "p");
  queue_.take_out_of_pipe();
  EXPECT_EQ(in_memory(), "ipedmemory");
  queue_.consume(10);
  queue_.take_out_of_pipe();
  EXPECT_EQ(in_memory(), "piped");
}

}  // namespace
}  // namespace mctenant::base
