#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "net/event_loop.h"

namespace mctenant::support {

// An event loop on a thread of its own, and a way onto that thread. Header-only, as session_harness.h.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread() { stop(); }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // After this, what belongs to the loop may be destroyed by the caller.
  void stop() {
    if (!thread_.joinable()) return;
    loop_.stop();
    thread_.join();
  }
  [[nodiscard]] net::EventLoop& loop() { return loop_; }

  // Runs `work` on the loop and gives its result.
  template <class Work>
  auto call(Work&& work) {
    std::promise<std::invoke_result_t<Work>> result;
    auto future = result.get_future();
    loop_.post([&] {
      if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
        work();
        result.set_value();
      } else {
        result.set_value(work());
      }
    });
    return future.get();
  }

 private:
  net::EventLoop loop_;
  std::thread thread_;
};

// What callbacks on a loop write down and a test waits for.
template <class State>
class Watched {
 public:
  template <class Change>
  void change(Change&& how) {
    const std::lock_guard lock(mutex_);
    how(state_);
    changed_.notify_all();
  }
  // False if it has not come true within ten seconds.
  [[nodiscard]] bool wait(const std::function<bool(const State&)>& come_true) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return come_true(state_); });
  }
  [[nodiscard]] State get() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_{};
};

}  // namespace mctenant::support
