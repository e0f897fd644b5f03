#include "base/scheduling.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace mctenant::base {
namespace {

TEST(Scheduling, GivingWayBindsTheThreadAlone) {
  const int before = sched_getscheduler(0);
  int own = -1;
  std::thread([&] {
    give_way();
    own = sched_getscheduler(0);
  }).join();
  EXPECT_EQ(own, SCHED_BATCH);
  EXPECT_EQ(sched_getscheduler(0), before);
}

}  // namespace
}  // namespace mctenant::base
