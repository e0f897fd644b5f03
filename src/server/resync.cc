#include "server/resync.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/units.h"

namespace mctenant::server {
namespace {

// For the watch to begin before the first crawl.
constexpr auto kWatchFirst = std::chrono::seconds(1);
constexpr auto kProgress = std::chrono::seconds(5);
// Questions about evicted items that may wait for an answer; beyond, a crawl is cheaper.
constexpr uint64_t kMaxQuestions = 4096;
// What one turn sweeps, in steps of the ledger.
constexpr int kSweepSteps = 16;

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Resync::Resync(const Desk& desk, const upstream::PoolOptions& pool, upstream::ServerConnection& server,
               upstream::ServerState& state, const ResyncOptions& options)
    : desk_(desk),
      pool_(pool),
      server_(server),
      state_(state),
      options_(options),
      // Not make_unique: the handler is a private base.
      watch_(new upstream::EvictionWatch(desk.loop, desk.resolver, pool, server.address(), state, *this)) {
  watch_->start();
}

Resync::~Resync() {
  watch_->cancel();
  desk_.loop.discard(std::move(watch_));
  if (!crawl_) return;
  crawl_->cancel();
  desk_.loop.discard(std::move(crawl_));
}

void Resync::look() {
  const base::TimePoint now = desk_.loop.now();
  const uint64_t doubts = state_.doubts();
  if (doubts != std::exchange(seen_doubts_, doubts)) {
    const bool another = state_.incarnation() != crawled_incarnation_;
    not_before_ = another ? now : std::max(now + options_.grace, last_end_ + options_.interval);
  }
  if (!server_.ready()) {
    ready_since_ = now;
    return;
  }
  // What is evicted between a crawl and the beginning of the watch would be missed, and so crawled for again.
  const bool watching = watch_->figures().watching.load(std::memory_order_relaxed);
  if (!watching && now - ready_since_ < kWatchFirst) return;
  if (!running() && due() && now >= not_before_) begin();
}

void Resync::begin() {
  begun_doubts_ = state_.doubts();
  state_.set_crawling(true);
  figures_.running.set(1);
  figures_.items.set(0);
  figures_.removed.set(0);
  figures_.foreign.set(0);
  begun_ = told_ = desk_.loop.now();
  upstream::Crawl::Handler& handler = *this;  // a private base, which make_unique would not see
  crawl_ = std::make_unique<upstream::Crawl>(desk_.loop, desk_.resolver, pool_, server_.address(), state_,
                                             handler);
  crawl_->start();
}

void Resync::on_begun(uint16_t incarnation, uint8_t number) {
  incarnation_ = incarnation;
  number_ = number;
  moments_.clear();
  for (const auto& [id, known] : desk_.tenants.all()) {
    if (known.living) moments_.emplace(known.account.ledger, known.account.ledger->moment());
  }
  base::log::info("counting the items of server {}", server_.address().text());
}

// Whether clients look for the key on this server.
bool Resync::here(const KnownTenants::Found& found, std::string_view server_key) const {
  return &found.known->pool->connection(server_key).state() == &state_;
}

void Resync::on_item(const protocol::DumpedItem& item) {
  figures_.items.add();
  const KnownTenants::Found found = desk_.tenants.find(item.key);
  if (found.owner == Owner::nobody) return figures_.foreign.add();
  if (found.owner == Owner::tenant && here(found, item.key)) {
    merge(found, item);
  } else {
    figures_.removed.add();
    desk_.janitor.remove(server_, state_, item.key);
  }
  if ((figures_.items.get() & 0xffff) == 0) tell_progress();
}

void Resync::merge(const KnownTenants::Found& found, const protocol::DumpedItem& item) {
  const session::Account& account = found.known->account;
  quota::Event event;
  event.kind = quota::Event::Kind::listed;
  event.observer = desk_.accounting.observer();
  event.crawl = number_;
  event.source = incarnation_;
  event.key = found.parts.tail;
  event.hash = account.ledger->hash(event.key);
  event.generation = found.parts.generation;
  event.cas = item.cas;
  event.size = static_cast<uint32_t>(item.size);
  event.expiry = static_cast<uint32_t>(item.expiry);
  event.listing = true;
  // A tenant that came after the crawl had begun has nothing that is older.
  const auto moment = moments_.find(account.ledger);
  event.sent =
      moment != moments_.end() ? moment->second.clock(event.hash) : account.ledger->clock(event.hash);
  if (!account.ledger->apply(event)) return;
  session::TrackedKey key;
  desk_.accounting.track(account, event.generation, item.key, item.key.size() - event.key.size(), key);
  desk_.accounting.probe(key);
}

void Resync::tell_progress() {
  const base::TimePoint now = std::chrono::steady_clock::now();
  if (now - told_ < kProgress) return;
  told_ = now;
  base::log::info("counting the items of server {}: {} so far", server_.address().text(),
                  figures_.items.get());
}

void Resync::on_finished(const upstream::Crawl::Outcome& outcome) {
  using Kind = upstream::Crawl::Outcome::Kind;
  desk_.loop.discard(std::move(crawl_));
  // From now on replies ask for themselves what they leave open; what they have left is asked when it is
  // swept.
  state_.set_crawling(false);
  if (outcome.kind == Kind::done) {
    sweeping_ = true;
    cursor_ = {};
    to_sweep_.clear();
    for (const auto& [id, known] : desk_.tenants.all()) {
      if (moments_.contains(known.account.ledger)) to_sweep_.push_back(known.account);
    }
    return sweep();
  }
  if (!std::exchange(failing_, true)) {
    base::log::warn("the items of server {} could not be counted: {}; trying again", server_.address().text(),
                    outcome.kind == Kind::busy ? "it is busy with another dump" : outcome.reason);
  }
  end(false);
}

void Resync::sweep() {
  const std::vector<uint16_t> sources = state_.incarnations();
  for (int step = 0; step < kSweepSteps; ++step) {
    if (to_sweep_.empty()) return end(true);
    questions_.clear();
    const bool more = to_sweep_.back().ledger->sweep(sources, incarnation_, number_, cursor_, questions_);
    ask(to_sweep_.back());
    if (more) continue;
    to_sweep_.pop_back();
    cursor_ = {};
  }
  desk_.loop.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) sweep();
  });
}

void Resync::ask(const session::Account& account) {
  const std::string_view prefix = account.tenant->prefix(*account.shard);
  for (const quota::OpenQuestion& question : questions_) {
    if (question.generation != account.shard->generation) return;  // flushed meanwhile
    if (server_.figures().in_flight.get() >= kMaxQuestions) return state_.doubt();
    session::TrackedKey key;
    desk_.accounting.track(account, question.generation, std::string(prefix) + question.key, prefix.size(),
                           key);
    desk_.accounting.probe(key);
  }
}

void Resync::end(bool done) {
  sweeping_ = false;
  last_end_ = desk_.loop.now();
  figures_.running.set(0);
  moments_.clear();
  if (!done) {
    figures_.failed.add();
    not_before_ = last_end_ + options_.retry;
    return;
  }
  failing_ = false;
  settled_doubts_ = begun_doubts_;
  crawled_incarnation_ = incarnation_;
  figures_.done.add();
  figures_.finished.set(static_cast<uint64_t>(desk_.accounting.now()));
  base::log::info(
      "counted the items of server {}: {}, of which {} are to go and {} are not ours, in {:.1f} s",
      server_.address().text(), figures_.items.get(), figures_.removed.get(), figures_.foreign.get(),
      seconds(last_end_ - begun_));
}

// The line does not say which version: whether the key is there again, the server is asked.
void Resync::on_evicted(std::string_view key, uint64_t) {
  const KnownTenants::Found found = desk_.tenants.find(key);
  if (found.owner != Owner::tenant || !here(found, key)) return;
  const session::Account& account = found.known->account;
  account.shard->counters.server_evictions.add();
  if (server_.figures().in_flight.get() >= kMaxQuestions) return state_.doubt();
  session::TrackedKey tracked;
  desk_.accounting.track(account, found.parts.generation, key, key.size() - found.parts.tail.size(), tracked);
  desk_.accounting.probe(tracked);
}

void Resync::on_gap() { state_.doubt(); }

}  // namespace mctenant::server
