#include "quota/entry_arena.h"

#include <cstring>
#include <new>
#include <utility>

namespace mctenant::quota {

EntryRef EntryArena::make(std::string_view key) {
  const size_t units = units_of(key.size());
  EntryRef ref = free_[units];
  if (ref != 0) {
    free_[units] = (*this)[ref].chain;
  } else {
    ref = cut(units);
    if (ref == 0) return 0;
  }
  auto* entry = new (&(*this)[ref]) Entry();
  entry->key_size = static_cast<uint8_t>(key.size());
  std::memcpy(reinterpret_cast<char*>(entry) + Entry::kHeader, key.data(), key.size());
  return ref;
}

void EntryArena::drop(EntryRef ref) {
  Entry& entry = (*this)[ref];
  entry.chain = std::exchange(free_[units_of(entry.key_size)], ref);
}

EntryRef EntryArena::cut(size_t units) {
  if (used_ + units > kUnits) {
    if (chunks_.size() == kMaxChunks) return 0;
    if (!chunks_.empty()) chunks_.back().merge();
    chunks_.emplace_back(kChunk, chunks_.size() < kSmallChunks ? Pages::Kind::small : Pages::Kind::huge);
    // The first chunk's first unit is nobody's, so that no entry has the reference 0.
    used_ = chunks_.size() == 1 ? 1 : 0;
  }
  const auto ref = static_cast<EntryRef>((chunks_.size() - 1) * kUnits + used_);
  used_ += static_cast<uint32_t>(units);
  return ref;
}

}  // namespace mctenant::quota
