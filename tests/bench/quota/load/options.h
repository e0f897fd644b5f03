#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "client/credentials.h"
#include "client/frame.h"
#include "client/lot.h"
#include "client/socket.h"

namespace mctenant::bench {

// A time to live as a tenant's program writes it.
struct TimeToLive {
  enum class Kind : uint8_t { kSeconds, kAbsolute, kPast, kNegative };
  Kind kind = Kind::kSeconds;
  uint32_t seconds = 0;
};

// One tenant of a mixed load.
struct MixedTenant {
  User user;
  size_t key_size = 20;
  size_t value_size = 100;  // the mean
  uint64_t keys = 1000;
  double zipf = 1;
  Weighted<std::string> operations;
  Weighted<TimeToLive> times_to_live;
  double flush_seconds = 0;  // a flush_all so often; 0: never
};

struct QuotaOptions {
  Address address;
  User user;
  std::vector<MixedTenant> tenants;

  size_t connections = 4;
  uint32_t depth = 32;
  double seconds = 0;  // 0: no limit
  uint64_t bytes = 0;  // of stored values, of all connections; 0: no limit
  // Numbers of the items, [first, first + keys).
  uint64_t first = 0;
  uint64_t keys = 1000000;
  size_t key_size = 20;
  size_t min_value = 1;
  size_t max_value = 102400;
  bool random = false;
  double rate = 0;  // requests a second, of all connections; 0: as fast as answered
  uint64_t seed = 1;
  // Connects again when a connection is lost, and takes refusals for no fault.
  bool reconnect = false;
};

}  // namespace mctenant::bench
