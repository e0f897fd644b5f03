#include "quota/key_table.h"

#include <algorithm>
#include <utility>

namespace mctenant::quota {
namespace {

// Segments from these sizes on have pages of their own, and huge ones from the beginning.
constexpr size_t kLarge = size_t{64} * 1024;
constexpr size_t kHugeAtOnce = 2 * Pages::kHuge;

}  // namespace

EntryRef KeyTable::find(const EntryArena& arena, KeyHash hash, std::string_view key) const {
  if (buckets_ == 0) return 0;
  EntryRef ref = bucket(place(hash));
  while (ref != 0) {
    const Entry& entry = arena[ref];
    if (entry.key() == key) return ref;
    ref = entry.chain;
  }
  return 0;
}

// What it reads may not fit together; then it asks for some other memory, or for none that exists: no harm.
void KeyTable::prefetch_bucket(KeyHash hash) const {
  const uint32_t index = place(hash);
  const uint32_t segment = segment_of(index);
  const auto begin = reinterpret_cast<uintptr_t>(segments_[segment].get());
  __builtin_prefetch(reinterpret_cast<const void*>(begin + (index - begin_of(segment)) * sizeof(EntryRef)));
}

void KeyTable::prefetch_entry(const EntryArena& arena, KeyHash hash) const {
  if (buckets_ == 0) return;
  const EntryRef ref = bucket(place(hash));
  if (ref != 0) arena.prefetch(ref);
}

void KeyTable::insert(EntryArena& arena, KeyHash hash, EntryRef ref) {
  for (int i = 0; i < 2 && size_ * 5 >= buckets_ * size_t{3}; ++i) grow(arena);
  EntryRef& head = *place_of(place(hash));
  arena[ref].chain = std::exchange(head, ref);
  ++size_;
}

void KeyTable::erase(EntryArena& arena, KeyHash hash, EntryRef ref) {
  EntryRef* link = place_of(place(hash));
  while (*link != ref) link = &arena[*link].chain;
  *link = arena[ref].chain;
  --size_;
}

void KeyTable::add_segment() {
  const uint32_t buckets = std::max(room_, kFirst);
  EntryRef* segment = nullptr;
  const size_t bytes = buckets * sizeof(EntryRef);
  if (bytes < kLarge) {
    segment = small_.emplace_back(std::make_unique<EntryRef[]>(buckets)).get();
  } else {
    const bool huge = bytes >= kHugeAtOnce;
    // The one before is full; smaller ones don't fill a huge page, and are left as they are.
    if (huge && !large_.empty()) large_.back().merge();
    auto& pages =
        large_.emplace_back(std::max(bytes, Pages::kHuge), huge ? Pages::Kind::huge : Pages::Kind::small);
    segment = reinterpret_cast<EntryRef*>(pages.data());
  }
  segments_[segment_of(room_)] = segment;
  room_ += buckets;
}

size_t KeyTable::memory() const {
  // Of a large segment, what lies behind the last bucket is not held.
  return (large_.empty() ? room_ : buckets_.get()) * sizeof(EntryRef);
}

// One more bucket, which takes its share of the one that it was split from.
void KeyTable::grow(EntryArena& arena) {
  if (buckets_ == room_) add_segment();
  if (buckets_ == 2 * round_) round_ = buckets_;
  const uint32_t added = buckets_;
  buckets_ = added + 1;
  if (added == 0) return;
  EntryRef* from = place_of(added - round_);
  EntryRef* to = place_of(added);
  while (*from != 0) {
    Entry& entry = arena[*from];
    if (place(hash(entry.key())) == added) {
      const EntryRef moved = std::exchange(*from, entry.chain);
      entry.chain = 0;
      *to = moved;
      to = &entry.chain;
    } else {
      from = &entry.chain;
    }
  }
}

}  // namespace mctenant::quota
