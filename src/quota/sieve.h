#pragma once

#include "quota/entry_arena.h"

namespace mctenant::quota {

// The order in which items are evicted: SIEVE (Zhang et al., NSDI 2024). Items queue in the order in which
// they came; a hand goes from the oldest to the newest, spares those that were read since it last passed, and
// takes the first that was not. A read sets one bit, and moves nothing. Not thread-safe.
class Sieve {
 public:
  void insert(EntryArena& arena, EntryRef ref);
  void erase(EntryArena& arena, EntryRef ref);

  // The coldest entry, taken out of the order; 0 if there is none. Looks at kMaxSteps entries at most, so
  // that one eviction never walks a million hot items; then the last looked at is taken.
  [[nodiscard]] EntryRef take(EntryArena& arena);

 private:
  static constexpr int kMaxSteps = 256;

  EntryRef newest_ = 0;
  EntryRef oldest_ = 0;
  EntryRef hand_ = 0;  // the next to be looked at; 0: the oldest
};

}  // namespace mctenant::quota
