// Carries out one kind of request so and so often, as a worker does, for the instructions to be counted:
//
//   mcinstructions                        tells the compiler, then lists the scenarios
//   mcinstructions SCENARIO REPETITIONS   after as many that are not counted
//
// Every reply is checked; a wrong one ends the program with 1.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string_view>

#include "instructions/scenarios.h"

namespace mctenant::instructions {
namespace {

#ifdef __clang__
constexpr const char* kCompiler = "clang " __VERSION__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

void run(const Scenario& scenario, size_t repetitions) {
  BenchWorld world(scenario.quota);
  scenario.prepare(world, 2 * repetitions);
  for (size_t n = 0; n < repetitions; ++n) scenario.repeat(world, n);
  world.start_counting();
  for (size_t n = repetitions; n < 2 * repetitions; ++n) scenario.repeat(world, n);
  world.stop_counting();
  if (scenario.quota > 0 && world.evictions() < repetitions)
    throw std::runtime_error("too little was evicted");
}

int main(int argc, char** argv) {
  if (argc == 1) std::puts(kCompiler);
  for (const Scenario& scenario : scenarios()) {
    if (argc == 1) {
      std::puts(scenario.name);
    } else if (argc == 3 && std::string_view(argv[1]) == scenario.name) {
      run(scenario, std::strtoul(argv[2], nullptr, 10));
      return 0;
    }
  }
  if (argc == 1) return 0;
  std::fputs("usage: mcinstructions [SCENARIO REPETITIONS]\n", stderr);
  return 101;
}

}  // namespace
}  // namespace mctenant::instructions

int main(int argc, char** argv) {
  try {
    return mctenant::instructions::main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mcinstructions: %s\n", error.what());
    return 1;
  }
}
