#include "quota/load/tally.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mctenant::bench {

void Tally::merge(const Tally& other) {
  stored += other.stored;
  stored_bytes += other.stored_bytes;
  hits += other.hits;
  misses += other.misses;
  wrong += other.wrong;
  refused += other.refused;
  lost_connections += other.lost_connections;
  reconnects += other.reconnects;
  unanswered += other.unanswered;
  fault(other.first_fault);
  longest_silence = std::max(longest_silence, other.longest_silence);
  latency.merge(other.latency);
  for (const auto& [name, count] : other.statuses) statuses[name] += count;
}

std::string Tally::json(double seconds) const {
  const auto us = [&](double share) { return static_cast<double>(latency.quantile(share)) / 1000; };
  const nlohmann::ordered_json json = {
      {"seconds", seconds},
      {"stored", stored},
      {"stored_bytes", stored_bytes},
      {"hits", hits},
      {"misses", misses},
      {"wrong", wrong},
      {"refused", refused},
      {"lost_connections", lost_connections},
      {"reconnects", reconnects},
      {"unanswered", unanswered},
      {"first_fault", first_fault},
      {"longest_silence_ms", static_cast<double>(longest_silence) / 1e6},
      {"latency_us", {{"p50", us(0.5)}, {"p99", us(0.99)}, {"p99.9", us(0.999)}}},
      {"statuses", statuses}};
  return json.dump();
}

}  // namespace mctenant::bench
