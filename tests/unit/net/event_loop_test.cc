#include "net/event_loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "net/timer.h"
#include "support/loop_thread.h"

namespace mctenant::net {
namespace {

using namespace std::chrono_literals;

TEST(EventLoop, TasksRunInOrderAndStopComesAfterThem) {
  EventLoop loop;
  std::vector<int> order;
  for (int i = 0; i < 10; ++i) loop.post([&, i] { order.push_back(i); });
  loop.stop();
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(EventLoop, OneTurnDoesWhatWaitsAndItsEndOfTurnWork) {
  EventLoop loop;
  struct Work final : EndOfTurn {
    void on_end_of_turn() override { ++turns; }
    int turns = 0;
  } work;
  loop.post([&] { loop.at_end_of_turn(work); });
  loop.turn();
  EXPECT_EQ(work.turns, 1);
  loop.post([] {});
  loop.turn();
  EXPECT_EQ(work.turns, 1);
}

struct Gathered final : EndOfTurn {
  void on_end_of_turn() override { seen.push_back(things); }
  int things = 0;
  std::vector<int> seen;  // how many things there were each time
};

TEST(EventLoop, GatheredWorkWaitsForWhatElseIsAtHand) {
  EventLoop loop;
  Gathered work;
  const auto bring = [&] {
    ++work.things;
    loop.after_gathering(work);
  };
  loop.post([&] {
    bring();
    bring();
    loop.post([&] {
      bring();
      loop.post(bring);
    });
  });
  loop.turn();
  EXPECT_EQ(work.seen, std::vector<int>{4});
}

TEST(EventLoop, EndOfTurnWorkDoesNotWaitForWhatIsGathered) {
  EventLoop loop;
  Gathered gathered;
  Gathered reply;
  loop.post([&] {
    loop.at_end_of_turn(reply);
    loop.after_gathering(gathered);
    loop.after_gathering(gathered);
    loop.post([&] {
      EXPECT_EQ(reply.seen.size(), 1U) << "written before the loop looks again";
      EXPECT_TRUE(gathered.seen.empty());
    });
  });
  loop.turn();
  EXPECT_EQ(gathered.seen.size(), 1U);
}

TEST(EventLoop, ALoneThingIsNotMadeToWait) {
  EventLoop loop;
  Gathered work;
  bool looked = false;
  loop.post([&] {
    loop.after_gathering(work);
    loop.post([&] { looked = true; });
  });
  loop.turn();
  EXPECT_EQ(work.seen.size(), 1U);
  EXPECT_FALSE(looked);
}

TEST(EventLoop, GatheringEndsThoughThereIsAlwaysMore) {
  struct {
    int at_once;
    int most;
  } const cases[] = {{1, 10}, {200, 200}};  // a few looks, and none after a crowd
  for (const auto& [at_once, most] : cases) {
    EventLoop loop;
    Gathered work;
    std::function<void()> bring = [&, at_once = at_once] {
      for (int i = 0; i < at_once; ++i, ++work.things) loop.after_gathering(work);
      loop.post(bring);
    };
    loop.post([&] {
      loop.after_gathering(work);
      bring();
    });
    loop.turn();
    ASSERT_EQ(work.seen.size(), 1U);
    EXPECT_GE(work.seen[0], at_once);
    EXPECT_LE(work.seen[0], most);
  }
}

TEST(EventLoop, TasksMayPostTasks) {
  EventLoop loop;
  int depth = 0;
  std::function<void()> deeper = [&] {
    if (++depth == 100) return loop.stop();
    loop.post(deeper);
  };
  loop.post(deeper);
  loop.run();
  EXPECT_EQ(depth, 100);
}

TEST(EventLoop, TakesTasksFromManyThreads) {
  std::vector<int> last(4, -1);  // only the loop's thread writes
  int sum = 0;
  {
    support::LoopThread running;
    std::vector<std::thread> posters;
    for (size_t i = 0; i < last.size(); ++i) {
      posters.emplace_back([&, i] {
        for (int j = 0; j < 2000; ++j) {
          running.loop().post([&, i, j] {
            EXPECT_EQ(last[i], j - 1);
            last[i] = j;
            ++sum;
          });
        }
      });
    }
    for (std::thread& poster : posters) poster.join();
  }
  EXPECT_EQ(sum, 8000);
}

TEST(EventLoop, WhatIsLeftAtDestructionIsDropped) {
  const auto held = std::make_shared<int>(0);
  {
    EventLoop loop;
    loop.post([held] { FAIL(); });
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

struct Work final : EndOfTurn {
  explicit Work(std::function<void()> what) : work(std::move(what)) {}
  void on_end_of_turn() override { work(); }
  std::function<void()> work;
};

TEST(EventLoop, EndOfTurnWorkIsDoneOnceATurn) {
  EventLoop loop;
  int done = 0;
  Work work([&] { ++done; });
  loop.post([&] {
    loop.at_end_of_turn(work);
    loop.at_end_of_turn(work);
    EXPECT_EQ(done, 0);
    loop.post([&] {
      EXPECT_EQ(done, 1);
      loop.at_end_of_turn(work);
      loop.stop();
    });
  });
  loop.run();
  EXPECT_EQ(done, 2);
}

TEST(EventLoop, EndOfTurnWorkMayAskForMore) {
  EventLoop loop;
  std::vector<int> order;
  Work second([&] { order.push_back(2); });
  Work first([&] {
    order.push_back(1);
    if (order.size() < 4) loop.at_end_of_turn(first);
    loop.at_end_of_turn(second);
  });
  loop.post([&] { loop.at_end_of_turn(first); });
  loop.stop();
  loop.run();
  // Behind what was already asked for, and once however often.
  EXPECT_EQ(order, (std::vector<int>{1, 1, 2, 1, 2}));
}

TEST(EventLoop, WorkThatIsGoneIsNotDone) {
  EventLoop loop;
  std::vector<int> order;
  std::vector<std::unique_ptr<Work>> works;
  for (int i = 0; i < 5; ++i) works.push_back(std::make_unique<Work>([&order, i] { order.push_back(i); }));
  Work late([&] { order.push_back(5); });
  loop.post([&] {
    for (const auto& work : works) loop.at_end_of_turn(*work);
    works[0].reset();
    works[2].reset();
    works[4].reset();  // the last one: what comes behind hangs on the one before
    loop.at_end_of_turn(late);
  });
  loop.post([&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 3, 5}));
}

TEST(EventLoop, GatheredWorkThatIsGoneIsNotDone) {
  EventLoop loop;
  int done = 0;
  auto only = std::make_unique<Work>([&] { ++done; });
  Work next([&] { ++done; });
  loop.post([&] {
    loop.after_gathering(*only);
    only.reset();
    loop.after_gathering(next);
  });
  loop.stop();
  loop.run();
  EXPECT_EQ(done, 1);
}

struct Thing final : Discardable {
  explicit Thing(std::function<void()> what) : at_end(std::move(what)) {}
  ~Thing() override { at_end(); }
  std::function<void()> at_end;
};

TEST(EventLoop, DiscardedThingsLiveToTheEndOfTheTurn) {
  EventLoop loop;
  int freed = 0;
  Work work([&] { EXPECT_EQ(freed, 0); });
  loop.post([&] {
    loop.discard(std::make_unique<Thing>([&] {
      ++freed;
      loop.discard(std::make_unique<Thing>([&] { ++freed; }));  // one thing may take another with it
    }));
    loop.at_end_of_turn(work);
    EXPECT_EQ(freed, 0);
    loop.post([&] {
      EXPECT_EQ(freed, 2);
      loop.stop();
    });
  });
  loop.run();
  EXPECT_EQ(freed, 2);
}

TEST(EventLoop, TheTimeStandsStillWithinATurnAndMovesBetweenTurns) {
  EventLoop loop;
  base::TimePoint first;
  loop.post([&] {
    first = loop.now();
    while (std::chrono::steady_clock::now() <= first + 1ms) std::this_thread::yield();
    EXPECT_EQ(loop.now(), first);
    loop.post([&] {
      EXPECT_GT(loop.now(), first);
      loop.stop();
    });
  });
  loop.run();
}

TEST(Timer, CallsBackOnceAndNotTooEarly) {
  EventLoop loop;
  int calls = 0;
  const auto begin = std::chrono::steady_clock::now();
  Timer timer(loop, [&] {
    ++calls;
    EXPECT_FALSE(timer.running());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 15ms);  // the kernel's coarse clock may cost 5
  });
  Timer end(loop, [&] { loop.stop(); });
  EXPECT_FALSE(timer.running());
  timer.start(20ms);
  EXPECT_TRUE(timer.running());
  end.start(80ms);
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(Timer, StopAndRestartReplaceWhatWasStarted) {
  EventLoop loop;
  std::vector<int> fired;
  Timer stopped(loop, [&] { fired.push_back(1); });
  Timer later(loop, [&] { fired.push_back(2); });
  Timer again(loop, [&] {
    fired.push_back(3);
    if (fired.size() < 4) again.start(0ms);
  });
  Timer end(loop, [&] { loop.stop(); });
  stopped.start(1ms);
  stopped.stop();
  later.start(1h);
  later.start(30ms);
  again.start(-5ms);  // the past is now
  end.start(100ms);
  loop.run();
  EXPECT_EQ(fired, (std::vector<int>{3, 3, 3, 3, 2}));
}

TEST(Timer, MayDiscardItselfInItsCallback) {
  EventLoop loop;
  auto timer = std::unique_ptr<Timer>();
  bool called = false;
  timer = std::make_unique<Timer>(loop, [&] {
    called = true;
    loop.discard(std::move(timer));
    loop.stop();
  });
  timer->start(0ms);
  loop.run();
  EXPECT_TRUE(called);
}

TEST(EventLoop, SharesHeavyWorkOutToTurns) {
  support::LoopThread thread;
  const auto share = [&thread] {
    return thread.call([&thread] {
      int count = 0;
      while (thread.loop().may_toil()) ++count;
      return count;
    });
  };
  const int first = share();
  EXPECT_GT(first, 0);
  EXPECT_EQ(share(), first) << "another turn has a share of its own";
}

}  // namespace
}  // namespace mctenant::net
