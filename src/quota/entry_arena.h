#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "quota/entry.h"
#include "quota/pages.h"

namespace mctenant::quota {

// The memory of a stripe's entries: chunks of 2 MiB, cut into entries of a multiple of 8 bytes, with one
// free list a size. Of a chunk only the pages that are used are held; from the 17th on it is a huge page at
// once, before that when it is full. An entry never moves. Memory goes back when the arena does. Not
// thread-safe.
class EntryArena {
 public:
  // A new entry with that key (1 to 250 bytes), all else zero. Null when 16 GiB are used up.
  [[nodiscard]] EntryRef make(std::string_view key);
  void drop(EntryRef ref);

  [[nodiscard]] Entry& operator[](EntryRef ref) const {
    return *reinterpret_cast<Entry*>(chunks_[ref / kUnits].data() + size_t{ref % kUnits} * kUnit);
  }

  // Brings the entry, and a key of the usual length, into the cache.
  void prefetch(EntryRef ref) const {
    const auto* begin = reinterpret_cast<const std::byte*>(&(*this)[ref]);
    __builtin_prefetch(begin);
    __builtin_prefetch(begin + 64);
  }

  // Bytes held.
  [[nodiscard]] size_t memory() const {
    return chunks_.size() * kChunk - size_t{kUnits - used_} * kUnit + chunks_.capacity() * sizeof(Pages);
  }

 private:
  static constexpr size_t kUnit = 8;
  static constexpr size_t kChunk = Pages::kHuge;
  static constexpr size_t kSmallChunks = 16;  // what a huge page leaves unused is little beside these
  static constexpr uint32_t kUnits = kChunk / kUnit;
  static constexpr size_t kMaxChunks = (uint64_t{1} << 31) / kUnits;
  static constexpr size_t kMaxUnits = (Entry::kHeader + 255 + kUnit - 1) / kUnit;

  [[nodiscard]] static size_t units_of(size_t key_size) {
    const size_t bytes = Entry::kHeader + key_size;
    return (bytes < sizeof(Entry) ? sizeof(Entry) : bytes + kUnit - 1) / kUnit;
  }
  [[nodiscard]] EntryRef cut(size_t units);

  std::vector<Pages> chunks_;
  uint32_t used_ = kUnits;                      // units of the last chunk
  std::array<EntryRef, kMaxUnits + 1> free_{};  // by units; chained by Entry::chain
};

}  // namespace mctenant::quota
