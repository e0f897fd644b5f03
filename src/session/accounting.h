#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/counter.h"
#include "protocol/message.h"
#include "quota/books.h"
#include "session/tracked_key.h"
#include "tenant/tenant.h"
#include "upstream/pool.h"

namespace mctenant::session {

// A tenant's account as one observer has it. All of it outlives every request.
struct Account {
  tenant::Tenant* tenant = nullptr;
  tenant::Shard* shard = nullptr;  // the observer's
  quota::Ledger* ledger = nullptr;
  upstream::Pool* pool = nullptr;
};

// Keeps the ledgers in step with what servers answer to one observer, on its thread: tells events, asks
// servers about what was left open, and evicts.
class Accounting {
 public:
  struct Figures {
    base::Counter probes;     // questions about what replies left open
    base::Counter evictions;  // deletes sent
  };

  // Both must outlive it, and it every request.
  Accounting(quota::Books& books, quota::Observer observer, const base::Clock& clock)
      : books_(books), observer_(observer), clock_(clock) {}

  // Unix seconds.
  [[nodiscard]] int64_t now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count();
  }

  // The key of a server key that begins with `prefix`.
  void track(const Account& account, tenant::Generation generation, std::string_view server_key,
             size_t prefix_size, TrackedKey& key) const;
  // A question about the key is about to be sent.
  void ask(TrackedKey& key) const {
    key.sent = key.ledger->clock(key.hash);
    key.ledger->expect(key.hash);
  }
  // What the server answered; the event's first half (kind, cas, size, …) is given. Asks again where that
  // left something open.
  void tell(const TrackedKey& key, quota::Event event);
  // Asks the server all about the key, without the flags where clients mark items stale; its answer goes to
  // the ledger.
  void probe(const TrackedKey& key);
  // Asks without reading the item, as a client would, but also without its flags.
  void describe(const TrackedKey& key);
  // Gives back the right to make a stale item anew that a read has won from the version `cas`: the next one
  // to read it wins it. The item gets another CAS, which goes to the ledger.
  void give_back(const TrackedKey& key, uint64_t cas);

  // Evicts the account's coldest items while it is over its limit, `most` at a time, but for the one that the
  // room is for: a store may depend on it. Returns how many.
  uint32_t make_room(const Account& account, const TrackedKey& spared, uint32_t most = kEvictionsAStore);
  // Evicts the coldest but `spared`; false if there is none, or its server is away.
  [[nodiscard]] bool evict(const Account& account, const TrackedKey* spared = nullptr);

  [[nodiscard]] quota::Books& books() { return books_; }
  [[nodiscard]] quota::Observer observer() const { return observer_; }
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  class Probe;
  class Eviction;

  // One store of the largest size in a cache of the smallest items needs more; the next ones, and the
  // background, take the rest.
  static constexpr uint32_t kEvictionsAStore = 256;

  quota::Books& books_;
  const quota::Observer observer_;
  const base::Clock& clock_;
  Figures figures_;
};

}  // namespace mctenant::session
