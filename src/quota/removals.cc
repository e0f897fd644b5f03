#include "quota/removals.h"

#include <algorithm>
#include <utility>

namespace mctenant::quota {
namespace {

constexpr size_t kFirstSlots = 16;
// A half that has held more gives its memory back when it is forgotten.
constexpr size_t kKeptSlots = 4096;

// The hash also chose the stripe, by its upper bits, and the bucket, by its lower ones.
size_t spread(KeyHash hash) { return static_cast<size_t>((hash * 0x9e3779b97f4a7c15U) >> 20); }
KeyHash mark(KeyHash hash) { return hash == 0 ? 1 : hash; }

}  // namespace

size_t Removals::Half::place(KeyHash hash) const {
  const size_t mask = slots.size() - 1;
  size_t at = spread(hash) & mask;
  while (slots[at].hash != 0 && slots[at].hash != hash) at = (at + 1) & mask;
  return at;
}

const Removals::Removal* Removals::Half::find(KeyHash hash) const {
  if (used == 0) return nullptr;
  const Removal& slot = slots[place(hash)];
  return slot.hash != 0 ? &slot : nullptr;
}

void Removals::Half::grow() {
  std::vector<Removal> before(slots.empty() ? kFirstSlots : slots.size() * 2);
  std::swap(before, slots);
  for (const Removal& removal : before) {
    if (removal.hash != 0) slots[place(removal.hash)] = removal;
  }
}

void Removals::add(KeyHash hash, uint32_t clock, uint8_t observer) {
  if (young_.used * 2 >= young_.slots.size()) young_.grow();
  Removal& slot = young_.slots[young_.place(mark(hash))];
  if (slot.hash == 0) {
    ++young_.used;
    if (const Removal* before = old_.find(mark(hash)); before != nullptr) slot = *before;
  }
  if (slot.hash != 0) {
    const uint32_t age = clock - slot.clock;
    slot.others_age = std::min(kLong, slot.observer != observer ? age : slot.others_age + age);
  }
  slot.hash = mark(hash);
  slot.clock = clock;
  slot.observer = observer;
}

void Removals::prefetch(KeyHash hash) const {
  for (const Half* half : {&young_, &old_}) {
    if (half->used == 0) continue;
    __builtin_prefetch(&half->slots[spread(mark(hash)) & (half->slots.size() - 1)]);
  }
}

const Removals::Removal* Removals::find(KeyHash hash) const {
  const Removal* found = young_.find(mark(hash));
  return found != nullptr ? found : old_.find(mark(hash));
}

void Removals::turn() {
  if (young_.used == 0 && old_.used == 0) return;
  std::swap(young_, old_);
  if (young_.slots.size() > kKeptSlots) {
    young_ = Half();
  } else {
    young_.slots.assign(young_.slots.size(), Removal{});
    young_.used = 0;
  }
}

}  // namespace mctenant::quota
