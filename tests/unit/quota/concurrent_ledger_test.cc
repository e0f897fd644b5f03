// Many threads on one ledger, each step of the clients', the bookkeeper's and the operator's beside all
// others.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "quota/ledger.h"

namespace mctenant::quota {
namespace {

using Kind = Event::Kind;

constexpr uint32_t kNow = 1'700'000'000;
constexpr int kThreads = 4;
constexpr int kSteps = 20'000;
constexpr uint64_t kQuota = 20'000;

// A server of which every thread gets its answer at once: so the ledger's end is known.
class Server {
 public:
  explicit Server(Ledger& ledger) : ledger_(ledger) {}

  // Stores or removes (size 0) a key and tells the ledger, some of it late.
  void change(Observer observer, const std::string& key, uint32_t size, uint64_t condition = 0) {
    Event event;
    event.observer = observer;
    event.source = 1;
    event.key = key;
    event.hash = ledger_.hash(key);
    event.sent = ledger_.clock(event.hash);
    ledger_.expect(event.hash);
    {
      const std::lock_guard lock(mutex_);
      Item& item = items_[key];
      if (condition != 0 && item.cas != condition) return;
      item = size == 0 ? Item{} : Item{++last_cas_, size};
      event.kind = size != 0 ? Kind::stored : condition != 0 ? Kind::removed_version : Kind::removed;
      event.cas = size != 0 ? item.cas : condition;
      event.size = size;
      event.expiry = 0;
    }
    ledger_.expect_now(event.hash);
    if (ledger_.apply(event)) inspect(observer, key);
  }
  void inspect(Observer observer, const std::string& key) {
    for (bool again = true; again;) {
      Event event;
      event.observer = observer;
      event.source = 1;
      event.key = key;
      event.hash = ledger_.hash(key);
      event.sent = ledger_.clock(event.hash);
      {
        const std::lock_guard lock(mutex_);
        const Item item = items_[key];
        event.kind = item.cas == 0 ? Kind::removed : Kind::inspected;
        event.cas = item.cas;
        event.size = item.size;
        event.expiry = 0;
      }
      again = ledger_.apply(event);
    }
  }
  void expect_equal() {
    uint64_t bytes = 0;
    uint64_t count = 0;
    for (const auto& [key, item] : items_) {
      KnownItem known{};
      const bool found = ledger_.look_up(ledger_.hash(key), key, 0, known);
      EXPECT_EQ(found, item.cas != 0) << key;
      if (item.cas == 0) continue;
      EXPECT_EQ(known.cas, item.cas) << key;
      EXPECT_EQ(known.size, item.size) << key;
      EXPECT_TRUE(known.certain) << key;
      bytes += item.size;
      ++count;
    }
    EXPECT_EQ(ledger_.usage().bytes, bytes);
    EXPECT_EQ(ledger_.usage().items, count);
  }

 private:
  struct Item {
    uint64_t cas = 0;
    uint32_t size = 0;
  };
  Ledger& ledger_;
  std::mutex mutex_;
  uint64_t last_cas_ = 0;
  std::map<std::string, Item> items_;
};

template <class Step>
void in_threads(Step&& step) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&step, i] {
      std::mt19937 random(static_cast<unsigned>(i));
      for (int n = 0; n < kSteps; ++n) step(static_cast<Observer>(i), random);
    });
  }
  for (auto& thread : threads) thread.join();
}

std::string some_key(std::mt19937& random) { return std::to_string(random() % 300); }

TEST(ConcurrentLedger, EndsAsTheServerDoesWhileItemsAreStoredRemovedAndEvicted) {
  Ledger ledger(8, kNow);
  ledger.set_quota(kQuota);
  Server server(ledger);
  in_threads([&](Observer observer, std::mt19937& random) {
    const std::string key = some_key(random);
    if (random() % 4 == 0) return server.change(observer, key, 0);
    const uint32_t size = 100 + random() % 100;
    const uint64_t reserved = ledger.reserve(ledger.hash(key), key, 0, size);
    Victim victim;
    while (ledger.over() && ledger.choose_victim(victim)) {
      server.change(observer, std::string(victim.key()), 0, victim.cas);
      ledger.put_back(victim);
    }
    server.change(observer, key, size);
    ledger.release(reserved);
  });
  server.expect_equal();
  // Nothing stays reserved or leaving.
  const uint64_t bytes = ledger.usage().bytes;
  EXPECT_LE(bytes, kQuota + kThreads * 200);
  ledger.set_quota(0);
  ledger.set_quota(bytes);
  EXPECT_FALSE(ledger.lowering());
  ledger.set_quota(bytes - 1);
  EXPECT_TRUE(ledger.lowering());
}

TEST(ConcurrentLedger, EveryCallMayRunBesideEveryOther) {
  Ledger ledger(4, kNow);
  std::atomic<uint64_t> cas{1};
  std::atomic<uint64_t> generation{1};
  std::atomic<uint32_t> now{kNow};
  in_threads([&](Observer observer, std::mt19937& random) {
    const std::string key = some_key(random);
    Event event;
    event.kind = static_cast<Kind>(random() % 9);
    event.observer = observer;
    event.source = static_cast<uint16_t>(1 + random() % 3);
    event.crawl = static_cast<uint8_t>(random() % 3);
    event.key = key;
    event.hash = ledger.hash(key);
    event.sent = ledger.clock(event.hash);
    ledger.expect(event.hash);
    event.cas = cas.fetch_add(1);
    event.generation = generation.load();
    event.size = 60 + random() % 100;
    event.expiry = random() % 2 == 0 ? 0 : now.load() + 1 + random() % 20;
    (void)ledger.apply(event);
    Victim victim;
    Ledger::Cursor cursor;
    std::vector<OpenQuestion> open;
    KnownItem item{};
    tenant::Generation of = 0;
    std::string retired;
    switch (random() % 200) {
      case 0:
        (void)ledger.expire(now.fetch_add(1), 100);
        break;
      case 1:
        ledger.forget_removals();
        break;
      case 2:
        while (ledger.sweep({1, 2}, 2, 1, cursor, open)) {
        }
        break;
      case 3:
        ledger.begin_generation(generation.fetch_add(1) + 1);
        break;
      case 4:
        while (ledger.next_retired(of, retired)) {
        }
        break;
      case 5:
        ledger.set_quota(random() % 3 * 5000);
        break;
      case 6:
        ledger.lower_limit();
        EXPECT_LT(ledger.usage().memory, 100U << 20);
        break;
      default:
        if (ledger.choose_victim(victim)) ledger.put_back(victim);
        (void)ledger.look_up(event.hash, key, event.generation, item);
        ledger.release(ledger.reserve(event.hash, key, event.generation, 50));
        break;
    }
  });
  // All that was counted in was counted out.
  ledger.begin_generation(generation.load() + 1);
  EXPECT_EQ(ledger.usage().bytes, 0U);
  ledger.set_quota(0);
  ledger.set_quota(1);
  EXPECT_FALSE(ledger.lowering());
  EXPECT_FALSE(ledger.over());
}

}  // namespace
}  // namespace mctenant::quota
