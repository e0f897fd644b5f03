// Placing keys: what each hash costs, and how evenly it fills equal servers.
//
//   upstream_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "upstream/ring.h"

namespace mctenant::upstream {
namespace {

struct Named {
  KeyHash hash;
  const char* name;
};
constexpr Named kHashes[] = {{KeyHash::md5, "md5"},
                             {KeyHash::murmur3, "murmur3"},
                             {KeyHash::fnv1a_64, "fnv1a_64"},
                             {KeyHash::jenkins, "jenkins"},
                             {KeyHash::one_at_a_time, "one_at_a_time"}};

Ring ring_of(KeyHash hash, size_t servers) {
  PoolOptions options;
  options.hash = hash;
  for (size_t i = 0; i < servers; ++i) {
    options.servers.push_back(
        {.address = {.host = fmt::format("10.0.0.{}", i + 1), .port = 11211}, .weight = 1});
  }
  auto ring = Ring::build(options);
  if (!ring) throw std::runtime_error(ring.error().message);
  return std::move(*ring);
}

// Keys of 30 bytes side by side, as they lie in a buffer of requests: at every offset from a word. So many
// that the branches of the search can't be learnt.
class Keys {
 public:
  static constexpr size_t kCount = 1 << 15;
  static constexpr size_t kLength = 30;
  static constexpr size_t kStride = kLength + 1;

  Keys() {
    for (size_t i = 0; i < kCount; ++i)
      bytes_ += fmt::format("ns.7.0:user:{:010}:profile ", i * 2'654'435'761U);
  }
  [[nodiscard]] std::string_view operator[](size_t i) const { return {bytes_.data() + i * kStride, kLength}; }

 private:
  std::string bytes_;
};

void place(benchmark::State& state, KeyHash hash) {
  const Ring ring = ring_of(hash, static_cast<size_t>(state.range(0)));
  const Keys keys;
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ring.place(keys[i]));
    i = (i + 1) % Keys::kCount;
  }
}

// Counters instead of times: the largest share by the smallest, and the standard deviation in percent of the
// mean.
void evenness(benchmark::State& state, KeyHash hash) {
  constexpr size_t kServers = 8;
  constexpr size_t kKeys = 100'000;
  const Ring ring = ring_of(hash, kServers);
  std::vector<double> shares(kServers);
  for (auto _ : state) {
    std::fill(shares.begin(), shares.end(), 0);
    for (size_t i = 0; i < kKeys; ++i) ++shares[ring.place(fmt::format("ns.7.0:user:{}:profile", i))];
  }
  const double mean = static_cast<double>(kKeys) / kServers;
  double squares = 0;
  for (const double share : shares) squares += (share - mean) * (share - mean);
  const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
  state.counters["max_by_min"] = *most / *least;
  state.counters["deviation_percent"] = 100 * std::sqrt(squares / kServers) / mean;
}

const bool kRegistered = [] {
  for (const auto& [hash, name] : kHashes) {
    benchmark::RegisterBenchmark(fmt::format("place/{}", name).c_str(), place, hash)
        ->Arg(1)
        ->Arg(3)
        ->Arg(8)
        ->Arg(100);
    benchmark::RegisterBenchmark(fmt::format("evenness/{}", name).c_str(), evenness, hash)->Iterations(1);
  }
  return true;
}();

}  // namespace
}  // namespace mctenant::upstream
