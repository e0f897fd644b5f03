#include "load/result.h"

#include <utility>

namespace mctenant::bench {

void LoadResult::merge(const LoadResult& other) {
  gets += other.gets;
  sets += other.sets;
  misses += other.misses;
  errors += other.errors;
  lost_connections += other.lost_connections;
  if (first_error.empty()) first_error = other.first_error;
  latency.merge(other.latency);
}

void LoadResult::error(std::string what) {
  ++errors;
  if (first_error.empty()) first_error = std::move(what);
}

}  // namespace mctenant::bench
