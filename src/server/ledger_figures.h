#pragma once

#include <memory>
#include <vector>

#include "admin/metrics.h"
#include "server/bookkeeper.h"
#include "server/worker.h"

namespace mctenant::server {

// What the ledgers say of each tenant's memory, what pools have promised, and how the bookkeeping gets on. On
// the main thread.
void write_ledger_figures(const Shared& shared, const std::vector<std::unique_ptr<Worker>>& workers,
                          const Bookkeeper& bookkeeper, admin::MetricsWriter& out);

}  // namespace mctenant::server
