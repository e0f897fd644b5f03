#include "net/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "support/connection.h"
#include "support/loop_thread.h"
#include "support/temp_folder.h"

namespace mctenant::net {
namespace {

struct Accepted {
  std::vector<int> fds;
};

class ListenerTest : public testing::Test {
 protected:
  ~ListenerTest() override {
    running_.call([&] { listener_.reset(); });
    for (const int fd : accepted_.get().fds) close(fd);
  }
  base::Expected<void> open(const Address& address) {
    return running_.call([&]() -> base::Expected<void> {
      auto opened = Listener::open(running_.loop(), address, [this](int fd) {
        accepted_.change([fd](Accepted& accepted) { accepted.fds.push_back(fd); });
      });
      if (!opened) return tl::unexpected(opened.error());
      listener_ = std::move(*opened);
      return {};
    });
  }
  [[nodiscard]] bool wait_for(size_t count) {
    return accepted_.wait([count](const Accepted& accepted) { return accepted.fds.size() >= count; });
  }

  support::Watched<Accepted> accepted_;
  support::LoopThread running_;
  std::unique_ptr<Listener> listener_;
};

const Address kAnyPort{.kind = Address::Kind::inet, .host = "127.0.0.1", .port = 0};

TEST_F(ListenerTest, AcceptsOnThePortThatTheKernelChose) {
  ASSERT_TRUE(open(kAnyPort));
  ASSERT_NE(listener_->address().port, 0);
  const support::Connection one(listener_->address().text());
  const support::Connection two(listener_->address().text());
  ASSERT_TRUE(wait_for(2));
  for (const int fd : accepted_.get().fds) {
    EXPECT_TRUE((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    EXPECT_TRUE((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_F(ListenerTest, AcceptsOnAUnixSocketAndCleansUp) {
  const support::TempFolder folder;
  const std::string path = folder.file("mc.sock");
  ASSERT_TRUE(open({.kind = Address::Kind::unix_socket, .host = path}));
  const support::Connection one(path);
  ASSERT_TRUE(wait_for(1));
  running_.call([&] { listener_.reset(); });
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST_F(ListenerTest, ReplacesTheSocketOfAnEarlierRunButNoOtherFile) {
  const support::TempFolder folder;
  const Address address{.kind = Address::Kind::unix_socket, .host = folder.file("mc.sock")};
  Address left = address;
  const auto old = open_listening_socket(left);
  ASSERT_TRUE(old.has_value());
  close(*old);
  ASSERT_TRUE(open(address));

  const std::string precious = folder.file("precious");
  close(creat(precious.c_str(), 0600));
  const auto refused = open({.kind = Address::Kind::unix_socket, .host = precious});
  EXPECT_FALSE(refused.has_value());
  EXPECT_EQ(access(precious.c_str(), F_OK), 0);
}

TEST_F(ListenerTest, APortInUseIsToldWithTheAddressAndWhatToDo) {
  ASSERT_TRUE(open(kAnyPort));
  Address taken = listener_->address();
  const auto second = open_listening_socket(taken);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find(listener_->address().text()), std::string::npos);
  EXPECT_NE(second.error().message.find("choose another port"), std::string::npos);
}

TEST_F(ListenerTest, WithoutDescriptorsItRestsAndGoesOn) {
  ASSERT_TRUE(open(kAnyPort));
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  support::Watched<int> restored;
  std::unique_ptr<Timer> restore;
  running_.call([&] {
    restore = std::make_unique<Timer>(running_.loop(), [&] {
      setrlimit(RLIMIT_NOFILE, &limit);
      restored.change([](int& times) { ++times; });
    });
    restore->start({});
  });
  ASSERT_TRUE(restored.wait([](int times) { return times == 1; }));
  // The connection is made first; then no descriptor can be had for accepting it.
  std::unique_ptr<support::Connection> waiting;
  running_.call([&] {
    waiting = std::make_unique<support::Connection>(listener_->address().text());
    rlimit none = limit;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    restore->start(std::chrono::milliseconds(20));
  });
  ASSERT_TRUE(restored.wait([](int times) { return times == 2; }));
  running_.call([&] { restore.reset(); });
  ASSERT_TRUE(wait_for(1));
  EXPECT_GE(running_.call([&] { return listener_->failures(); }), 1U);
}

}  // namespace
}  // namespace mctenant::net
