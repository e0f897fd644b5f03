#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quota/key_table.h"

namespace mctenant::quota {

// Keys that were removed lately, by their hash: what a reply that was under way meanwhile, or a crawl, tells
// of such a key may be from before. Forgets in two halves, the older one at each turn(). Not thread-safe.
class Removals {
 public:
  struct Removal {
    KeyHash hash = 0;          // 0: empty
    uint32_t clock = 0;        // of the latest
    uint32_t observer : 8;     // of the latest
    uint32_t others_age : 24;  // how long before that the latest of another observer was; kLong: or longer

    // The clock of the latest removal by anybody but `by`.
    [[nodiscard]] std::optional<uint32_t> last_by_others(uint8_t by) const {
      if (observer != by) return clock;
      if (others_age == kLong) return std::nullopt;
      return clock - others_age;
    }
    Removal() : observer(0), others_age(kLong) {}
  };
  static constexpr uint32_t kLong = (1U << 24) - 1;

  void add(KeyHash hash, uint32_t clock, uint8_t observer);
  // The latest removal of that key, or null.
  [[nodiscard]] const Removal* find(KeyHash hash) const;
  // Brings into the cache where that key would be.
  void prefetch(KeyHash hash) const;
  // What was added before the last turn is forgotten.
  void turn();

  [[nodiscard]] size_t size() const { return young_.used + old_.used; }
  [[nodiscard]] size_t memory() const {
    return (young_.slots.capacity() + old_.slots.capacity()) * sizeof(Removal);
  }

 private:
  // Open addressing; grows with what one half holds.
  struct Half {
    std::vector<Removal> slots;
    size_t used = 0;
    // Where that key stands or would stand.
    [[nodiscard]] size_t place(KeyHash hash) const;
    [[nodiscard]] const Removal* find(KeyHash hash) const;
    void grow();
  };

  Half young_;
  Half old_;
};

}  // namespace mctenant::quota
