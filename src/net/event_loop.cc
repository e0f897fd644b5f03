#include "net/event_loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>

namespace mctenant::net {
namespace {

event_base* make_base() {
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);  // post() has its own lock; nothing else is shared
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  if (base == nullptr) throw std::runtime_error("libevent has no event loop to offer on this system");
  return base;
}

}  // namespace

EndOfTurn::~EndOfTurn() {
  if (list_ != nullptr) list_->remove(*this);
}

// Rare: what is scheduled is mostly discarded, and so outlives its turn.
void WorkList::remove(EndOfTurn& work) {
  EndOfTurn** link = &head_;
  while (*link != &work) link = &(*link)->next_;
  *link = work.next_;
  if (work.next_ == nullptr) tail_ = link;
  work.next_ = nullptr;
  work.list_ = nullptr;
}

void WorkList::run() {
  while (head_ != nullptr) {
    EndOfTurn* work = head_;
    head_ = work->next_;
    if (head_ == nullptr) tail_ = &head_;
    work->next_ = nullptr;
    work->list_ = nullptr;
    work->on_end_of_turn();
  }
}

EventLoop::EventLoop() : base_(make_base()), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  wake_event_ = event_new(
      base_, wake_fd_, EV_READ | EV_PERSIST,
      [](evutil_socket_t fd, short, void* self) {
        uint64_t count = 0;
        if (read(fd, &count, sizeof count) > 0) static_cast<EventLoop*>(self)->run_posted();
      },
      this);
  event_add(wake_event_, nullptr);
}

EventLoop::~EventLoop() {
  posted_.clear();
  end_turn();
  event_free(wake_event_);
  close(wake_fd_);
  event_base_free(base_);
}

void EventLoop::run() {
  while (!stopping_.load(std::memory_order_acquire)) turn();
  run_posted();
  end_turn();
}

void EventLoop::turn() {
  toil_ = 0;
  gathered_ = 0;
  look(EVLOOP_ONCE);
  if (gathered_ > 1) gather();
  end_turn();
}

void EventLoop::look(int flags) {
  now_valid_ = false;
  event_base_loop(base_, flags);
  end_of_turn_.run();
}

// As long as a look brings more, and within bounds.
void EventLoop::gather() {
  uint32_t before = 0;
  for (uint32_t looks = 0; looks < kLooks && gathered_ > before && gathered_ < kGathered; ++looks) {
    before = gathered_;
    look(EVLOOP_ONCE | EVLOOP_NONBLOCK);
  }
}

void EventLoop::stop() {
  post([this] { stopping_.store(true, std::memory_order_release); });
}

void EventLoop::post(std::function<void()> task) {
  bool wake = false;
  {
    const std::lock_guard lock(posted_mutex_);
    wake = posted_.empty();
    posted_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  if (wake && write(wake_fd_, &one, sizeof one) < 0 && errno != EAGAIN) {
    throw std::system_error(errno, std::generic_category(), "eventfd write");
  }
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
}

base::TimePoint EventLoop::now() {
  if (!now_valid_) {
    now_ = std::chrono::steady_clock::now();
    now_valid_ = true;
  }
  return now_;
}

void EventLoop::end_turn() {
  for (;;) {
    while (!end_of_turn_.empty() || !gathered_work_.empty()) {
      end_of_turn_.run();
      gathered_work_.run();
    }
    if (discarded_.empty()) return;
    // Dropping an object may schedule or discard others.
    std::vector<std::unique_ptr<Discardable>> last;
    last.swap(discarded_);
  }
}

}  // namespace mctenant::net
