#pragma once

#include <string>
#include <vector>

#include "admin/metrics.h"

namespace mctenant::admin {

// What the admin address shows of the running process. Both are called on the admin loop's thread, once a
// request.
class Figures {
 public:
  virtual ~Figures() = default;
  // Why clients can't be served now, a line each; empty: they can.
  [[nodiscard]] virtual std::vector<std::string> not_ready() = 0;
  // Every figure of the process, once.
  virtual void write(MetricsWriter& out) = 0;
};

}  // namespace mctenant::admin
