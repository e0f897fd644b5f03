#pragma once

#include <cstdint>
#include <string>

#include "client/histogram.h"

namespace mctenant::bench {

struct LoadResult {
  uint64_t gets = 0;
  // All other requests than gets.
  uint64_t sets = 0;
  uint64_t misses = 0;
  // Refused requests, replies that don't fit their request, and requests never answered.
  uint64_t errors = 0;
  uint64_t lost_connections = 0;
  std::string first_error;
  // From the moment a request was written or, at a fixed rate, was due: a server that stalls is charged for
  // all that it kept waiting, not for one request.
  Histogram latency;

  void merge(const LoadResult& other);
  void error(std::string what);
};

}  // namespace mctenant::bench
