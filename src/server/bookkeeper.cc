#include "server/bookkeeper.h"

#include <pthread.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/scheduling.h"
#include "base/units.h"

namespace mctenant::server {
namespace {

constexpr auto kTurn = std::chrono::milliseconds(100);
// What expires of one stripe before others have their turn.
constexpr uint32_t kExpiriesAStep = 256;
constexpr int kExpirySteps = 64;
constexpr tenant::Generation kNoMore = std::numeric_limits<tenant::Generation>::max();

}  // namespace

Bookkeeper::Bookkeeper(const Shared& shared, std::string key_namespace)
    : shared_(shared),
      accounting_(shared.books, static_cast<quota::Observer>(shared.config.workers), shared.clock),
      tenants_(key_namespace),
      janitor_(loop_, accounting_, std::move(key_namespace)),
      forget_interval_(std::chrono::seconds(2)),
      timer_(loop_, [this] { turn(); }) {
  const Desk desk{loop_, shared.resolver, tenants_, accounting_, janitor_};
  std::set<const upstream::ServerState*> known;
  for (const upstream::PoolOptions& options : shared.config.pools) {
    // No request is under way for so long.
    forget_interval_ = std::max<base::Duration>(forget_interval_, 2 * options.timeout);
    const auto& pool = pools_
                           .try_emplace(options.name, loop_, shared.resolver, options,
                                        shared.rings.at(options.name), shared.servers, false)
                           .first->second;
    for (const auto& server : pool.servers()) {
      upstream::ServerState& state = shared.servers.at(server->address());
      if (known.insert(&state).second)
        servers_.push_back(std::make_unique<Resync>(desk, options, *server, state));
    }
  }
}

Bookkeeper::~Bookkeeper() = default;

void Bookkeeper::start() {
  for (auto& [name, pool] : pools_) pool.start([] {});
  timer_.start(kTurn);
  thread_ = std::thread([this] {
    base::give_way();
    loop_.run();
  });
  pthread_setname_np(thread_.native_handle(), "bookkeeper");
}

void Bookkeeper::stop() { loop_.stop(); }

void Bookkeeper::join() {
  if (thread_.joinable()) thread_.join();
}

void Bookkeeper::set_tenants(std::shared_ptr<const tenant::Directory> directory, uint32_t deletes_a_second,
                             std::vector<store::TenantRecord> retired) {
  loop_.post([this, directory = std::move(directory), deletes_a_second, retired = std::move(retired)] {
    take_over(directory, deletes_a_second, retired);
  });
}

void Bookkeeper::take_over(const std::shared_ptr<const tenant::Directory>& directory,
                           uint32_t deletes_a_second, const std::vector<store::TenantRecord>& retired) {
  directory_ = directory;
  janitor_.set_rate(deletes_a_second);
  for (const tenant::Entry& entry : directory->entries()) {
    upstream::ServerPool& pool = pools_.find(entry.plan.pool)->second;
    KnownTenants::Known known;
    known.account = {entry.tenant.get(), &entry.tenant->shard(shared_.config.workers),
                     shared_.books.find(entry.tenant->id()), &pool};
    known.pool = &pool;
    known.living = true;
    tenants_.set_living(entry.tenant->id(), known);
  }
  for (const store::TenantRecord& record : retired) retire(record);
  std::vector<session::Account> accounts;
  for (const auto& [id, known] : tenants_.all()) {
    if (known.account.ledger != nullptr) accounts.push_back(known.account);
  }
  janitor_.set_accounts(std::move(accounts));
  check_promises();
}

// One that was living in this process has a ledger, whose items are known; those of another are met by
// crawls.
void Bookkeeper::retire(const store::TenantRecord& record) {
  tenants_.retire(record);
  const auto found = tenants_.all().find(record.id);
  if (quota::Ledger* ledger = found->second.account.ledger) {
    ledger->set_quota(0);
    ledger->begin_generation(kNoMore);
  }
}

void Bookkeeper::turn() {
  bool running = false;
  for (const auto& server : servers_) {
    server->look();
    running |= server->running();
  }
  expire();
  const base::TimePoint now = loop_.now();
  if (!running && now - forgotten_ >= forget_interval_) {
    forgotten_ = now;
    for (quota::Ledger* ledger : shared_.books.all()) ledger->forget_removals();
  }
  check_promises();
  timer_.start(kTurn);
}

void Bookkeeper::expire() {
  const auto now = static_cast<uint32_t>(accounting_.now());
  for (const auto& [id, known] : tenants_.all()) {
    const session::Account& account = known.account;
    if (account.ledger == nullptr) continue;
    if (known.living) account.ledger->begin_generation(account.tenant->generation());
    for (int step = 0; step < kExpirySteps && !account.ledger->expire(now, kExpiriesAStep); ++step) {
    }
    account.shard->counters.expired.set(account.ledger->expired());
  }
}

quota::PoolPromise Bookkeeper::promise(const Shared& shared, const upstream::PoolOptions& pool,
                                       const tenant::Directory& directory) {
  quota::PoolPromise promise;
  for (const tenant::Entry& entry : directory.entries()) {
    if (entry.plan.pool != pool.name) continue;
    promise.promised += entry.plan.memory;
    promise.unlimited += entry.plan.memory == 0 ? 1 : 0;
  }
  for (const upstream::ServerOptions& server : pool.servers) {
    const uint64_t limit = shared.servers.at(server.address).limit_maxbytes();
    if (limit == 0) return promise.limit = 0, promise;
    promise.limit += limit;
  }
  return promise;
}

void Bookkeeper::check_promises() {
  if (!directory_) return;
  for (const upstream::PoolOptions& pool : shared_.config.pools) {
    const quota::PoolPromise now = promise(shared_, pool, *directory_);
    quota::PoolPromise& before = warned_[pool.name];
    if (now.promised == before.promised && now.limit == before.limit) continue;
    before = now;
    if (!now.oversold()) continue;
    base::log::warn(
        "pool {} is oversold: its tenants are promised {}, and its servers can hold {} ({} less {} % for "
        "slab "
        "overhead), so that they evict before quotas are full: give memcached more memory (-m), or tenants "
        "less",
        pool.name, base::format_byte_size(now.promised), base::format_byte_size(now.usable()),
        base::format_byte_size(now.limit), quota::PoolPromise::kSlabOverheadPercent);
  }
}

}  // namespace mctenant::server
