#pragma once

#include <cstdint>

#include "base/counter.h"

namespace mctenant::tenant {

// Every figure of a tenant, named as `stats` names it. X(name)
// clang-format off
#define MCTENANT_TENANT_COUNTERS(X) \
  X(auth_cmds) X(auth_errors) X(bytes_read) X(bytes_written) X(cas_badval) X(cas_hits) \
  X(cas_misses) X(cmd_delete) X(cmd_flush) X(cmd_get) X(cmd_set) X(cmd_touch) X(curr_connections) \
  X(decr_hits) X(decr_misses) X(delete_hits) X(delete_misses) X(evictions) X(expired) X(get_hits) \
  X(get_misses) X(incr_hits) X(incr_misses) X(server_evictions) X(total_connections) X(total_items) \
  X(touch_hits) X(touch_misses) X(too_large) X(temporary_failures) X(denied_read) X(denied_write) X(denied_flush) X(appends_by_ledger)
// clang-format on

// One worker's figures of one tenant: written by that worker only, without locked instructions.
struct Counters {
#define X(name) base::Counter name;
  MCTENANT_TENANT_COUNTERS(X)
#undef X
};

// The sum over the workers.
struct Totals {
#define X(name) uint64_t name = 0;
  MCTENANT_TENANT_COUNTERS(X)
#undef X
  void add(const Counters& counters) {
#define X(name) name += counters.name.get();
    MCTENANT_TENANT_COUNTERS(X)
#undef X
  }
  void subtract(const Totals& other) {
#define X(name) name -= other.name;
    MCTENANT_TENANT_COUNTERS(X)
#undef X
  }
};

}  // namespace mctenant::tenant
