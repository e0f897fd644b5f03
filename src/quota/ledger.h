#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "quota/event.h"
#include "quota/stripe.h"
#include "tenant/namespace.h"

namespace mctenant::quota {

// What one tenant has stored: each key's size, expiry, version and rank for eviction, their sums at all
// times, and the quota they are held to.
//
// Fed by what servers answer, never by what was asked of them; from whatever source (workers, probes,
// crawls), in any order: see Stripe. Thread-safe, for the life of the process.
class Ledger {
 public:
  // `stripes`: a power of two, some times the number of threads. `now`: Unix seconds.
  Ledger(size_t stripes, uint32_t now) : Ledger(stripes, now, random_seed()) {}
  // With a seed of the caller's for the hash, so that a test can be repeated.
  Ledger(size_t stripes, uint32_t now, uint64_t seed);

  // ---- Keys. `key` is the server's key behind the tenant's prefix.

  [[nodiscard]] KeyHash hash(std::string_view key) const { return hash_of(seed_, key); }
  // To be read before a question about the key is sent (Event::sent).
  [[nodiscard]] uint32_t clock(KeyHash hash) const { return stripe(hash).clock(); }
  // The clocks of all keys at this moment, for a question about all of them.
  class Moment {
   public:
    [[nodiscard]] uint32_t clock(KeyHash hash) const { return clocks_[hash >> shift_]; }

   private:
    friend class Ledger;
    int shift_ = 0;
    std::vector<uint32_t> clocks_;
  };
  [[nodiscard]] Moment moment() const;

  // Hints, for the caches: the key is being asked about; its answer is next but for some.
  void expect(KeyHash hash) const { stripe(hash).expect(hash); }
  void expect_now(KeyHash hash) const { stripe(hash).expect_now(hash); }
  // Takes what a server told. True: it contradicts what others told, or leaves something open; ask the server
  // (`me`) and tell the answer as an event of its own.
  [[nodiscard]] bool apply(const Event& event);
  // False if the key is not known, or of another generation.
  [[nodiscard]] bool look_up(KeyHash hash, std::string_view key, tenant::Generation generation,
                             KnownItem& item) const {
    return stripe(hash).look_up(hash, key, generation, item);
  }

  // Whether clients have marked items stale, of which the first to read one wins something. Any thread.
  void set_marks_stale() { marks_stale_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool marks_stale() const { return marks_stale_.load(std::memory_order_relaxed); }

  // ---- The quota, in bytes of whole items; 0: none.

  // A larger one holds at once. A smaller one lowers the limit step by step, as fast as evict-down (see
  // lower_limit) gets on.
  void set_quota(uint64_t bytes);
  [[nodiscard]] uint64_t quota() const { return quota_.load(std::memory_order_relaxed); }
  // Whether an item of that size can be kept at all.
  [[nodiscard]] bool admits(uint64_t size) const {
    const uint64_t bytes = quota();
    return bytes == 0 || size <= bytes;
  }

  // Claims room for a store under way. Near the limit only for what it will add to the item that it replaces.
  // Returns what was claimed, to be given back when the store is answered.
  [[nodiscard]] uint64_t reserve(KeyHash hash, std::string_view key, tenant::Generation generation,
                                 uint64_t size);
  void release(uint64_t reserved) { add_claimed(-static_cast<int64_t>(reserved)); }

  // What is stored and what is under way, without what is leaving, is more than the limit.
  [[nodiscard]] bool over() const {
    return claimed_.load(std::memory_order_relaxed) > limit_.load(std::memory_order_relaxed);
  }
  // The coldest item, which counts as leaving from now on: delete it on condition of its CAS, tell what came
  // of it, and call put_back() in any case. False if there is none.
  [[nodiscard]] bool choose_victim(Victim& victim);
  // Whatever is still there stays.
  void put_back(const Victim& victim) { add_claimed(stripe(victim.hash).put_back(victim).claimed); }

  // A quota that became smaller is still being approached.
  [[nodiscard]] bool lowering() const {
    const uint64_t bytes = quota();
    return bytes != 0 && limit_.load(std::memory_order_relaxed) > static_cast<int64_t>(bytes);
  }
  // After victims were chosen while lowering(): the limit follows what is left.
  void lower_limit();

  // ---- Housekeeping.

  // What expires by then leaves; at most `steps` items or seconds a stripe. False if there is more to do.
  [[nodiscard]] bool expire(uint32_t now, uint32_t steps);
  // Items that have left because their time had come.
  [[nodiscard]] uint64_t expired() const { return expired_.load(std::memory_order_relaxed); }
  // To be called at an interval longer than any request is under way, but not while a crawl runs: old
  // removals are forgotten.
  void forget_removals();
  // What was stored under older generations is retired: it leaves the sums at once. (The first event of a new
  // generation does the same.)
  void begin_generation(tenant::Generation generation);
  // One item that a flush left behind, to be deleted on its server. False if there is none.
  [[nodiscard]] bool next_retired(tenant::Generation& generation, std::string& key);
  [[nodiscard]] uint64_t retired() const { return retired_count_.load(std::memory_order_relaxed); }

  // A server's crawl has ended: items that it did not meet are gone. About those that are added to `open` the
  // server is still to be asked. A step a call, from a cursor {0, 0} on; false when all is done.
  struct Cursor {
    size_t stripe = 0;
    uint32_t bucket = 0;
  };
  [[nodiscard]] bool sweep(const std::vector<uint16_t>& sources, uint16_t source, uint8_t crawl,
                           Cursor& cursor, std::vector<OpenQuestion>& open);

  // ---- Figures.

  struct Usage {
    uint64_t bytes = 0;
    uint64_t items = 0;
    uint64_t memory = 0;  // that the ledger takes for it
  };
  [[nodiscard]] Usage usage() const;

 private:
  [[nodiscard]] static uint64_t random_seed();
  [[nodiscard]] static KeyHash hash_of(uint64_t seed, std::string_view key);
  [[nodiscard]] Stripe& stripe(KeyHash hash) const { return *stripes_[hash >> shift_]; }
  void add_claimed(int64_t bytes) {
    if (bytes != 0) claimed_.fetch_add(bytes, std::memory_order_relaxed);
  }
  void collect_retired();

  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  const uint64_t seed_;
  const int shift_;
  std::vector<std::unique_ptr<Stripe>> stripes_;
  std::atomic<bool> marks_stale_{false};
  std::atomic<int64_t> claimed_{0};
  std::atomic<int64_t> limit_{kNoLimit};
  std::atomic<uint64_t> quota_{0};
  std::atomic<uint64_t> expired_{0};
  std::atomic<uint64_t> retired_count_{0};
  std::mutex retired_mutex_;
  std::vector<Retired> retired_;  // both guarded by retired_mutex_
  std::vector<Stray> strays_;
};

}  // namespace mctenant::quota
