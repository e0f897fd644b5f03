#pragma once

#include <functional>

#include "base/clock.h"
#include "net/event_loop.h"

struct event;

namespace mctenant::net {

// Calls back once, some time after start(). Belongs to its loop's thread. Inside its own callback it may
// be stopped and restarted, but not destroyed: EventLoop::discard() does that.
class Timer final : public Discardable {
 public:
  Timer(EventLoop& loop, std::function<void()> callback);
  ~Timer() override;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // From now on, instead of what was started before.
  void start(base::Duration after);
  void stop();
  [[nodiscard]] bool running() const { return running_; }

 private:
  std::function<void()> callback_;
  event* event_;
  bool running_ = false;
};

}  // namespace mctenant::net
