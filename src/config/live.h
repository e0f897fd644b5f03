#pragma once

#include <vector>

#include "config/config.h"
#include "tenant/directory.h"

namespace mctenant::config {

// What a running mctenant can't take over of `wanted`: each a fault that names the key and asks for a
// restart. Without any, the rest may be applied: tenants, plans, credentials, and those limits that are read
// each time.
//   started: the configuration that the process was started with
//   running: its tenants now
[[nodiscard]] std::vector<Finding> check_live(const Config& started, const tenant::Directory& running,
                                              const Config& wanted);

}  // namespace mctenant::config
