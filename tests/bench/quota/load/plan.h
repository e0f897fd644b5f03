#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "quota/load/options.h"

namespace mctenant::bench {

// The tenants of a mixed load, from a JSON file:
//   [{"username", "password", "key_size", "value_size", "keys", "zipf", "flush_seconds",
//     "operations": {"get": 0.5, …}, "times_to_live": [{"kind": "seconds", "seconds": 5, "weight": 0.1}, …]},
//     …]
base::Expected<std::vector<MixedTenant>> read_plan(const std::string& path);

}  // namespace mctenant::bench
