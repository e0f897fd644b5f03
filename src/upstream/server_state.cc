#include "upstream/server_state.h"

#include <algorithm>

namespace mctenant::upstream {
namespace {

// memcached reckons both times in whole seconds.
constexpr int64_t kTolerance = 1;

uint16_t next_number() {
  static std::atomic<uint16_t> last{0};
  uint16_t number = 0;
  while (number == 0) number = static_cast<uint16_t>(last.fetch_add(1, std::memory_order_relaxed) + 1);
  return number;
}

}  // namespace

uint16_t ServerState::identify(int64_t pid, int64_t started) {
  const std::lock_guard lock(mutex_);
  for (const Process& process : processes_) {
    const bool near = process.started - kTolerance <= started && started <= process.started + kTolerance;
    if (process.number != 0 && process.pid == pid && near) return process.number;
  }
  std::move_backward(processes_.begin(), processes_.end() - 1, processes_.end());
  processes_.front() = {pid, started, next_number()};
  incarnations_.push_back(processes_.front().number);
  incarnation_.store(processes_.front().number, std::memory_order_release);
  doubt();
  return processes_.front().number;
}

std::vector<uint16_t> ServerState::incarnations() const {
  const std::lock_guard lock(mutex_);
  return incarnations_;
}

uint8_t ServerState::begin_crawl() {
  const std::lock_guard lock(mutex_);
  const uint8_t last = crawl_.load(std::memory_order_relaxed);
  const uint8_t next = last == UINT8_MAX ? 1 : static_cast<uint8_t>(last + 1);
  crawl_.store(next, std::memory_order_release);
  return next;
}

ServerState& ServerStates::at(const net::Address& address) {
  const std::lock_guard lock(mutex_);
  auto& state = states_[address.text()];
  if (state == nullptr) state = std::make_unique<ServerState>();
  return *state;
}

}  // namespace mctenant::upstream
