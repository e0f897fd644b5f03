#include "upstream/eviction_watch.h"

#include <utility>

#include "base/log.h"

namespace mctenant::upstream {

EvictionWatch::EvictionWatch(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& pool,
                             net::Address address, ServerState& state, Handler& handler, base::Duration audit)
    : loop_(loop),
      resolver_(resolver),
      pool_(pool),
      address_(std::move(address)),
      server_state_(state),
      handler_(handler),
      audit_interval_(audit),
      auditor_(*this),
      back_off_(pool.retry_min, pool.retry_max),
      rest_(loop, [this] { connect(); }),
      audit_timer_(loop, [this] { this->audit(); }),
      deadline_(loop, [this] { fail("no answer to the request to watch"); }) {}

void EvictionWatch::start() { connect(); }

void EvictionWatch::cancel() {
  set_state(State::cancelled);
  rest_.stop();
  close(watch_);
  close(audit_);
}

void EvictionWatch::set_state(State state) {
  state_ = state;
  figures_.watching.store(state == State::watching, std::memory_order_relaxed);
  if (state != State::asking) deadline_.stop();
  if (state != State::watching) audit_timer_.stop();
}

void EvictionWatch::connect() {
  set_state(State::connecting);
  Dialogue::Handler& self = *this;
  watch_ = std::make_unique<Dialogue>(loop_, resolver_, pool_, address_, self);
  watch_->start();
}

void EvictionWatch::on_checked(const ServerInfo& info) {
  if (state_ != State::connecting) return;
  set_state(State::asking);
  incarnation_ = server_state_.identify(info.pid, info.started);
  untold_ = info.untold;  // counted before the watch begins: what is lost while it does shows
  watch_->send(protocol::kWatchRequest);
  deadline_.start(pool_.timeout);
}

void EvictionWatch::on_line(std::string_view line) {
  using protocol::WatchLine;
  if (state_ != State::asking && state_ != State::watching) return;
  protocol::KeyBuffer buffer;
  protocol::EvictedItem item;
  switch (protocol::parse_watch_line(line, buffer, item)) {
    case WatchLine::evicted:
      figures_.evictions.add();
      return handler_.on_evicted(item.key, item.size);
    case WatchLine::skipped:
      return tell_gap();
    case WatchLine::started:
      return begin();
    case WatchLine::other:
      return;
    case WatchLine::refused:
      return fail("it does not tell of evictions: " + std::string(line));
    case WatchLine::broken:
      return fail("it tells what is no eviction");
  }
}

void EvictionWatch::begin() {
  if (state_ == State::watching) return;
  set_state(State::watching);
  back_off_.reset();
  last_reason_.clear();
  audit_timer_.start(audit_interval_);
  tell_gap();
}

void EvictionWatch::audit() {
  if (audit_ != nullptr) return audit_->check();
  audit_ = std::make_unique<Dialogue>(loop_, resolver_, pool_, address_, auditor_);
  audit_->start();
}

void EvictionWatch::compare(const ServerInfo& info) {
  if (state_ != State::watching) return;
  if (server_state_.identify(info.pid, info.started) != incarnation_) return fail("it was restarted");
  audit_timer_.start(audit_interval_);
  if (std::exchange(untold_, info.untold) != info.untold) tell_gap();
}

void EvictionWatch::tell_gap() {
  figures_.gaps.add();
  handler_.on_gap();
}

void EvictionWatch::close(std::unique_ptr<Dialogue>& dialogue) {
  if (dialogue == nullptr) return;
  dialogue->end("");
  loop_.discard(std::move(dialogue));
}

void EvictionWatch::fail(const std::string& reason) {
  // Either connection takes the other with it, and the end of the second is no news.
  if (state_ == State::resting || state_ == State::cancelled) return;
  set_state(State::resting);
  figures_.failures.add();
  if (reason != last_reason_) {
    base::log::debug("server {} of pool {}: evictions are not watched: {}", address_.text(), pool_.name,
                     reason);
  }
  last_reason_ = reason;
  close(watch_);
  close(audit_);
  rest_.start(back_off_.next());
}

}  // namespace mctenant::upstream
