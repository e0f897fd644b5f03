#include "store/store_thread.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mctenant::store {

struct StoreThread::Impl {
  // Somebody who asked for a step and is to be told of it.
  struct Waiting {
    base::Executor* reply_to;
    Done done;
  };

  explicit Impl(std::unique_ptr<Store> opened) : store(std::move(opened)), thread([this] { run(); }) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_one();
    thread.join();
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return stopping || !tasks.empty(); });
      if (tasks.empty()) return;
      auto task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task(*store);
      task = nullptr;  // what it holds is dropped before the lock is taken again
      lock.lock();
    }
  }

  void push(std::function<void(Store&)> task) {
    tasks.push_back(std::move(task));
    changed.notify_one();
  }

  void step(Store& opened, tenant::Tenant& tenant) {
    std::vector<Waiting> told;
    {
      // Whoever asks from now on may have stored something since: that takes another step.
      const std::lock_guard lock(mutex);
      told = std::move(waiting.extract(tenant.id()).mapped());
    }
    const auto result = opened.advance_generation(tenant.id());
    if (result) tenant.set_generation(*result);
    for (Waiting& one : told) {
      one.reply_to->post([done = std::move(one.done), result] { done(result); });
    }
  }

  std::unique_ptr<Store> store;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void(Store&)>> tasks;
  // Steps that have not begun: one serves all who asked for it until then, so that a tenant that flushes all
  // the time doesn't hold up the others.
  std::unordered_map<tenant::TenantId, std::vector<Waiting>> waiting;
  bool stopping = false;
  std::thread thread;
};

StoreThread::StoreThread(std::unique_ptr<Store> store) : impl_(std::make_unique<Impl>(std::move(store))) {}
StoreThread::~StoreThread() = default;

void StoreThread::advance(std::shared_ptr<tenant::Tenant> tenant, base::Executor& reply_to, Done done) {
  const std::lock_guard lock(impl_->mutex);
  auto& waiting = impl_->waiting[tenant->id()];
  waiting.push_back({&reply_to, std::move(done)});
  if (waiting.size() > 1) return;
  impl_->push([impl = impl_.get(), tenant = std::move(tenant)](Store& store) { impl->step(store, *tenant); });
}

void StoreThread::post(std::function<void(Store&)> task) {
  const std::lock_guard lock(impl_->mutex);
  impl_->push(std::move(task));
}

}  // namespace mctenant::store
