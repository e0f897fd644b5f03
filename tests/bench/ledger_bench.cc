// What the ledger costs an operation: a hit, a store over a known item, the mean of a store of a new one and
// the eviction of another for it; at one and at five million items with keys of 32 bytes, at random.
// Counters: bytes an item takes beside its key, as the process grew, and as the ledger tells.
//
//   ledger_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "quota/ledger.h"

namespace mctenant::quota {
namespace {

constexpr size_t kKeySize = 32;
constexpr uint32_t kItemSize = 200;
// As in a worker: what one turn brings, and how far ahead of its answer a key is looked for.
constexpr size_t kTurn = 16;
constexpr size_t kAhead = 4;

uint64_t resident_bytes() {
  long total = 0;
  long resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return static_cast<uint64_t>(resident) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// Numbers in an order that no cache foresees.
uint64_t mixed(uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9U;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebU;
  return n ^ (n >> 31);
}

// A key of 32 bytes, as long as this lives.
class Key {
 public:
  Key() = default;
  explicit Key(uint64_t number) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::memcpy(bytes_, "user:session:___", 16);
    for (size_t i = 0; i < 16; ++i) bytes_[16 + i] = kDigits[(number >> (4 * i)) & 15];
  }
  [[nodiscard]] std::string_view view() const { return {bytes_, kKeySize}; }

 private:
  char bytes_[kKeySize];
};

// A ledger as full as a case wants it; made once a size.
class Filled {
 public:
  explicit Filled(uint64_t items) : items_(items), ledger_(4, 1'700'000'000) {
    const uint64_t before = resident_bytes();
    for (uint64_t i = 0; i < items; ++i) store(i);
    grown_ = resident_bytes() - before;
    memory_ = ledger_.usage().memory;
  }
  static Filled& of(uint64_t items) {
    static std::unique_ptr<Filled> filled;
    if (filled == nullptr || filled->items_ != items) {
      filled = nullptr;
      filled = std::make_unique<Filled>(items);
    }
    return *filled;
  }

  [[nodiscard]] Ledger& ledger() { return ledger_; }
  void store(uint64_t number) { apply(Pending(*this, Event::Kind::stored, number)); }

  // One turn of a worker: requests are asked and, later, answered together.
  template <typename Number>
  void turn(Event::Kind kind, Number number, bool evicts) {
    std::array<Pending, kTurn> pending;
    std::array<Victim, kTurn> victims;
    for (size_t i = 0; i < kTurn; ++i) {
      new (&pending[i]) Pending(*this, kind, number());
      if (evicts && ledger_.choose_victim(victims[i])) ledger_.expect(victims[i].hash);
    }
    const auto near = [&](size_t i) {
      if (i >= kTurn) return;
      ledger_.expect_now(pending[i].event.hash);
      if (evicts) ledger_.expect_now(victims[i].hash);
    };
    for (size_t i = 0; i < kAhead; ++i) near(i);
    for (size_t i = 0; i < kTurn; ++i) {
      near(i + kAhead);
      apply(pending[i]);
      if (evicts) evict(victims[i]);
    }
  }

  [[nodiscard]] uint64_t next_new() { return next_new_++; }
  void tell_memory(benchmark::State& state) const {
    const auto count = static_cast<double>(items_);
    state.counters["rss_bytes_beside_key"] = static_cast<double>(grown_) / count - kKeySize;
    state.counters["told_bytes_beside_key"] = static_cast<double>(memory_) / count - kKeySize;
  }

 private:
  // A request under way, and what its answer will tell.
  struct Pending {
    Pending() = default;
    Pending(Filled& filled, Event::Kind kind, uint64_t number) : key(mixed(number)) {
      event.kind = kind;
      event.source = 1;
      event.key = key.view();
      event.hash = filled.ledger_.hash(event.key);
      event.sent = filled.ledger_.clock(event.hash);
      event.cas = kind == Event::Kind::hit ? 1 : ++filled.cas_;
      event.size = kItemSize;
      event.expiry = 0;
      filled.ledger_.expect(event.hash);
    }
    Key key;
    Event event;
  };
  void apply(const Pending& pending) { benchmark::DoNotOptimize(ledger_.apply(pending.event)); }
  void evict(const Victim& victim) {
    Event event;
    event.kind = Event::Kind::removed_version;
    event.source = 1;
    event.sent = victim.sent;
    event.hash = victim.hash;
    event.key = victim.key();
    event.cas = victim.cas;
    benchmark::DoNotOptimize(ledger_.apply(event));
  }

  const uint64_t items_;
  Ledger ledger_;
  uint64_t cas_ = 1;
  uint64_t next_new_ = uint64_t{1} << 32;
  uint64_t grown_ = 0;
  uint64_t memory_ = 0;
};

uint64_t items_of(const benchmark::State& state) { return static_cast<uint64_t>(state.range(0)); }

void Hit(benchmark::State& state) {
  Filled& filled = Filled::of(items_of(state));
  uint64_t i = 0;
  while (state.KeepRunningBatch(kTurn)) {
    filled.turn(
        Event::Kind::hit, [&] { return mixed(i++) % items_of(state); }, false);
  }
  filled.tell_memory(state);
}

void StoreOver(benchmark::State& state) {
  Filled& filled = Filled::of(items_of(state));
  uint64_t i = 0;
  while (state.KeepRunningBatch(kTurn)) {
    filled.turn(
        Event::Kind::stored, [&] { return mixed(i++) % items_of(state); }, false);
  }
}

void StoreNewAndEvict(benchmark::State& state) {
  Filled& filled = Filled::of(items_of(state));
  uint64_t evicted = 0;
  while (state.KeepRunningBatch(2 * kTurn)) {  // a store and an eviction are two operations
    filled.turn(
        Event::Kind::stored, [&] { return filled.next_new(); }, true);
    // As often as at 10,000 evictions a second and once in ten seconds.
    evicted += kTurn;
    if (evicted % 102'400 == 0) filled.ledger().forget_removals();
  }
}

// Beside the ledger: the key, its hash and the event, in all figures above.
void MakeEventOnly(benchmark::State& state) {
  const Ledger ledger(4, 1'700'000'000);
  uint64_t i = 0;
  for (auto _ : state) {
    const Key key(mixed(mixed(i++) % 1'000'000));
    benchmark::DoNotOptimize(ledger.hash(key.view()));
  }
}
BENCHMARK(MakeEventOnly);

const bool kRegistered = [] {
  for (const int64_t items : {1'000'000, 5'000'000}) {
    benchmark::RegisterBenchmark("Hit", Hit)->Arg(items);
    benchmark::RegisterBenchmark("StoreOver", StoreOver)->Arg(items);
    benchmark::RegisterBenchmark("StoreNewAndEvict", StoreNewAndEvict)->Arg(items);
  }
  return true;
}();

}  // namespace
}  // namespace mctenant::quota
