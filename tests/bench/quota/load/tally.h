#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "client/histogram.h"

namespace mctenant::bench {

// What one connection, or all, came to.
struct Tally {
  uint64_t stored = 0;
  uint64_t stored_bytes = 0;  // of the values
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t wrong = 0;  // values that are not what was stored
  uint64_t refused =
      0;  // statuses that are no answer to the question: too large, out of memory, temporary failure …
  uint64_t lost_connections = 0;
  uint64_t reconnects = 0;
  uint64_t unanswered = 0;
  std::string first_fault;
  // In nanoseconds.
  uint64_t longest_silence = 0;
  Histogram latency;
  // By operation and status, for reports: "SET 0" → how many.
  std::map<std::string, uint64_t> statuses;

  void fault(const std::string& what) {
    if (first_fault.empty()) first_fault = what;
  }
  void merge(const Tally& other);
  [[nodiscard]] std::string json(double seconds) const;
};

}  // namespace mctenant::bench
