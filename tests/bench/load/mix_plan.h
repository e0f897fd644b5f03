#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "client/credentials.h"
#include "client/lot.h"
#include "load/command.h"

namespace mctenant::bench {

// One tenant of a mixed load.
struct MixTenant {
  User user;
  // Of how many connections.
  size_t connections = 1;
  size_t key_size = 20;
  // The mean; sizes fall off exponentially around it.
  size_t value_size = 100;
  uint64_t keys = 1000;
  double zipf = 1;
  Weighted<Command> operations;
  // Seconds; 0 for ever.
  Weighted<uint32_t> times_to_live;
};

// The tenants of a mixed load, from a JSON file:
//   [{"username", "password", "connections", "key_size", "value_size", "keys", "zipf",
//     "operations": {"get": 0.9, "set": 0.1}, "times_to_live": {"60": 0.5, "3600": 0.5}}, …]
base::Expected<std::vector<MixTenant>> read_mix_plan(const std::string& path);

}  // namespace mctenant::bench
