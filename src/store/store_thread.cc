#include "store/store_thread.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"

namespace mctenant::store {

struct StoreThread::Impl {
  // Somebody who asked for a step and is to be told of it.
  struct Waiting {
    base::Executor* reply_to;
    Done done;
  };

  // What all who asked for a change of a tenant until it was begun have asked for together.
  struct Change {
    bool step = false;
    int64_t flush_at = 0;  // 0: none waits any more
    std::vector<Waiting> told;
  };

  // A generation that is to move by itself.
  struct Flush {
    int64_t at;
    std::shared_ptr<tenant::Tenant> tenant;
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

  // Adds to what is to be written of the tenant next. Under the mutex.
  Change& next_change(const std::shared_ptr<tenant::Tenant>& tenant, Waiting asking) {
    Change& change = changes[tenant->id()];
    change.told.push_back(std::move(asking));
    if (change.told.size() == 1) push([this, tenant](Store& opened) { write(opened, tenant); });
    return change;
  }

  void write(Store& opened, const std::shared_ptr<tenant::Tenant>& tenant) {
    Change change;
    {
      // Whoever asks from now on may have stored something since: that takes another step.
      const std::lock_guard lock(mutex);
      change = std::move(changes.extract(tenant->id()).mapped());
    }
    const auto result = change.step ? opened.advance_generation(tenant->id(), change.flush_at)
                                    : opened.schedule_flush(tenant->id(), change.flush_at);
    if (result) {
      tenant->set_generation(*result);
      const std::lock_guard lock(mutex);
      flushes.erase(tenant->id());
      if (change.flush_at != 0) flushes.emplace(tenant->id(), Flush{change.flush_at, tenant});
    }
    for (Waiting& one : change.told) {
      one.reply_to->post([done = std::move(one.done), result] { done(result); });
    }
  }

  void flush(Store& opened, int64_t now) {
    const auto moved = opened.flush_due(now);
    const std::lock_guard lock(mutex);
    flushing = false;
    if (!moved) {
      if (!std::exchange(flush_fails, true)) base::log::error("a flush is late: {}", moved.error().message);
      return;
    }
    flush_fails = false;
    for (const TenantRecord& record : *moved) {
      const auto found = flushes.find(record.id);
      if (found != flushes.end()) found->second.tenant->set_generation(record.generation);
    }
    // That of a tenant that was retired meanwhile is not among the moved ones.
    std::erase_if(flushes, [now](const auto& entry) { return entry.second.at <= now; });
  }

  std::unique_ptr<Store> store;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void(Store&)>> tasks;
  // Changes that have not begun: one serves all who asked until then, so that a tenant that flushes all the
  // time doesn't hold up the others.
  std::unordered_map<tenant::TenantId, Change> changes;
  std::unordered_map<tenant::TenantId, Flush> flushes;  // as the store has them
  bool flushing = false;                                // a task for those that are due is under way
  bool flush_fails = false;                             // said once
  bool stopping = false;
  std::thread thread;
};

StoreThread::StoreThread(std::unique_ptr<Store> store) : impl_(std::make_unique<Impl>(std::move(store))) {}
StoreThread::~StoreThread() = default;

void StoreThread::advance(std::shared_ptr<tenant::Tenant> tenant, base::Executor& reply_to, Done done) {
  const std::lock_guard lock(impl_->mutex);
  Impl::Change& change = impl_->next_change(tenant, {&reply_to, std::move(done)});
  change.step = true;
  change.flush_at = 0;
}

void StoreThread::schedule(std::shared_ptr<tenant::Tenant> tenant, int64_t at, base::Executor& reply_to,
                           Done done) {
  const std::lock_guard lock(impl_->mutex);
  impl_->next_change(tenant, {&reply_to, std::move(done)}).flush_at = at;
}

void StoreThread::expect_flush(std::shared_ptr<tenant::Tenant> tenant, int64_t at) {
  const std::lock_guard lock(impl_->mutex);
  const tenant::TenantId id = tenant->id();
  impl_->flushes.insert_or_assign(id, Impl::Flush{at, std::move(tenant)});
}

void StoreThread::flush_due(int64_t now) {
  const std::lock_guard lock(impl_->mutex);
  const bool due = std::any_of(impl_->flushes.begin(), impl_->flushes.end(),
                               [now](const auto& entry) { return entry.second.at <= now; });
  if (!due || std::exchange(impl_->flushing, true)) return;
  impl_->push([impl = impl_.get(), now](Store& store) { impl->flush(store, now); });
}

void StoreThread::post(std::function<void(Store&)> task) {
  const std::lock_guard lock(impl_->mutex);
  impl_->push(std::move(task));
}

}  // namespace mctenant::store
