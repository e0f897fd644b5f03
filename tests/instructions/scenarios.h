#pragma once

#include <cstddef>
#include <vector>

#include "instructions/bench_world.h"

namespace mctenant::instructions {

// One kind of request, told so that each repetition is the same work.
struct Scenario {
  const char* name;
  uint64_t quota;  // of the tenant, in bytes; 0: none
  // What must be there for so many repetitions.
  void (*prepare)(BenchWorld& world, size_t repetitions);
  // The n-th repetition, from 0 on.
  void (*repeat)(BenchWorld& world, size_t n);
};

[[nodiscard]] const std::vector<Scenario>& scenarios();

}  // namespace mctenant::instructions
