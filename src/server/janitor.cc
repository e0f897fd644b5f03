#include "server/janitor.h"

#include <algorithm>
#include <utility>

#include "base/free_list.h"

namespace mctenant::server {
namespace {

// While there is something to do, and while there is not. A short turn sends few deletes at once, so that
// clients' requests wait for few of them.
constexpr auto kBusyTurn = std::chrono::milliseconds(1);
constexpr auto kIdleTurn = std::chrono::milliseconds(50);
// Items found by crawls that may wait; each takes its key and some 60 bytes.
constexpr size_t kMaxWaiting = 2'000'000;
// Deletes sent and not answered: a slow server is not given more.
constexpr size_t kMaxUnderWay = 512;

}  // namespace

// Drops itself with its answer, whatever that is.
class Janitor::Removal final : public upstream::Call {
 public:
  explicit Removal(Janitor& janitor) : janitor_(janitor) { ++janitor_.under_way_; }
  ~Removal() override { --janitor_.under_way_; }
  void on_reply(const protocol::Reply& reply) override {
    if (reply.status == protocol::Status::ok) janitor_.figures_.deleted.add();
    // The connection was lost, which has put the server's accounting in doubt: its crawl meets the item
    // again.
    if (reply.status == protocol::Status::temporary_failure) janitor_.figures_.dropped.add();
    base::FreeList<Removal>::drop(this);
  }

 private:
  Janitor& janitor_;
};

Janitor::Janitor(net::EventLoop& loop, session::Accounting& accounting, std::string key_namespace)
    : loop_(loop),
      accounting_(accounting),
      key_namespace_(std::move(key_namespace)),
      timer_(loop, [this] { turn(); }) {
  timer_.start(kIdleTurn);
}

void Janitor::remove(upstream::Server& server, upstream::ServerState& state, std::string_view server_key) {
  if (waiting_.size() >= kMaxWaiting) {
    figures_.dropped.add();
    return state.doubt();
  }
  waiting_.push_back({&server, &state, std::string(server_key)});
}

void Janitor::turn() {
  const base::TimePoint now = loop_.now();
  const double passed = std::chrono::duration<double>(now - std::exchange(last_turn_, now)).count();
  // What was not used is kept for some turns: after a pause there is no burst.
  const double a_turn = rate_ * std::chrono::duration<double>(kBusyTurn).count();
  credit_ = std::min(credit_ + rate_ * passed, std::max(8 * a_turn, 1.0));
  auto left = static_cast<size_t>(credit_);
  const size_t whole = left;
  left -= evict(left);
  left -= remove_waiting(left);
  left -= remove_retired(left);
  credit_ -= static_cast<double>(whole - left);
  uint64_t waiting = waiting_.size();
  bool over = false;
  for (const session::Account& account : accounts_) {
    waiting += account.ledger->retired();
    over |= account.ledger->over() || account.ledger->lowering();
  }
  figures_.pending.set(waiting + under_way_);
  timer_.start(whole != left || waiting > 0 || over ? kBusyTurn : kIdleTurn);
}

// A tenant's limit goes down with what is left to it, until it is the quota.
size_t Janitor::evict(size_t most) {
  size_t evicted = 0;
  for (const session::Account& account : accounts_) {
    quota::Ledger& ledger = *account.ledger;
    while (evicted < most && (ledger.over() || ledger.lowering()) && accounting_.evict(account)) {
      ++evicted;
      ledger.lower_limit();
    }
    ledger.lower_limit();
  }
  figures_.evicted.add(evicted);
  return evicted;
}

size_t Janitor::remove_waiting(size_t most) {
  size_t removed = 0;
  while (removed < most && under_way_ < kMaxUnderWay && !waiting_.empty()) {
    const Waiting& next = waiting_.front();
    if (next.server->ready()) {
      send(*next.server, next.key);
    } else {
      figures_.dropped.add();
      next.state->doubt();
    }
    waiting_.pop_front();
    ++removed;
  }
  return removed;
}

size_t Janitor::remove_retired(size_t most) {
  size_t removed = 0;
  tenant::Generation generation = 0;
  std::string tail;
  for (const session::Account& account : accounts_) {
    if (account.pool == nullptr || !account.pool->can_serve()) continue;
    while (removed < most && under_way_ < kMaxUnderWay && account.ledger->next_retired(generation, tail)) {
      const std::string key = tenant::make_prefix(key_namespace_, account.tenant->id(), generation) + tail;
      upstream::Server& server = account.pool->place(key);
      if (server.ready()) {
        send(server, key);
      } else {
        figures_.dropped.add();  // when the server is back, its crawl meets the item
      }
      ++removed;
    }
  }
  return removed;
}

void Janitor::send(upstream::Server& server, std::string_view server_key) {
  protocol::Request removal;
  removal.command = protocol::Command::remove;
  server.send(removal, server_key, *base::FreeList<Removal>::make(*this));
}

}  // namespace mctenant::server
