#include "net/timer.h"

#include <event2/event.h>

#include <algorithm>
#include <utility>

#include "net/event_loop.h"

namespace mctenant::net {

Timer::Timer(EventLoop& loop, std::function<void()> callback)
    : callback_(std::move(callback)),
      event_(evtimer_new(
          loop.base(),
          [](evutil_socket_t, short, void* self) {
            auto* timer = static_cast<Timer*>(self);
            timer->running_ = false;
            timer->callback_();
          },
          this)) {}

Timer::~Timer() { event_free(event_); }

void Timer::start(base::Duration after) {
  const auto micros =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(after).count());
  const timeval tv{static_cast<time_t>(micros / 1'000'000), static_cast<suseconds_t>(micros % 1'000'000)};
  event_add(event_, &tv);
  running_ = true;
}

void Timer::stop() {
  event_del(event_);
  running_ = false;
}

}  // namespace mctenant::net
