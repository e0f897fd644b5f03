// A small request in steady state takes nothing from the heap.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/sanitizers.h"
#include "protocol/meta_encoder.h"
#include "protocol/meta_reply_parser.h"
#include "session/client_connection.h"
#include "support/allocation_counter.h"
#include "support/loop_thread.h"
#include "support/memcached_process.h"
#include "support/session_harness.h"
#include "upstream/server_connection.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using support::Packet;
using support::SessionHarness;
namespace op = support::op;
namespace status = support::status;

// A server that takes nothing from the heap itself: requests are written out and replies parsed, as a
// connection does.
class LeanServer final : public upstream::Server, public upstream::Pool {
 public:
  [[nodiscard]] bool ready() const override { return true; }
  [[nodiscard]] bool can_serve() const override { return true; }
  [[nodiscard]] uint64_t item_size_max() const override { return base::kMiB; }
  [[nodiscard]] uint16_t incarnation() const override { return 1; }
  [[nodiscard]] uint8_t crawl() const override { return 0; }
  [[nodiscard]] bool crawling() const override { return false; }
  [[nodiscard]] upstream::Server& place(std::string_view) override { return *this; }
  void send(const protocol::Request& request, std::string_view server_key, upstream::Call& call) override {
    protocol::write_meta_request(request, server_key, out_);
    waiting_.at(count_++) = {&call, request.command};
  }
  // The newest first, so that replies wait for their turn.
  void answer_all() {
    out_.consume(out_.size());
    while (count_ > 0) {
      const auto [call, command] = waiting_.at(--count_);
      const std::string_view bytes = command == Command::get         ? "VA 10 f7 c9\r\n0123456789\r\n"
                                     : command == Command::increment ? "VA 2 c5\r\n17\r\n"
                                     : command == Command::probe     ? "HD s10 c9 f7 t60\r\n"
                                                                     : "HD c12\r\n";
      auto found = protocol::parse_meta_reply(command, bytes, base::kMiB);
      ASSERT_EQ(found.outcome, protocol::MetaReply::Outcome::reply);
      call->on_reply(found.reply);
    }
  }
  [[nodiscard]] bool busy() const { return count_ > 0; }

 private:
  struct Waiting {
    upstream::Call* call;
    Command command;
  };
  base::OutputQueue out_;
  std::array<Waiting, 64> waiting_{};
  size_t count_ = 0;
};

std::string mixed_requests() {
  std::string bytes;
  for (int i = 0; i < 16; ++i) {
    const std::string key = "key:" + std::to_string(i);
    bytes += support::set(key, std::string(100, 'v'), 1, 60).bytes();
    bytes += support::get(key).bytes();
    bytes += support::get(key).with_opcode(op::kGetKQ).bytes();
    if (i % 4 == 0) bytes += support::increment(key, 1).bytes() + support::touch(key, 5).bytes();
    if (i % 8 == 0) bytes += support::append(key, "tail").bytes() + support::keyed(op::kDelete, key).bytes();
  }
  return bytes + support::simple(op::kNoop).bytes();
}

TEST(NoAllocation, IsSeenIfThereIsOne) {
  if (base::kSanitized) GTEST_SKIP() << "free lists are bypassed under a sanitizer";
  const support::AllocationCounter counter;
  std::free(std::malloc(10));
  auto one = std::make_unique<int>(1);
  base::BlockRef large(base::Block::take(1 << 20));
  EXPECT_EQ(counter.count(), 3U);
}

TEST(NoAllocation, SmallRequestsThroughASession) {
  if (base::kSanitized) GTEST_SKIP() << "free lists are bypassed under a sanitizer";
  LeanServer server;
  SessionHarness h({.limits = {.pipeline = 64}, .pool = &server});
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.set_keep_received(false);
  const std::string bytes = mixed_requests();
  const auto round = [&] {
    h.send(bytes);
    while (server.busy()) {
      server.answer_all();
      h.turn();
    }
  };
  for (int i = 0; i < 20; ++i) round();
  const uint64_t before = h.context().figures.requests.get();
  const support::AllocationCounter counter;
  for (int i = 0; i < 200; ++i) round();
  EXPECT_EQ(counter.count(), 0U);
  EXPECT_GE(h.context().figures.requests.get() - before, 10'000U);
}

// A pool of one real server.
struct OneServer final : upstream::Pool {
  explicit OneServer(upstream::Server& the_one) : server(the_one) {}
  [[nodiscard]] upstream::Server& place(std::string_view) override { return server; }
  [[nodiscard]] bool can_serve() const override { return server.ready(); }
  upstream::Server& server;
};

struct Owner final : ClientConnection::Owner {
  explicit Owner(net::EventLoop& its_loop) : loop(its_loop) {}
  void on_connection_ended(ClientConnection& ended) override {
    loop.discard(std::unique_ptr<net::Discardable>(&ended));
  }
  net::EventLoop& loop;
};

class Client {
 public:
  explicit Client(int fd) : fd_(fd) {
    const timeval limit{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  // Sends, and reads `size` bytes.
  [[nodiscard]] bool exchange(std::string_view bytes, size_t size) const {
    if (send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      return false;
    char buffer[65536];
    while (size > 0) {
      const ssize_t got = recv(fd_, buffer, std::min(size, sizeof buffer), 0);
      if (got <= 0) return false;
      size -= static_cast<size_t>(got);
    }
    return true;
  }

 private:
  int fd_;
};

TEST(NoAllocation, SmallRequestsThroughSocketsAndARealServer) {
  if (base::kSanitized) GTEST_SKIP() << "free lists are bypassed under a sanitizer";
  const support::MemcachedProcess memcached;
  SessionHarness remembers;  // the password: a sign-in with it takes no thread
  ASSERT_EQ(remembers.sign_in(), status::kOk);

  support::LoopThread running;
  net::Resolver resolver;
  const upstream::PoolOptions options;
  upstream::ServerState state;
  upstream::ServerConnection server(running.loop(), resolver, options,
                                    {.address = net::parse_address(memcached.address()).value()}, state,
                                    false);
  support::Watched<bool> settled;
  running.call([&] { server.start([&] { settled.change([](bool& done) { done = true; }); }); });
  ASSERT_TRUE(settled.wait([](bool done) { return done; }));
  OneServer pool(server);
  SessionHarness context({.pool = &pool});
  Owner owner(running.loop());
  int fds[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  running.call([&] {
    new ClientConnection(running.loop(), fds[0], std::make_shared<const ListenerTraits>(), context.context(),
                         owner);
  });
  {
    const Client client(fds[1]);
    const auto& user = support::HarnessUsers::instance().users[0];
    ASSERT_TRUE(client.exchange(support::plain(user.name, user.password).bytes(), 24 + 13));
    const std::string value(100, 'v');
    const std::string set = support::set("key", value, 1).bytes();
    const std::string get = support::get("key").bytes();
    std::string many;
    for (int i = 0; i < 16; ++i) many += set + get;
    const auto rounds = [&](int count) {
      for (int i = 0; i < count; ++i) {
        ASSERT_TRUE(client.exchange(set, 24));
        ASSERT_TRUE(client.exchange(get, 28 + value.size()));
        ASSERT_TRUE(client.exchange(many, 16 * (24 + 28 + value.size())));
      }
    };
    rounds(50);
    std::unique_ptr<support::AllocationCounter> counter;
    running.call([&] { counter = std::make_unique<support::AllocationCounter>(); });
    rounds(300);
    const size_t count = running.call([&] {
      const size_t counted = counter->count();
      counter.reset();
      return counted;
    });
    // 10,200 requests. A burst that meets the thread less prepared than any before may take a block or two.
    EXPECT_LE(count, 10U);
  }
  // The client has gone: its connection ends with it.
  EXPECT_TRUE(support::wait_until(
      [&] { return running.call([&] { return context.context().figures.open.get(); }) == 0; },
      std::chrono::seconds(5)));
  running.stop();
}

}  // namespace
}  // namespace mctenant::session
