#include "upstream/call_queue.h"

#include <gtest/gtest.h>

#include <deque>

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

struct CountedCall final : Call {
  void on_reply_near() override { ++near; }
  void on_reply(const protocol::Reply& /*reply*/) override {}
  int near = 0;
};

class CallsToHear : public testing::Test {
 protected:
  CountedCall& push() {
    calls.emplace_back();
    queue.push(calls.back(), protocol::Command::get, {});
    return calls.back();
  }

  std::deque<CountedCall> calls;
  CallQueue queue;
};

TEST_F(CallsToHear, EachCallHearsOnceThatItsReplyIsNear) {
  for (int i = 0; i < 100; ++i) push();
  while (!queue.empty()) {
    queue.tell_first();
    queue.tell_first();
    EXPECT_EQ(static_cast<CountedCall&>(queue.pop()).near, 1);
  }
}

TEST_F(CallsToHear, OnlyTheFirstHear) {
  for (int i = 0; i < 10; ++i) push();
  queue.tell_first();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(calls[i].near, i < 4 ? 1 : 0) << i;
  queue.pop();
  queue.tell_first();
  EXPECT_EQ(calls[4].near, 1);
  EXPECT_EQ(calls[5].near, 0);
}

TEST_F(CallsToHear, CallsThatComeAndGoUnheardAreNotMissed) {
  push();
  queue.pop();  // never heard
  push();
  push();
  queue.tell_first();
  EXPECT_EQ(calls[0].near, 0);
  EXPECT_EQ(calls[1].near, 1);
  EXPECT_EQ(calls[2].near, 1);
  queue.pop();
  push();
  queue.tell_first();
  EXPECT_EQ(calls[3].near, 1);
}

}  // namespace
}  // namespace mctenant::upstream
