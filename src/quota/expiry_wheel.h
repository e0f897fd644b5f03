#pragma once

#include <array>
#include <cstdint>

#include "quota/entry_arena.h"

namespace mctenant::quota {

// Which entries expire when: a hierarchical timing wheel (Varghese and Lauck, 1987) of four rings of 64
// slots, of 1 second, about 1 minute, 1 hour and 3 days a slot. An entry is touched when it is put in, once a
// ring on its way down, and when it expires. Not thread-safe.
class ExpiryWheel {
 public:
  explicit ExpiryWheel(uint32_t now) : now_(now) {}

  // Puts in the entry by its expiry, which is beyond now().
  void insert(EntryArena& arena, EntryRef ref);
  void erase(EntryArena& arena, EntryRef ref);

  // Goes on to `now` (Unix seconds). Each call gives one entry whose time has come, taken out of the wheel,
  // or 0: then either the wheel stands at `now`, or `steps` ran out and there is more to do. `steps` bounds
  // the work of many calls: entries and seconds passed.
  [[nodiscard]] EntryRef advance(EntryArena& arena, uint32_t now, uint32_t& steps);

  [[nodiscard]] uint32_t now() const { return now_; }

 private:
  static constexpr int kRings = 4;
  static constexpr int kBits = 6;
  static constexpr uint32_t kSlots = 1U << kBits;
  // In an entry's due_previous: it is the first of the slot of that number.
  static constexpr EntryRef kSlotMark = 1U << 31;

  void push(EntryArena& arena, EntryRef ref, uint32_t slot);
  // Moves entries of the slots that begin with second `next` a ring down; false if steps ran out.
  bool cascade(EntryArena& arena, uint32_t next, uint32_t& steps);

  uint32_t now_;
  std::array<EntryRef, kRings * kSlots> slots_{};
};

}  // namespace mctenant::quota
