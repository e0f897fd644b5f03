// How often a tenant at its quota misses: its ledger, used as the proxy uses it, beside a plain LRU of the
// same size, over the same requests. Keys are drawn by Zipf's law, with and without a scan that walks new
// keys meanwhile. Ends with 1 if the ledger misses more than LRU anywhere.
//
//   mcmissratio [REQUESTS]   default: 20 a key

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "quota/ledger.h"

namespace mctenant {
namespace {

constexpr uint32_t kNow = 1'700'000'000;
constexpr uint32_t kItemSize = 100;
constexpr uint64_t kScan = uint64_t{1} << 40;  // keys of the scan begin here

// Numbers from 0 on, of which the n-th is asked for in proportion to 1 / n^alpha.
class Zipf {
 public:
  Zipf(uint64_t keys, double alpha) : sums_(keys) {
    double sum = 0;
    for (uint64_t i = 0; i < keys; ++i) sums_[i] = sum += 1 / std::pow(static_cast<double>(i + 1), alpha);
  }
  template <class Random>
  uint64_t operator()(Random& random) const {
    const double at = std::uniform_real_distribution<double>(0, sums_.back())(random);
    return static_cast<uint64_t>(std::lower_bound(sums_.begin(), sums_.end(), at) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

class Lru {
 public:
  explicit Lru(uint64_t items) : items_(items) {}
  bool get(uint64_t key) {
    if (const auto found = places_.find(key); found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    if (order_.size() == items_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(key);
    places_[key] = order_.begin();
    return false;
  }

 private:
  const uint64_t items_;
  std::list<uint64_t> order_;
  std::unordered_map<uint64_t, std::list<uint64_t>::iterator> places_;
};

// A tenant whose items are on a server that does what it is told.
class Tenant {
 public:
  explicit Tenant(uint64_t items) : ledger_(4, kNow, 1) { ledger_.set_quota(items * kItemSize); }

  // Reads the key, and stores it if it was not there.
  bool get(uint64_t number) {
    // Old removals are forgotten now and then, as the bookkeeper does.
    if (++requests_ % 100'000 == 0) ledger_.forget_removals();
    using Kind = quota::Event::Kind;
    const std::string key = std::to_string(number);
    if (const auto found = server_.find(key); found != server_.end()) {
      tell(Kind::hit, key, found->second);
      return true;
    }
    tell(Kind::missed, key, 0);
    const uint64_t reserved = ledger_.reserve(ledger_.hash(key), key, 0, kItemSize);
    quota::Victim victim;
    while (ledger_.over() && ledger_.choose_victim(victim)) {
      const std::string coldest(victim.key());
      if (server_.erase(coldest) != 0) tell(Kind::removed_version, coldest, victim.cas);
      ledger_.put_back(victim);
    }
    tell(Kind::stored, key, server_[key] = ++cas_);
    ledger_.release(reserved);
    return false;
  }
  [[nodiscard]] uint64_t items() const { return server_.size(); }

 private:
  void tell(quota::Event::Kind kind, const std::string& key, uint64_t cas) {
    quota::Event event;
    event.kind = kind;
    event.source = 1;
    event.key = key;
    event.hash = ledger_.hash(key);
    event.sent = ledger_.clock(event.hash);
    event.cas = cas;
    event.size = kItemSize;
    event.expiry = 0;
    (void)ledger_.apply(event);
  }

  quota::Ledger ledger_;
  uint64_t requests_ = 0;
  uint64_t cas_ = 0;
  std::unordered_map<std::string, uint64_t> server_;  // versions
};

struct Case {
  uint64_t keys;
  double alpha;
  bool scan;
};

// Prints a row; whether the ledger missed no more than LRU.
bool play(const Case& now, uint64_t requests) {
  const uint64_t items = now.keys / 10;
  const Zipf zipf(now.keys, now.alpha);
  std::mt19937_64 random(1);
  Lru lru(items);
  Tenant tenant(items);
  uint64_t scanned = kScan;
  uint64_t counted = 0;
  uint64_t lru_misses = 0;
  uint64_t tenant_misses = 0;
  for (uint64_t i = 0; i < requests; ++i) {
    const uint64_t key = now.scan && random() % 10 == 0 ? scanned++ : zipf(random);
    const bool lru_hit = lru.get(key);
    const bool tenant_hit = tenant.get(key);
    if (i < requests / 4) continue;  // until both are full and settled
    ++counted;
    lru_misses += lru_hit ? 0 : 1;
    tenant_misses += tenant_hit ? 0 : 1;
  }
  const double of_lru = static_cast<double>(lru_misses) / static_cast<double>(counted);
  const double of_tenant = static_cast<double>(tenant_misses) / static_cast<double>(counted);
  const bool good = tenant_misses <= lru_misses && tenant.items() <= items;
  std::printf("| %9llu | %.1f | %-4s | %6.2f %% | %6.2f %% | %.3f | %s |\n",
              static_cast<unsigned long long>(now.keys), now.alpha, now.scan ? "yes" : "no", 100 * of_lru,
              100 * of_tenant, of_tenant / of_lru, good ? "pass" : "FAIL");
  std::fflush(stdout);
  return good;
}

}  // namespace
}  // namespace mctenant

int main(int argc, char** argv) {
  using mctenant::Case;
  const uint64_t requests = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 0;
  std::vector<Case> cases;
  for (const double alpha : {0.8, 0.9, 1.0, 1.1}) {
    for (const bool scan : {false, true}) cases.push_back({100'000, alpha, scan});
  }
  cases.push_back({1'000'000, 1.0, true});
  std::printf("Cache: 10 %% of the keys. Miss ratios after the first quarter of the requests.\n\n");
  std::printf(
      "| keys | alpha | scan | LRU | mctenant | of LRU's | result |\n|---|---|---|---|---|---|---|\n");
  bool good = true;
  for (const Case& now : cases) good &= mctenant::play(now, requests != 0 ? requests : 20 * now.keys);
  return good ? 0 : 1;
}
