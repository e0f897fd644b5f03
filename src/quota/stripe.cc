#include "quota/stripe.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "quota/item_limit.h"

namespace mctenant::quota {
namespace {

using Kind = Event::Kind;
using ClientFlags = Event::ClientFlags;

constexpr uint32_t kBucketsASweep = 512;
constexpr uint32_t kFlagsBytes = item_overhead(1) - item_overhead(0);

bool says_there(Kind kind) { return kind < Kind::missed; }
bool is_time(uint32_t expiry) { return expiry != 0 && expiry != kUnknownExpiry; }
bool is_probe(Kind kind) { return kind == Kind::inspected || kind == Kind::listed; }

// Negative: the event tells of an older version than the entry; 0: of the same.
int compare(const Event& event, const Entry& entry) {
  if (event.source != entry.source) return event.source < entry.source ? -1 : 1;
  if (event.cas != entry.cas) return event.cas < entry.cas ? -1 : 1;
  return 0;
}

}  // namespace

// Made at the beginning of a change, behind the lock; `change` is complete when it ends.
class Stripe::Claim {
 public:
  Claim(Stripe& stripe, Change& change) : stripe_(stripe), change_(change), before_(stripe.claimed()) {}
  ~Claim() {
    change_.claimed += stripe_.claimed() - before_;
    stripe_.approximate_.store(static_cast<uint64_t>(stripe_.claimed()), std::memory_order_relaxed);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  Stripe& stripe_;
  Change& change_;
  int64_t before_;
};

Stripe::Stripe(uint64_t seed, KeyTable::Rehash rehash, uint32_t now)
    : seed_(seed), rehash_(rehash), items_(seed, rehash, now) {}

void Stripe::expect_now(KeyHash hash) const {
  const Lock lock(mutex_);
  items_.table.prefetch_entry(items_.arena, hash);
  removals_.prefetch(hash);
}

Stripe::Change Stripe::apply(const Event& event) {
  Change change;
  {
    const Lock lock(mutex_);
    const Claim claim(*this, change);
    change.probe = take(event);
  }
  return change;
}

bool Stripe::take(const Event& event) {
  if (event.generation > generation_) retire(event.generation);
  if (event.generation < generation_) {
    if (!says_there(event.kind)) return false;
    strays_.push_back({event.generation, std::string(event.key)});
    leftovers_.store(true, std::memory_order_relaxed);
    return false;
  }
  const EntryRef ref = items_.table.find(items_.arena, event.hash, event.key);
  return says_there(event.kind) ? there(event, ref) : gone(event, ref);
}

bool Stripe::there(const Event& event, EntryRef ref) {
  if (ref == 0) return appear(event);
  const int order = compare(event, items_.arena[ref]);
  if (order < 0) return outdated(event, items_.arena[ref]);
  items_.arena[ref].crawl = event.crawl;
  return order == 0 ? confirm(event, ref) : supersede(event, ref);
}

// Whether somebody else has learned of the entry what may be from before or from after the event.
bool Stripe::overlaps(const Entry& entry, const Event& event) const {
  return entry.observer != event.observer && later(entry.learned, event.sent, clock());
}

// Whether somebody else has removed the key, maybe after the event.
bool Stripe::contested(const Event& event) const {
  const Removals::Removal* removal = removals_.find(event.hash);
  if (removal == nullptr) return false;
  const auto last = removal->last_by_others(event.observer);
  return last && later(*last, event.sent, clock());
}

// What a crawl lists may have been deleted since its line was written; if it was stored again since, the
// reply to that tells.
bool Stripe::removed_since(const Event& event) const {
  const Removals::Removal* removal = removals_.find(event.hash);
  return removal != nullptr && later(removal->clock, event.sent, clock());
}

// An older version than is known, whose reply came late. What was taken over from the version before the
// known one may not have been what was there.
bool Stripe::outdated(const Event& event, Entry& entry) {
  if (!entry.is(Entry::derived) || event.source != entry.source || event.kind == Kind::hit ||
      is_probe(event.kind)) {
    return false;
  }
  entry.set(Entry::uncertain, true);
  entry.set(Entry::flags_known, false);
  return true;
}

bool Stripe::appear(const Event& event) {
  if (event.kind == Kind::listed && removed_since(event)) return false;
  if (event.size == 0 || (event.kind == Kind::counted && !event.created)) {
    // What is told of the key from before, later, can't be known to hold any more.
    removals_.add(event.hash, tick(), event.observer);
    return true;
  }
  if (has_passed(event.expiry)) {
    removals_.add(event.hash, tick(), event.observer);
    return false;
  }
  const EntryRef ref = items_.arena.make(event.key);
  if (ref == 0) return false;
  items_.table.insert(items_.arena, event.hash, ref);
  items_.sieve.insert(items_.arena, ref);
  Entry& entry = items_.arena[ref];
  entry.expiry = kUnknownExpiry;
  entry.crawl = event.crawl;
  learn(event, entry);
  read_flags(event, entry);
  set_size(entry, event.size);
  (void)set_expiry(event, ref);
  // A number that is what a new one would be may have been counted to.
  entry.set(Entry::uncertain, contested(event) || event.kind == Kind::counted);
  return entry.is(Entry::uncertain) || (entry.expiry == kUnknownExpiry && !event.listing);
}

// The same version as is known.
bool Stripe::confirm(const Event& event, EntryRef ref) {
  Entry& entry = items_.arena[ref];
  if (event.size != 0 && event.kind != Kind::counted) correct_size(event, entry);
  read_flags(event, entry);
  switch (event.kind) {
    case Kind::touched: {
      entry.set(Entry::visited, true);
      const bool unclear = overlaps(entry, event) || contested(event);
      if (unclear) entry.set(Entry::uncertain, true);
      learn(event, entry);
      if (unclear) entry.observer = kSeveral;  // no order holds between this one's replies and the other's
      (void)set_expiry(event, ref);
      return unclear;
    }
    case Kind::inspected:
      return confirm_inspected(event, ref);
    case Kind::listed:
      confirm_listed(event, ref);
      return false;
    case Kind::hit:
      if (!entry.is(Entry::visited)) entry.set(Entry::visited, true);
      return entry.expiry == kUnknownExpiry && !event.listing;
    case Kind::stored:
      // Somebody else met it before this reply was looked at. It may have been touched since, too.
      if (entry.expiry != kUnknownExpiry) return false;
      entry.set(Entry::uncertain, true);
      return set_expiry(event, ref);
    default:
      return entry.expiry == kUnknownExpiry;
  }
}

// A version's size never changes.
void Stripe::correct_size(const Event& event, Entry& entry) {
  if (event.size != entry.size || entry.is(Entry::counted)) entry.set(Entry::flags_known, false);
  entry.set(Entry::counted, false);
  set_size(entry, event.size);
}

void Stripe::settle(Entry& entry) {
  entry.set(Entry::derived, false);
  entry.set(Entry::uncertain, false);
}

bool Stripe::confirm_inspected(const Event& event, EntryRef ref) {
  Entry& entry = items_.arena[ref];
  if (overlaps(entry, event) || contested(event)) {
    return entry.is(Entry::uncertain) || entry.expiry == kUnknownExpiry;
  }
  settle(entry);
  (void)set_expiry(event, ref);
  return false;
}

void Stripe::confirm_listed(const Event& event, EntryRef ref) {
  Entry& entry = items_.arena[ref];
  // Learned since the crawl began: that is at least as new as the line.
  const bool newer = later(entry.learned, event.sent, clock());
  if (newer && entry.expiry != kUnknownExpiry) return;
  if (!newer && !removed_since(event)) settle(entry);
  (void)set_expiry(event, ref);
}

// A newer version than is known.
bool Stripe::supersede(const Event& event, EntryRef ref) {
  Entry& entry = items_.arena[ref];
  const bool expiry_stays =
      event.grown_from != 0 && event.grown_from == entry.cas && event.source == entry.source;
  const bool derived = event.kind == Kind::counted || expiry_stays;
  stay(ref);
  entry.set(Entry::visited, !is_probe(event.kind) || entry.is(Entry::visited));
  entry.set(Entry::uncertain, contested(event) || (derived && entry.is(Entry::uncertain)));
  entry.set(Entry::derived, derived);
  entry.set(Entry::counted, event.kind == Kind::counted);
  if (event.kind == Kind::counted) {
    if (!settle_counted(event, entry)) entry.set(Entry::uncertain, true);
  } else {
    entry.set(Entry::flags_known, false);
    read_flags(event, entry);
    if (event.size != 0) {
      set_size(entry, event.size);
    } else {
      entry.set(Entry::uncertain, true);
    }
  }
  learn(event, entry);
  if (!derived && !set_expiry(event, ref)) return false;
  return entry.is(Entry::uncertain) || entry.expiry == kUnknownExpiry;
}

// memcached writes a shorter number into the old item, padded, and makes a larger item for a longer one.
bool Stripe::settle_counted(const Event& event, Entry& entry) {
  const bool replaced = event.created || event.source != entry.source;
  if (replaced) entry.set(Entry::flags_known, false);
  const bool flags = entry.is(Entry::flags_known) && entry.is(Entry::has_flags);
  const uint32_t most = event.size + (flags || !entry.is(Entry::flags_known) ? kFlagsBytes : 0);
  if (most <= entry.size) return !replaced;
  set_size(entry, std::max(entry.size, event.size + (flags ? kFlagsBytes : 0)));
  return !replaced && entry.is(Entry::flags_known);
}

bool Stripe::gone(const Event& event, EntryRef ref) {
  if (ref == 0) {
    if (event.kind != Kind::missed) removals_.add(event.hash, tick(), event.observer);
    return false;
  }
  Entry& entry = items_.arena[ref];
  if (event.source < entry.source) return false;  // a process that has ended since
  const bool conditional = event.kind == Kind::removed_version;
  const bool unclear = !conditional && overlaps(entry, event);
  removals_.add(event.hash, tick(), event.observer);
  if (unclear) {
    entry.set(Entry::uncertain, true);
    return true;
  }
  if (!conditional || compare(event, entry) >= 0) erase(ref);
  return false;
}

void Stripe::learn(const Event& event, Entry& entry) {
  entry.source = event.source;
  entry.cas = event.cas;
  entry.observer = event.observer;
  entry.learned = tick();
}

void Stripe::set_size(Entry& entry, uint32_t size) {
  items_.bytes += size;
  items_.bytes -= entry.size;
  if (entry.is(Entry::leaving)) {
    items_.leaving += size;
    items_.leaving -= entry.size;
  }
  entry.size = size;
}

bool Stripe::has_passed(uint32_t expiry) const { return is_time(expiry) && expiry <= items_.wheel.now(); }

bool Stripe::set_expiry(const Event& event, EntryRef ref) {
  Entry& entry = items_.arena[ref];
  if (entry.expiry == event.expiry) return true;
  if (has_passed(event.expiry)) {
    erase(ref);
    removals_.add(event.hash, tick(), event.observer);
    return false;
  }
  if (is_time(entry.expiry)) items_.wheel.erase(items_.arena, ref);
  entry.expiry = event.expiry;
  if (is_time(entry.expiry)) items_.wheel.insert(items_.arena, ref);
  return true;
}

void Stripe::read_flags(const Event& event, Entry& entry) {
  if (event.flags == ClientFlags::unknown) return;
  entry.set(Entry::flags_known, true);
  entry.set(Entry::has_flags, event.flags == ClientFlags::some);
}

void Stripe::stay(EntryRef ref) {
  Entry& entry = items_.arena[ref];
  if (!entry.is(Entry::leaving)) return;
  items_.leaving -= entry.size;
  --items_.leaving_items;
  entry.set(Entry::leaving, false);
  items_.sieve.insert(items_.arena, ref);
}

void Stripe::erase(EntryRef ref) {
  Entry& entry = items_.arena[ref];
  if (entry.is(Entry::ranked)) items_.sieve.erase(items_.arena, ref);
  if (is_time(entry.expiry)) items_.wheel.erase(items_.arena, ref);
  if (entry.is(Entry::leaving)) {
    items_.leaving -= entry.size;
    --items_.leaving_items;
  }
  items_.bytes -= entry.size;
  items_.table.erase(items_.arena, items_.table.hash(entry.key()), ref);
  items_.arena.drop(ref);
}

bool Stripe::look_up(KeyHash hash, std::string_view key, tenant::Generation generation,
                     KnownItem& item) const {
  const Lock lock(mutex_);
  if (generation != generation_) return false;
  const EntryRef ref = items_.table.find(items_.arena, hash, key);
  if (ref == 0) return false;
  const Entry& entry = items_.arena[ref];
  const bool asked = entry.is(Entry::uncertain);
  const bool certain = !asked && !entry.is(Entry::counted);
  item = {entry.cas, entry.size, entry.source, certain, asked, ClientFlags::unknown};
  if (entry.is(Entry::flags_known)) {
    item.flags = entry.is(Entry::has_flags) ? ClientFlags::some : ClientFlags::none;
  }
  return true;
}

bool Stripe::take_coldest(Victim& victim, Change& change) {
  const Lock lock(mutex_);
  const Claim claim(*this, change);
  const EntryRef ref = items_.sieve.take(items_.arena);
  if (ref == 0) return false;
  Entry& entry = items_.arena[ref];
  entry.set(Entry::leaving, true);
  items_.leaving += entry.size;
  ++items_.leaving_items;
  victim.generation = generation_;
  victim.hash = items_.table.hash(entry.key());
  victim.cas = entry.cas;
  victim.size = entry.size;
  victim.sent = clock();
  victim.key_size = entry.key_size;
  std::memcpy(victim.key_bytes.data(), entry.key().data(), entry.key_size);
  return true;
}

Stripe::Change Stripe::put_back(const Victim& victim) {
  Change change;
  {
    const Lock lock(mutex_);
    const Claim claim(*this, change);
    if (victim.generation == generation_) {
      const EntryRef ref = items_.table.find(items_.arena, victim.hash, victim.key());
      if (ref != 0) stay(ref);
    }
  }
  return change;
}

bool Stripe::expire(uint32_t now, uint32_t steps, Change& change) {
  const Lock lock(mutex_);
  const Claim claim(*this, change);
  EntryRef due = 0;
  while ((due = items_.wheel.advance(items_.arena, now, steps)) != 0) {
    Entry& entry = items_.arena[due];
    entry.expiry = 0;  // out of the wheel
    removals_.add(items_.table.hash(entry.key()), tick(), kSeveral);
    erase(due);
    ++change.expired;
  }
  return items_.wheel.now() >= now;
}

void Stripe::forget_removals() {
  const Lock lock(mutex_);
  removals_.turn();
}

Stripe::Change Stripe::begin_generation(tenant::Generation generation) {
  Change change;
  {
    const Lock lock(mutex_);
    const Claim claim(*this, change);
    if (generation > generation_) retire(generation);
  }
  return change;
}

void Stripe::retire(tenant::Generation generation) {
  const uint32_t now = items_.wheel.now();
  if (items_.table.size() > 0) {
    retired_.push_back({generation_, std::make_unique<Items>(std::move(items_))});
    items_ = Items(seed_, rehash_, now);
    leftovers_.store(true, std::memory_order_relaxed);
  }
  generation_ = generation;
  removals_ = {};
  tick();
}

void Stripe::collect(std::vector<Retired>& retired, std::vector<Stray>& strays) {
  const Lock lock(mutex_);
  std::move(retired_.begin(), retired_.end(), std::back_inserter(retired));
  std::move(strays_.begin(), strays_.end(), std::back_inserter(strays));
  retired_.clear();
  strays_.clear();
  leftovers_.store(false, std::memory_order_relaxed);
}

bool Stripe::sweep(const std::vector<uint16_t>& sources, uint16_t source, uint8_t crawl, uint32_t& bucket,
                   std::vector<OpenQuestion>& open, Change& change) {
  const Lock lock(mutex_);
  const Claim claim(*this, change);
  const uint32_t end = std::min(items_.table.buckets(), bucket + kBucketsASweep);
  for (; bucket < end; ++bucket) {
    EntryRef next = 0;
    for (EntryRef ref = items_.table.bucket(bucket); ref != 0; ref = next) {
      const Entry& entry = items_.arena[ref];
      next = entry.chain;
      if (std::find(sources.begin(), sources.end(), entry.source) == sources.end()) continue;
      if (entry.source != source || entry.crawl != crawl) {
        erase(ref);
      } else if (entry.is(Entry::uncertain) || entry.expiry == kUnknownExpiry) {
        open.push_back({generation_, std::string(entry.key())});
      }
    }
  }
  return bucket < items_.table.buckets();
}

Stripe::Usage Stripe::usage() const {
  const Lock lock(mutex_);
  return {items_.bytes - items_.leaving, items_.table.size() - items_.leaving_items,
          items_.memory() + removals_.memory()};
}

}  // namespace mctenant::quota
