#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "quota/entry_arena.h"
#include "quota/event.h"
#include "quota/expiry_wheel.h"
#include "quota/key_table.h"
#include "quota/removals.h"
#include "quota/sieve.h"

namespace mctenant::quota {

// The items of one generation in one stripe.
struct Items {
  Items(uint64_t seed, KeyTable::Rehash rehash, uint32_t now) : table(seed, rehash), wheel(now) {}

  EntryArena arena;
  KeyTable table;
  Sieve sieve;
  ExpiryWheel wheel;
  uint64_t bytes = 0;
  uint64_t leaving = 0;  // of these, bytes of items whose eviction is under way
  uint64_t leaving_items = 0;

  [[nodiscard]] size_t memory() const { return sizeof(Items) + arena.memory() + table.memory(); }
};

// Items that a flush or the tenant's end has left on the servers, to be deleted there.
struct Retired {
  tenant::Generation generation;
  std::unique_ptr<Items> items;
  uint32_t bucket = 0;
  EntryRef next = 0;
};
// One key that was stored under an old generation while that ended.
struct Stray {
  tenant::Generation generation;
  std::string key;
};

// An item chosen for eviction.
struct Victim {
  tenant::Generation generation = 0;
  KeyHash hash = 0;
  uint64_t cas = 0;
  uint32_t size = 0;
  uint32_t sent = 0;
  uint8_t key_size = 0;
  std::array<char, tenant::kMaxServerKey> key_bytes;

  [[nodiscard]] std::string_view key() const { return {key_bytes.data(), key_size}; }
};

// A stored item of which something is not known.
struct OpenQuestion {
  tenant::Generation generation;
  std::string key;
};

// What is known of one stored item.
struct KnownItem {
  uint64_t cas;
  uint32_t size;
  uint16_t source;
  bool certain;  // size and flags are those of that version
  bool asked;    // its server is being asked about it
  Event::ClientFlags flags;
};

// Whether the moment `a` of a stripe's clock is later than the moment `b`, which is not long ago: by their
// ages, since the clock comes round, and what an item was last learned by may be older than that.
[[nodiscard]] constexpr bool later(uint32_t a, uint32_t b, uint32_t now) { return now - a < now - b; }

// A part of a tenant's ledger: the keys whose hash falls to it, behind one lock, held for some cache misses.
//
// Two moments of the stripe's own clock decide what a reply can tell: when its question was sent, and when
// what is known was learned. An observer's replies come in order. What another observer learned after the
// question was sent may be from before or after; if the versions don't tell, the item is marked uncertain and
// a probe is asked for, whose answer is judged in the same way. So the entry ends as the server's item does.
class Stripe {
 public:
  Stripe(uint64_t seed, KeyTable::Rehash rehash, uint32_t now);

  struct Change {
    int64_t claimed = 0;   // bytes more or less, without those that are leaving
    bool probe = false;    // ask the server about this key (`me`)
    uint32_t expired = 0;  // entries whose time had come
  };

  // All are thread-safe.

  // Rises with whatever is learned. To be read before a question is sent.
  [[nodiscard]] uint32_t clock() const { return clock_.load(std::memory_order_relaxed); }

  // Hints: an event about the key will come, and will come at once. Both hide a walk through memory.
  void expect(KeyHash hash) const { items_.table.prefetch_bucket(hash); }
  void expect_now(KeyHash hash) const;

  [[nodiscard]] Change apply(const Event& event);
  // False if the key is not known.
  [[nodiscard]] bool look_up(KeyHash hash, std::string_view key, tenant::Generation generation,
                             KnownItem& item) const;

  // Marks the coldest item as leaving. False if there is none.
  [[nodiscard]] bool take_coldest(Victim& victim, Change& change);
  // It stays: it was stored anew meanwhile, or its server could not be asked.
  [[nodiscard]] Change put_back(const Victim& victim);

  // Goes on to `now` in Unix seconds; what has expired leaves. False if `steps` ran out before.
  [[nodiscard]] bool expire(uint32_t now, uint32_t steps, Change& change);
  // Forgets removals that no reply under way can contradict any more. Not while a crawl runs.
  void forget_removals();

  // A new generation begins: what is here is retired.
  [[nodiscard]] Change begin_generation(tenant::Generation generation);
  // What was retired since the last call.
  void collect(std::vector<Retired>& retired, std::vector<Stray>& strays);
  // Whether collect() would give something; without the lock.
  [[nodiscard]] bool has_leftovers() const { return leftovers_.load(std::memory_order_relaxed); }

  // Removes the items of a server that its crawl has not met: those of `sources` but `source`, and those that
  // were last known before crawl number `crawl`; and tells about which of the others the server is still to
  // be asked. Looks at some buckets from `bucket` on, which it moves; false when all have been looked at.
  [[nodiscard]] bool sweep(const std::vector<uint16_t>& sources, uint16_t source, uint8_t crawl,
                           uint32_t& bucket, std::vector<OpenQuestion>& open, Change& change);
  // false when all have been looked at.
  [[nodiscard]] bool sweep(const std::vector<uint16_t>& sources, uint16_t source, uint8_t crawl,
                           uint32_t& bucket, Change& change);

  // Without what is leaving.
  struct Usage {
    uint64_t bytes = 0;
    uint64_t items = 0;
    uint64_t memory = 0;
  };
  [[nodiscard]] Usage usage() const;
  // Bytes, to find the fullest stripe; without the lock.
  [[nodiscard]] uint64_t approximate_bytes() const { return approximate_.load(std::memory_order_relaxed); }

 private:
  using Lock = std::lock_guard<std::mutex>;
  class Claim;  // tells how an operation changed the claimed bytes

  // These return whether to ask the server.
  [[nodiscard]] bool take(const Event& event);
  [[nodiscard]] bool there(const Event& event, EntryRef ref);
  [[nodiscard]] bool appear(const Event& event);
  [[nodiscard]] bool confirm(const Event& event, EntryRef ref);
  [[nodiscard]] bool confirm_inspected(const Event& event, EntryRef ref);
  void confirm_listed(const Event& event, EntryRef ref);
  [[nodiscard]] bool supersede(const Event& event, EntryRef ref);
  // Whether the size is sure.
  [[nodiscard]] bool settle_counted(const Event& event, Entry& entry);
  [[nodiscard]] bool outdated(const Event& event, Entry& entry);
  [[nodiscard]] bool gone(const Event& event, EntryRef ref);

  void learn(const Event& event, Entry& entry);
  static void settle(Entry& entry);
  void correct_size(const Event& event, Entry& entry);
  void set_size(Entry& entry, uint32_t size);
  [[nodiscard]] bool has_passed(uint32_t expiry) const;
  // Removes the entry and returns false if the event's expiry has passed.
  bool set_expiry(const Event& event, EntryRef ref);
  void read_flags(const Event& event, Entry& entry);
  void stay(EntryRef ref);
  void erase(EntryRef ref);
  [[nodiscard]] bool overlaps(const Entry& entry, const Event& event) const;
  [[nodiscard]] bool contested(const Event& event) const;
  [[nodiscard]] bool removed_since(const Event& event) const;
  [[nodiscard]] int64_t claimed() const { return static_cast<int64_t>(items_.bytes - items_.leaving); }
  void retire(tenant::Generation generation);
  uint32_t tick() {
    const uint32_t next = clock_.load(std::memory_order_relaxed) + 1;
    clock_.store(next, std::memory_order_relaxed);
    return next;
  }

  const uint64_t seed_;
  const KeyTable::Rehash rehash_;
  mutable std::mutex mutex_;
  std::atomic<uint32_t> clock_{1};
  std::atomic<uint64_t> approximate_{0};
  tenant::Generation generation_ = 0;
  Items items_;
  Removals removals_;
  std::vector<Retired> retired_;
  std::vector<Stray> strays_;
  std::atomic<bool> leftovers_{false};
};

}  // namespace mctenant::quota
