#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/relaxed.h"
#include "quota/entry_arena.h"
#include "quota/pages.h"

namespace mctenant::quota {

// The hash of a key within its tenant; made once a request. Seeded by the ledger, so that no client can
// choose keys that meet.
using KeyHash = uint64_t;

// Finds entries by their key: linear hashing (W. Litwin, 1980) with chains through the entries. It grows by
// one or two buckets an insertion, to five for three keys, so that no request ever pays for a table that is
// copied. Not thread-safe.
class KeyTable {
 public:
  // The hash of an entry's key, for those that move to a new bucket.
  using Rehash = KeyHash (*)(uint64_t seed, std::string_view key);

  KeyTable(uint64_t seed, Rehash rehash) : seed_(seed), rehash_(rehash) {}

  // The entry of `key`, or 0.
  [[nodiscard]] EntryRef find(const EntryArena& arena, KeyHash hash, std::string_view key) const;
  // Brings the bucket into the cache. Any thread, at any time in the table's life.
  void prefetch_bucket(KeyHash hash) const;
  // Brings the bucket's first entry into the cache.
  void prefetch_entry(const EntryArena& arena, KeyHash hash) const;
  // The key must not be in the table.
  void insert(EntryArena& arena, KeyHash hash, EntryRef ref);
  void erase(EntryArena& arena, KeyHash hash, EntryRef ref);

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] uint32_t buckets() const { return buckets_; }
  // The first entry of a bucket; the rest are chained to it. While entries are inserted, one can move to a
  // bucket of a higher number, never of a lower one.
  [[nodiscard]] EntryRef bucket(uint32_t index) const { return *place_of(index); }
  [[nodiscard]] KeyHash hash(std::string_view key) const { return rehash_(seed_, key); }

  // Bytes held.
  [[nodiscard]] size_t memory() const;

 private:
  // Buckets lie in segments, each as large as all before it, so that few words say where: the first of
  // kFirst, then kFirst more, and so on. The large ones are in huge pages, held as they come into use.
  static constexpr int kFirstBits = 6;
  static constexpr uint32_t kFirst = 1U << kFirstBits;
  static constexpr size_t kSegments = 32 - kFirstBits + 1;

  [[nodiscard]] static uint32_t segment_of(uint32_t index) {
    return static_cast<uint32_t>(std::bit_width(index >> kFirstBits));
  }
  [[nodiscard]] static uint32_t begin_of(uint32_t segment) {
    return segment == 0 ? 0 : kFirst << (segment - 1);
  }
  [[nodiscard]] EntryRef* place_of(uint32_t index) const {
    const uint32_t segment = segment_of(index);
    return segments_[segment].get() + (index - begin_of(segment));
  }
  [[nodiscard]] uint32_t place(KeyHash hash) const {
    const auto low = static_cast<uint32_t>(hash);
    const uint32_t round = round_;
    const uint32_t index = low & (2 * round - 1);
    return index < buckets_ ? index : low & (round - 1);
  }
  void add_segment();
  void grow(EntryArena& arena);

  uint64_t seed_;
  Rehash rehash_;
  std::array<base::Relaxed<EntryRef*>, kSegments> segments_{};
  std::vector<std::unique_ptr<EntryRef[]>> small_;  // these own the segments
  std::vector<Pages> large_;
  uint32_t room_ = 0;  // buckets that there are segments for
  // Buckets at the beginning of this round of growth, a power of two.
  base::Relaxed<uint32_t> round_{1};
  base::Relaxed<uint32_t> buckets_{0};  // round_ to 2 * round_
  size_t size_ = 0;
};

}  // namespace mctenant::quota
