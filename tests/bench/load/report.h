#pragma once

#include <memory>
#include <vector>

#include "client/process_watch.h"
#include "load/options.h"
#include "load/session_engine.h"
#include "load/worker.h"

namespace mctenant::bench {

// CPU in microseconds over the measured window: of the load generator, and of all that has no part in the
// measurement.
struct Cpu {
  double own;
  double others;
};

using Watches = std::vector<std::unique_ptr<ProcessWatch>>;

// Write the result on standard output: JSON, or lines for people.
void report_load(const LoadOptions& options, const LoadResult& result, double seconds, Cpu cpu,
                 const Watches& watches);
void report_sessions(const LoadOptions& options, const SessionResult& result, const Watches& watches);

}  // namespace mctenant::bench
