#include "quota/sieve.h"

namespace mctenant::quota {

void Sieve::insert(EntryArena& arena, EntryRef ref) {
  Entry& entry = arena[ref];
  entry.set(Entry::ranked, true);
  entry.set(Entry::visited, false);
  entry.newer = 0;
  entry.older = newest_;
  if (newest_ != 0) arena[newest_].newer = ref;
  newest_ = ref;
  if (oldest_ == 0) oldest_ = ref;
}

void Sieve::erase(EntryArena& arena, EntryRef ref) {
  Entry& entry = arena[ref];
  if (hand_ == ref) hand_ = entry.newer;
  (entry.newer != 0 ? arena[entry.newer].older : newest_) = entry.older;
  (entry.older != 0 ? arena[entry.older].newer : oldest_) = entry.newer;
  entry.set(Entry::ranked, false);
}

EntryRef Sieve::take(EntryArena& arena) {
  if (oldest_ == 0) return 0;
  EntryRef ref = hand_ != 0 ? hand_ : oldest_;
  for (int step = 0; step < kMaxSteps && arena[ref].is(Entry::visited); ++step) {
    arena[ref].set(Entry::visited, false);
    ref = arena[ref].newer != 0 ? arena[ref].newer : oldest_;
  }
  hand_ = ref;
  erase(arena, ref);
  // The next to be looked at was asked for the last time; now the one behind it.
  if (hand_ != 0 && arena[hand_].newer != 0) arena.prefetch(arena[hand_].newer);
  return ref;
}

}  // namespace mctenant::quota
