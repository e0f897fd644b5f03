// The server's key of a client's: one that stays readable, one with bytes that no server takes, one too long.
#include <benchmark/benchmark.h>

#include <string>

#include "tenant/namespace.h"

namespace mctenant::tenant {
namespace {

void write(benchmark::State& state, const std::string& client_key) {
  const std::string prefix = make_prefix("k3Xw9", 17, 3);
  char out[kMaxServerKey];
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_server_key(prefix, client_key, out));
    benchmark::ClobberMemory();
  }
}
void ReadableKey(benchmark::State& state) {
  write(state, std::string(static_cast<size_t>(state.range(0)), 'k'));
}
void BinaryKey(benchmark::State& state) {
  write(state, std::string(static_cast<size_t>(state.range(0)), '\x01'));
}
void LongKey(benchmark::State& state) { write(state, std::string(static_cast<size_t>(state.range(0)), 'k')); }
BENCHMARK(ReadableKey)->Arg(10)->Arg(30)->Arg(200);
BENCHMARK(BinaryKey)->Arg(16);
BENCHMARK(LongKey)->Arg(300)->Arg(65'535);

}  // namespace
}  // namespace mctenant::tenant
