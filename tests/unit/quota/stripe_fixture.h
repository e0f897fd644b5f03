#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "quota/expiry.h"
#include "quota/stripe.h"

namespace mctenant::quota {

using Kind = Event::Kind;
using Flags = Event::ClientFlags;

inline constexpr uint32_t kNow = 1'700'000'000;
inline constexpr uint16_t kSource = 5;

inline KeyHash hash_of(uint64_t seed, std::string_view key) {
  return (std::hash<std::string_view>{}(key) + seed) * 0x9e3779b97f4a7c15U;
}

// One stripe, told of one key after another; what it says it claims is summed up and compared at the end.
class StripeFixture : public testing::Test {
 protected:
  // What observer `by` learns now of an exchange that it began at `sent`.
  Event event(Kind kind, uint64_t cas, uint32_t size, uint32_t expiry, Observer by, uint32_t sent) {
    Event made;
    made.kind = kind;
    made.observer = by;
    made.source = source;
    made.crawl = crawl;
    made.sent = sent;
    made.key = key;
    made.hash = hash_of(1, key);
    made.generation = generation;
    made.cas = cas;
    made.size = size;
    made.expiry = expiry;
    return made;
  }
  Event event(Kind kind, uint64_t cas = 0, uint32_t size = 0, uint32_t expiry = kUnknownExpiry) {
    return event(kind, cas, size, expiry, observer, stripe.clock());
  }
  // Applies, keeps the sum, and tells whether to probe.
  bool apply(const Event& what) {
    const uint64_t before = stripe.usage().items;
    const Stripe::Change change = stripe.apply(what);
    claimed += change.claimed;
    vanished = stripe.usage().items < before;
    return change.probe;
  }
  bool store(uint64_t cas, uint32_t size = 100, uint32_t expiry = 0) {
    return apply(event(Kind::stored, cas, size, expiry));
  }
  // Cas and size, or "none", and "?" if they are not certain.
  std::string known() {
    KnownItem item{};
    if (!stripe.look_up(hash_of(1, key), key, generation, item)) return "none";
    return std::to_string(item.cas) + ":" + std::to_string(item.size) + (item.certain ? "" : "?");
  }
  Flags known_flags() {
    KnownItem item{};
    return stripe.look_up(hash_of(1, key), key, generation, item) ? item.flags : Flags::unknown;
  }
  bool expire(uint32_t now, uint32_t steps = 1'000'000) {
    Stripe::Change change;
    const bool done = stripe.expire(now, steps, change);
    claimed += change.claimed;
    return done;
  }
  // The item's expiry by what happens: the first second of these at which it is gone.
  bool is_gone_at(uint32_t time) {
    if (!expire(time - 1)) return false;
    if (known() == "none") return false;
    return expire(time) && known() == "none";
  }
  bool take(Victim& victim) {
    Stripe::Change change;
    const bool found = stripe.take_coldest(victim, change);
    claimed += change.claimed;
    return found;
  }
  void TearDown() override {
    const auto usage = stripe.usage();
    EXPECT_EQ(usage.items == 0, usage.bytes == 0);
    EXPECT_EQ(claimed, static_cast<int64_t>(usage.bytes));
    EXPECT_EQ(stripe.approximate_bytes(), usage.bytes);
  }

  Stripe stripe{1, hash_of, kNow};
  std::string key = "key";
  Observer observer = 1;
  uint16_t source = kSource;
  uint8_t crawl = 0;
  tenant::Generation generation = 0;
  int64_t claimed = 0;
  bool vanished = false;
};

}  // namespace mctenant::quota
