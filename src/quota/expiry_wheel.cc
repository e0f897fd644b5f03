#include "quota/expiry_wheel.h"

namespace mctenant::quota {

// An entry goes to the lowest ring on which its slot comes up within one turn. A slot that comes up later
// than the last ring reaches is put as far away as it does, and looked at again there.
void ExpiryWheel::insert(EntryArena& arena, EntryRef ref) {
  const uint32_t expiry = arena[ref].expiry;
  for (uint32_t ring = 0; ring < kRings; ++ring) {
    const uint32_t shift = ring * kBits;
    if ((expiry >> shift) - (now_ >> shift) > kSlots) continue;
    return push(arena, ref, ring * kSlots + ((expiry >> shift) & (kSlots - 1)));
  }
  constexpr uint32_t kLast = kRings - 1;
  push(arena, ref, kLast * kSlots + ((now_ >> (kLast * kBits)) & (kSlots - 1)));
}

void ExpiryWheel::push(EntryArena& arena, EntryRef ref, uint32_t slot) {
  Entry& entry = arena[ref];
  entry.due_previous = kSlotMark | slot;
  entry.due_next = slots_[slot];
  if (slots_[slot] != 0) arena[slots_[slot]].due_previous = ref;
  slots_[slot] = ref;
}

void ExpiryWheel::erase(EntryArena& arena, EntryRef ref) {
  Entry& entry = arena[ref];
  if ((entry.due_previous & kSlotMark) != 0) {
    slots_[entry.due_previous & ~kSlotMark] = entry.due_next;
  } else {
    arena[entry.due_previous].due_next = entry.due_next;
  }
  if (entry.due_next != 0) arena[entry.due_next].due_previous = entry.due_previous;
  entry.due_previous = entry.due_next = 0;
}

bool ExpiryWheel::cascade(EntryArena& arena, uint32_t next, uint32_t& steps) {
  for (uint32_t ring = 1; ring < kRings; ++ring) {
    const uint32_t shift = ring * kBits;
    if ((next & ((1U << shift) - 1)) != 0) return true;
    const uint32_t slot = ring * kSlots + ((next >> shift) & (kSlots - 1));
    // What comes back to this very slot is at its head, and stays for another turn; it can only be an entry
    // beyond the reach of the last ring, and those are put where now_ stands, a slot before this one.
    while (slots_[slot] != 0) {
      if (steps == 0) return false;
      --steps;
      const EntryRef ref = slots_[slot];
      erase(arena, ref);
      insert(arena, ref);
    }
  }
  return true;
}

EntryRef ExpiryWheel::advance(EntryArena& arena, uint32_t now, uint32_t& steps) {
  while (now_ < now && steps > 0) {
    const uint32_t next = now_ + 1;
    if (!cascade(arena, next, steps)) return 0;
    const EntryRef due = slots_[next & (kSlots - 1)];
    --steps;
    if (due == 0) {
      now_ = next;
      continue;
    }
    erase(arena, due);
    return due;
  }
  return 0;
}

}  // namespace mctenant::quota
