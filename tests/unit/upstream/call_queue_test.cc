#include "upstream/call_queue.h"

#include <gtest/gtest.h>

namespace mctenant::upstream {
namespace {

using protocol::Command;

struct Ignored final : Call {
  void on_reply(const protocol::Reply&) override {}
};

TEST(CallQueue, IsFirstInFirstOut) {
  CallQueue queue;
  EXPECT_TRUE(queue.empty());
  Ignored one;
  Ignored two;
  Ignored three;
  const base::TimePoint t{};
  queue.push(one, Command::get, t + std::chrono::seconds(1));
  queue.push(two, Command::set, t + std::chrono::seconds(2));
  EXPECT_EQ(queue.front_command(), Command::get);
  EXPECT_EQ(queue.front_sent(), t + std::chrono::seconds(1));
  EXPECT_EQ(&queue.pop(), &one);
  queue.push(three, Command::remove, t + std::chrono::seconds(3));
  EXPECT_EQ(queue.front_command(), Command::set);
  EXPECT_EQ(&queue.pop(), &two);
  EXPECT_EQ(queue.front_sent(), t + std::chrono::seconds(3));
  EXPECT_EQ(&queue.pop(), &three);
  EXPECT_TRUE(queue.empty());
}

TEST(CallQueue, ACallMayBeQueuedAgain) {
  CallQueue queue;
  Ignored one;
  Ignored two;
  queue.push(one, Command::probe, {});
  queue.push(two, Command::get, {});
  Call& popped = queue.pop();
  queue.push(popped, Command::append, {});
  EXPECT_EQ(&queue.pop(), &two);
  EXPECT_EQ(queue.front_command(), Command::append);
  EXPECT_EQ(&queue.pop(), &one);
  EXPECT_TRUE(queue.empty());
  queue.push(one, Command::get, {});
  EXPECT_EQ(&queue.front(), &one);
}

}  // namespace
}  // namespace mctenant::upstream
