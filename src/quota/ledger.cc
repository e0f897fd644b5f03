#include "quota/ledger.h"

#include <bit>
#include <random>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace mctenant::quota {
namespace {

// The key of an entry of `items` after the last one given; false at the end.
bool next_key(Retired& retired, std::string& key) {
  const Items& items = *retired.items;
  while (retired.next == 0) {
    if (retired.bucket == items.table.buckets()) return false;
    retired.next = items.table.bucket(retired.bucket++);
  }
  const Entry& entry = items.arena[retired.next];
  key = entry.key();
  retired.next = entry.chain;
  return true;
}

}  // namespace

uint64_t Ledger::random_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

KeyHash Ledger::hash_of(uint64_t seed, std::string_view key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

Ledger::Ledger(size_t stripes, uint32_t now, uint64_t seed)
    : seed_(seed), shift_(64 - std::max(1, std::countr_zero(std::bit_ceil(stripes)))) {
  const size_t count = size_t{1} << (64 - shift_);
  for (size_t i = 0; i < count; ++i) stripes_.push_back(std::make_unique<Stripe>(seed_, &hash_of, now));
}

bool Ledger::apply(const Event& event) {
  const Stripe::Change change = stripe(event.hash).apply(event);
  add_claimed(change.claimed);
  return change.probe;
}

Ledger::Moment Ledger::moment() const {
  Moment moment;
  moment.shift_ = shift_;
  for (const auto& stripe : stripes_) moment.clocks_.push_back(stripe->clock());
  return moment;
}

void Ledger::set_quota(uint64_t bytes) {
  const uint64_t before = quota_.exchange(bytes, std::memory_order_relaxed);
  if (before == bytes) return;
  const int64_t claimed = claimed_.load(std::memory_order_relaxed);
  const auto limit = bytes == 0 ? kNoLimit : static_cast<int64_t>(bytes);
  limit_.store(std::max(limit, claimed), std::memory_order_relaxed);
}

void Ledger::lower_limit() {
  const auto floor = static_cast<int64_t>(quota());
  if (floor == 0) return;
  const int64_t limit = limit_.load(std::memory_order_relaxed);
  const int64_t claimed = claimed_.load(std::memory_order_relaxed);
  limit_.store(std::max(floor, std::min(limit, claimed)), std::memory_order_relaxed);
}

uint64_t Ledger::reserve(KeyHash hash, std::string_view key, tenant::Generation generation, uint64_t size) {
  const int64_t claimed = claimed_.load(std::memory_order_relaxed);
  KnownItem item{};
  if (claimed + static_cast<int64_t>(size) > limit_.load(std::memory_order_relaxed) &&
      look_up(hash, key, generation, item)) {
    size -= std::min<uint64_t>(size, item.size);
  }
  add_claimed(static_cast<int64_t>(size));
  return size;
}

// From the fullest stripe, so that all stay about as full.
bool Ledger::choose_victim(Victim& victim) {
  size_t fullest = 0;
  for (size_t i = 1; i < stripes_.size(); ++i) {
    if (stripes_[i]->approximate_bytes() > stripes_[fullest]->approximate_bytes()) fullest = i;
  }
  for (size_t i = 0; i < stripes_.size(); ++i) {
    Stripe::Change change;
    const bool found = stripes_[(fullest + i) % stripes_.size()]->take_coldest(victim, change);
    add_claimed(change.claimed);
    if (found) return true;
  }
  return false;
}

bool Ledger::expire(uint32_t now, uint32_t steps) {
  bool done = true;
  for (const auto& stripe : stripes_) {
    Stripe::Change change;
    done &= stripe->expire(now, steps, change);
    add_claimed(change.claimed);
    expired_.fetch_add(change.expired, std::memory_order_relaxed);
  }
  return done;
}

void Ledger::forget_removals() {
  for (const auto& stripe : stripes_) stripe->forget_removals();
}

void Ledger::begin_generation(tenant::Generation generation) {
  for (const auto& stripe : stripes_) add_claimed(stripe->begin_generation(generation).claimed);
}

void Ledger::collect_retired() {
  const size_t before = retired_.size();
  for (const auto& stripe : stripes_) {
    if (stripe->has_leftovers()) stripe->collect(retired_, strays_);
  }
  for (size_t i = before; i < retired_.size(); ++i) {
    retired_count_.fetch_add(retired_[i].items->table.size(), std::memory_order_relaxed);
  }
}

bool Ledger::next_retired(tenant::Generation& generation, std::string& key) {
  const std::lock_guard lock(retired_mutex_);
  if (retired_.empty()) collect_retired();
  while (!retired_.empty()) {
    generation = retired_.back().generation;
    if (next_key(retired_.back(), key)) {
      retired_count_.fetch_sub(1, std::memory_order_relaxed);
      return true;
    }
    retired_.pop_back();
  }
  if (strays_.empty()) return false;
  generation = strays_.back().generation;
  key = std::move(strays_.back().key);
  strays_.pop_back();
  return true;
}

bool Ledger::sweep(const std::vector<uint16_t>& sources, uint16_t source, uint8_t crawl, Cursor& cursor,
                   std::vector<OpenQuestion>& open) {
  if (cursor.stripe == stripes_.size()) return false;
  Stripe::Change change;
  const bool more = stripes_[cursor.stripe]->sweep(sources, source, crawl, cursor.bucket, open, change);
  add_claimed(change.claimed);
  if (!more) cursor = {cursor.stripe + 1, 0};
  return cursor.stripe < stripes_.size();
}

Ledger::Usage Ledger::usage() const {
  Usage sum;
  for (const auto& stripe : stripes_) {
    const Stripe::Usage one = stripe->usage();
    sum.bytes += one.bytes;
    sum.items += one.items;
    sum.memory += one.memory;
  }
  return sum;
}

}  // namespace mctenant::quota
