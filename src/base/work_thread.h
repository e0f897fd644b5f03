#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/executor.h"

namespace mctenant::base {

// One thread that carries out tasks in order: for what blocks and must not do so on an event loop.
class WorkThread final : public Executor {
 public:
  enum class AtEnd { finish, drop };  // what becomes of the tasks that still wait at destruction

  explicit WorkThread(AtEnd at_end) : at_end_(at_end), thread_([this] { run(); }) {}
  ~WorkThread() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      if (at_end_ == AtEnd::drop) tasks_.clear();
    }
    changed_.notify_one();
    thread_.join();
  }
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  void post(std::function<void()> task) override {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
    }
  }

  const AtEnd at_end_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace mctenant::base
