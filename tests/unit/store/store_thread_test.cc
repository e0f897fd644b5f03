#include "store/store_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "support/temp_folder.h"

namespace mctenant::store {
namespace {

using tenant::Generation;
using tenant::Tenant;

// Keeps what was posted until the test runs it, as a worker's loop would.
class Worker final : public base::Executor {
 public:
  void post(std::function<void()> task) override {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    posted_.notify_one();
  }
  // Waits for a task and runs it on this thread.
  void run_one() {
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [this] { return !tasks_.empty(); });
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }
  size_t waiting() {
    const std::lock_guard lock(mutex_);
    return tasks_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;
};

class StoreThreadTest : public testing::Test {
 protected:
  std::unique_ptr<Store> open() { return open_sqlite({folder_.file("state.db"), std::nullopt}).value(); }
  // Asks, waits for the answer, and gives it.
  Generation advance(StoreThread& thread, const std::shared_ptr<Tenant>& tenant) {
    Generation told = 0;
    thread.advance(tenant, worker_, [&told](base::Expected<Generation> result) { told = result.value(); });
    worker_.run_one();
    return told;
  }
  Generation schedule(StoreThread& thread, const std::shared_ptr<Tenant>& tenant, int64_t at) {
    Generation told = 0;
    thread.schedule(tenant, at, worker_,
                    [&told](base::Expected<Generation> result) { told = result.value(); });
    worker_.run_one();
    return told;
  }
  // Until all that was posted before is done.
  static void finish(StoreThread& thread) {
    std::promise<void> done;
    thread.post([&done](Store&) { done.set_value(); });
    done.get_future().wait();
  }
  // The tenant of a store that has been opened and is then used by a thread.
  std::shared_ptr<Tenant> tenant_of(Store& store, const std::string& name) {
    const TenantRecord record = store.ensure_tenant(name, std::nullopt).value();
    return std::make_shared<Tenant>(record.name, record.id, record.generation, store.key_namespace(), 1);
  }

  support::TempFolder folder_;
  Worker worker_;
};

TEST_F(StoreThreadTest, StepIsDurableAndSetBeforeItIsTold) {
  auto store = open();
  const auto acme = tenant_of(*store, "acme");
  Generation told = 0;
  std::thread::id told_on;
  {
    StoreThread thread(std::move(store));
    thread.advance(acme, worker_, [&](base::Expected<Generation> result) {
      told = result.value();
      told_on = std::this_thread::get_id();
      EXPECT_EQ(acme->generation(), told);
    });
    worker_.run_one();
  }
  EXPECT_EQ(told, 1u);
  EXPECT_EQ(told_on, std::this_thread::get_id());
  EXPECT_EQ(open()->tenants()->at(0).generation, 1u);
}

TEST_F(StoreThreadTest, FailureIsToldAndNothingMoves) {
  auto store = open();
  const auto acme = tenant_of(*store, "acme");
  ASSERT_TRUE(store->retire_tenant("acme"));
  StoreThread thread(std::move(store));
  bool failed = false;
  thread.advance(acme, worker_, [&](base::Expected<Generation> result) { failed = !result; });
  worker_.run_one();
  EXPECT_TRUE(failed);
  EXPECT_EQ(acme->generation(), 0u);
}

TEST_F(StoreThreadTest, OneStepServesAllWhoAskedBeforeItBegan) {
  auto store = open();
  const auto acme = tenant_of(*store, "acme");
  const auto beta = tenant_of(*store, "beta");
  StoreThread thread(std::move(store));
  std::promise<void> gate;
  thread.post([opened = gate.get_future().share()](Store&) { opened.wait(); });
  std::vector<Generation> told;
  for (int i = 0; i < 3; ++i) {
    thread.advance(acme, worker_, [&](base::Expected<Generation> result) { told.push_back(result.value()); });
  }
  thread.advance(beta, worker_,
                 [&](base::Expected<Generation> result) { told.push_back(10 + result.value()); });
  gate.set_value();
  for (int i = 0; i < 4; ++i) worker_.run_one();
  EXPECT_EQ(told, (std::vector<Generation>{1, 1, 1, 11}));

  thread.advance(acme, worker_, [&](base::Expected<Generation> result) { told.push_back(result.value()); });
  worker_.run_one();
  EXPECT_EQ(told.back(), 2u);
}

TEST_F(StoreThreadTest, FlushThatWaitsMovesTheTenantAtItsTimeAndNoOther) {
  auto store = open();
  const auto acme = tenant_of(*store, "acme");
  const auto beta = tenant_of(*store, "beta");
  StoreThread thread(std::move(store));
  EXPECT_EQ(schedule(thread, acme, 1000), 0u);
  thread.flush_due(999);
  finish(thread);
  EXPECT_EQ(acme->generation(), 0u);
  thread.flush_due(1000);
  finish(thread);
  EXPECT_EQ(acme->generation(), 1u);
  EXPECT_EQ(beta->generation(), 0u);
  thread.flush_due(2000);
  finish(thread);
  EXPECT_EQ(acme->generation(), 1u);
}

TEST_F(StoreThreadTest, TheLastWishForAFlushCounts) {
  auto store = open();
  const auto acme = tenant_of(*store, "acme");
  StoreThread thread(std::move(store));
  (void)schedule(thread, acme, 1000);
  (void)schedule(thread, acme, 3000);
  thread.flush_due(2000);
  finish(thread);
  EXPECT_EQ(acme->generation(), 0u) << "put off";
  EXPECT_EQ(advance(thread, acme), 1u);
  thread.flush_due(3000);
  finish(thread);
  EXPECT_EQ(acme->generation(), 1u) << "taken back";
}

TEST_F(StoreThreadTest, WishesOfOneMomentEndAsIfTheyHadComeOneByOne) {
  for (const bool flush_last : {true, false}) {
    const std::string name = flush_last ? "acme" : "beta";
    auto store = open();
    const auto tenant = tenant_of(*store, name);
    StoreThread thread(std::move(store));
    std::promise<void> gate;
    thread.post([opened = gate.get_future().share()](Store&) { opened.wait(); });
    int told = 0;
    const auto count = [&told](const base::Expected<Generation>& result) {
      EXPECT_EQ(result, 1u);
      ++told;
    };
    if (flush_last) thread.schedule(tenant, 1000, worker_, count);
    thread.advance(tenant, worker_, count);
    if (!flush_last) thread.schedule(tenant, 1000, worker_, count);
    gate.set_value();
    for (int i = 0; i < 2; ++i) worker_.run_one();
    EXPECT_EQ(told, 2);
    thread.flush_due(1000);
    finish(thread);
    EXPECT_EQ(tenant->generation(), flush_last ? 1u : 2u);
  }
}

TEST_F(StoreThreadTest, FlushOfAnEarlierProcessIsMadeToo) {
  auto store = open();
  auto acme = tenant_of(*store, "acme");
  {
    StoreThread thread(std::move(store));
    (void)schedule(thread, acme, 1000);
  }
  store = open();
  acme = tenant_of(*store, "acme");
  const int64_t at = store->tenants()->at(0).flush_at;
  StoreThread thread(std::move(store));
  thread.expect_flush(acme, at);
  thread.flush_due(1000);
  finish(thread);
  EXPECT_EQ(acme->generation(), 1u);
}

TEST_F(StoreThreadTest, RetiredTenantIsNotFlushedAndAsksForNothingMore) {
  auto store = open();
  const auto acme = tenant_of(*store, "acme");
  StoreThread thread(std::move(store));
  (void)schedule(thread, acme, 1000);
  thread.post([](Store& opened) { EXPECT_TRUE(opened.retire_tenant("acme")); });
  thread.flush_due(1000);
  finish(thread);
  EXPECT_EQ(acme->generation(), 0u);
}

TEST_F(StoreThreadTest, DestructionCarriesOutWhatWasPosted) {
  auto store = open();
  const auto acme = tenant_of(*store, "acme");
  int carried_out = 0;
  {
    StoreThread thread(std::move(store));
    std::promise<void> gate;
    thread.post([opened = gate.get_future().share()](Store&) { opened.wait(); });
    for (int i = 0; i < 100; ++i) thread.post([&carried_out](Store&) { ++carried_out; });
    thread.advance(acme, worker_, [](base::Expected<Generation>) {});
    gate.set_value();
  }
  EXPECT_EQ(carried_out, 100);
  EXPECT_EQ(worker_.waiting(), 1u);
  EXPECT_EQ(open()->tenants()->at(0).generation, 1u);
}

TEST_F(StoreThreadTest, TasksRunInOrderAndMayPostMore) {
  std::vector<int> order;
  {
    StoreThread thread(open());
    std::promise<void> gate;
    thread.post([opened = gate.get_future().share()](Store&) { opened.wait(); });
    thread.post([&](Store&) {
      order.push_back(1);
      thread.post([&](Store&) { order.push_back(3); });
    });
    thread.post([&](Store&) { order.push_back(2); });
    gate.set_value();
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(StoreThreadTest, ManyThreadsMayAskAtTheSameTime) {
  auto store = open();
  std::vector<std::shared_ptr<Tenant>> tenants;
  for (int i = 0; i < 4; ++i) tenants.push_back(tenant_of(*store, "t" + std::to_string(i)));
  std::atomic<int> told = 0;
  {
    StoreThread thread(std::move(store));
    std::vector<std::thread> askers;
    for (const auto& tenant : tenants) {
      askers.emplace_back([&] {
        for (int i = 0; i < 20; ++i) {
          thread.advance(tenant, worker_, [&](base::Expected<Generation> result) { told += result ? 1 : 0; });
        }
      });
    }
    for (std::thread& asker : askers) asker.join();
  }
  while (worker_.waiting() > 0) worker_.run_one();
  EXPECT_EQ(told, 80);
  for (const auto& tenant : tenants) {
    EXPECT_GE(tenant->generation(), 1u);
    EXPECT_LE(tenant->generation(), 20u);
  }
}

}  // namespace
}  // namespace mctenant::store
