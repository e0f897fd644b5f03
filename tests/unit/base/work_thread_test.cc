#include "base/work_thread.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <thread>
#include <vector>

namespace mctenant::base {
namespace {

TEST(WorkThread, CarriesTasksOutInOrderOnOneThread) {
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  {
    WorkThread thread(WorkThread::AtEnd::finish);
    for (int i = 0; i < 100; ++i) {
      thread.post([&, i] {
        order.push_back(i);
        threads.push_back(std::this_thread::get_id());
      });
    }
  }
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(order[static_cast<size_t>(i)], i);
    EXPECT_EQ(threads[static_cast<size_t>(i)], threads[0]);
  }
  EXPECT_NE(threads[0], std::this_thread::get_id());
}

TEST(WorkThread, FinishesWhatWaitsAtTheEndIfItIsToldSo) {
  int done = 0;
  {
    std::latch begin(1);
    WorkThread thread(WorkThread::AtEnd::finish);
    thread.post([&] { begin.wait(); });
    for (int i = 0; i < 10; ++i) thread.post([&] { ++done; });
    begin.count_down();
  }
  EXPECT_EQ(done, 10);
}

TEST(WorkThread, DropsWhatWaitsAtTheEndIfItIsToldSo) {
  bool ran = false;
  const auto held = std::make_shared<int>(0);
  std::latch running(1);
  std::latch end(1);
  std::thread helper;
  {
    WorkThread thread(WorkThread::AtEnd::drop);
    thread.post([&] {
      running.count_down();
      end.wait();
    });
    running.wait();
    thread.post([&ran, held] { ran = true; });
    // The first task ends once the waiting one has been dropped with what it holds.
    helper = std::thread([&] {
      while (held.use_count() > 1) std::this_thread::yield();
      end.count_down();
    });
  }
  helper.join();
  EXPECT_FALSE(ran);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(WorkThread, TakesTasksFromManyThreadsAndFromItself) {
  int sum = 0;
  {
    WorkThread thread(WorkThread::AtEnd::finish);
    std::vector<std::thread> posters;
    for (int i = 0; i < 4; ++i) {
      posters.emplace_back([&] {
        for (int j = 0; j < 250; ++j) thread.post([&] { thread.post([&] { ++sum; }); });
      });
    }
    for (std::thread& poster : posters) poster.join();
  }
  EXPECT_EQ(sum, 1000);
}

}  // namespace
}  // namespace mctenant::base
