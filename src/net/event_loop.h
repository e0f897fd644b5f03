#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"

struct event;
struct event_base;

namespace mctenant::net {

// Something handed to the loop to be freed at the end of the turn: nothing is freed inside its own callback.
class Discardable {
 public:
  virtual ~Discardable() = default;
};

class WorkList;

// Work to be done once at the end of a turn, however often it was asked for: a stream writes what many
// requests left in its queue. Of an object that is gone before, nothing is done any more; it goes on the
// loop's thread, and before the loop.
class EndOfTurn {
 public:
  EndOfTurn() = default;
  virtual ~EndOfTurn();
  EndOfTurn(const EndOfTurn&) = delete;
  EndOfTurn& operator=(const EndOfTurn&) = delete;

  virtual void on_end_of_turn() = 0;

 private:
  friend class WorkList;
  EndOfTurn* next_ = nullptr;
  WorkList* list_ = nullptr;  // while it is scheduled
};

// First in, first out, each once.
class WorkList {
 public:
  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  void add(EndOfTurn& work) {
    if (work.list_ != nullptr) return;
    work.list_ = this;
    *tail_ = &work;
    tail_ = &work.next_;
  }
  void remove(EndOfTurn& work);
  // Also what is added meanwhile.
  void run();

 private:
  EndOfTurn* head_ = nullptr;
  EndOfTurn** tail_ = &head_;
};

// One thread's event loop.
//
//   turn:  wait for events ─► their callbacks ─► end-of-turn work ─► gathered work ─► discard
//                  ▲                                    │
//                  └──── look for more, without ────────┘
//                        waiting: only if there is gathered work
//
// Looking again is for what many share: while a turn's replies are written, their readers ask the next
// things, and those leave for the server together with what was there before. A look costs one system call
// and never waits; a turn with a single thing to gather does without.
//
// All but post() and stop() belong to the thread that calls run(), or to any one thread before it.
class EventLoop final : public base::Executor {
 public:
  EventLoop();
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void run();
  // One turn, which waits for something to happen: for who does other work between turns, instead of run().
  void turn();
  // run() returns after the turn under way, and after the tasks posted before. Any thread.
  void stop();
  // Any thread. Tasks run in order; what is left when the loop is destroyed is dropped.
  void post(std::function<void()> task) override;

  // The time of this turn, or of its last look for more: read from the clock at most once.
  [[nodiscard]] base::TimePoint now();

  void at_end_of_turn(EndOfTurn& work) { end_of_turn_.add(work); }
  // After all that is at hand has been taken in.
  void after_gathering(EndOfTurn& work) {
    ++gathered_;
    gathered_work_.add(work);
  }
  // Work of a millisecond of CPU, as of a TLS handshake, asks first: false if this turn has had its share of
  // such work, and it is to be done in the next. So a storm of it does not hold up everybody else.
  [[nodiscard]] bool may_toil() { return toil_++ < kToilATurn; }
  void discard(std::unique_ptr<Discardable> object) { discarded_.push_back(std::move(object)); }

  // For this room only.
  [[nodiscard]] event_base* base() { return base_; }

 private:
  static constexpr uint32_t kToilATurn = 2;
  // A turn looks for more so often at most, and no more once so much was gathered: what came first must not
  // wait for all that a crowd has to say. More looks bring no more than they cost.
  static constexpr uint32_t kLooks = 2;
  static constexpr uint32_t kGathered = 128;

  void run_posted();
  void look(int flags);
  void gather();
  void end_turn();

  event_base* base_;
  int wake_fd_;
  event* wake_event_;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by posted_mutex_
  std::atomic<bool> stopping_{false};
  base::TimePoint now_{};
  bool now_valid_ = false;
  uint32_t toil_ = 0;
  WorkList end_of_turn_;
  WorkList gathered_work_;
  uint32_t gathered_ = 0;  // calls of after_gathering() in this turn
  std::vector<std::unique_ptr<Discardable>> discarded_;
};

}  // namespace mctenant::net
