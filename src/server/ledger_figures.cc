#include "server/ledger_figures.h"

#include "tenant/directory.h"

namespace mctenant::server {
namespace {

using admin::MetricsWriter;

void write_tenants(const Shared& shared, MetricsWriter& out) {
  for (const tenant::Entry& entry : shared.directory->entries()) {
    const quota::Ledger* ledger = shared.books.find(entry.tenant->id());
    if (ledger == nullptr) continue;
    const quota::Ledger::Usage usage = ledger->usage();
    const tenant::Totals totals = entry.tenant->totals();
    const MetricsWriter::Labels labels{{"tenant", entry.tenant->name()}};
    out.gauge("mctenant_tenant_memory_bytes", "What a tenant's items take, as memcached counts them.", labels,
              usage.bytes);
    out.gauge("mctenant_tenant_items", "Items of a tenant.", labels, usage.items);
    out.gauge("mctenant_tenant_quota_bytes", "A tenant's memory by its plan; 0: no quota.", labels,
              ledger->quota());
    out.gauge("mctenant_tenant_ledger_bytes", "Memory that mctenant takes to keep a tenant's account.",
              labels, usage.memory);
    out.counter("mctenant_tenant_evictions_total", "Items evicted for a tenant's quota.", labels,
                totals.evictions);
    out.counter("mctenant_tenant_server_evictions_total",
                "Items of a tenant that servers evicted for want of memory of their own.", labels,
                totals.server_evictions);
    out.counter("mctenant_tenant_expired_total", "Items of a tenant that have expired.", labels,
                totals.expired);
    out.counter("mctenant_tenant_appends_by_ledger_total",
                "Appends and prepends that needed no question about their item's size.", labels,
                totals.appends_by_ledger);
  }
}

void write_pools(const Shared& shared, MetricsWriter& out) {
  for (const upstream::PoolOptions& pool : shared.config.pools) {
    const quota::PoolPromise promise = Bookkeeper::promise(shared, pool, *shared.directory);
    const MetricsWriter::Labels labels{{"pool", pool.name}};
    out.gauge("mctenant_pool_promised_bytes", "The quotas of a pool's tenants together.", labels,
              promise.promised);
    out.gauge("mctenant_pool_unlimited_tenants", "Tenants of a pool that have no quota.", labels,
              promise.unlimited);
    out.gauge("mctenant_pool_usable_bytes",
              "What a pool's servers can hold: their limit_maxbytes less slab overhead; 0: not known yet.",
              labels, promise.usable());
  }
}

void write_servers(const Bookkeeper& bookkeeper, MetricsWriter& out) {
  uint64_t running = 0;
  for (const auto& server : bookkeeper.servers()) {
    const std::string name = server->address().text();
    const Resync::Figures& figures = server->figures();
    running += figures.running.get();
    const auto crawls = [&](const char* result, uint64_t value) {
      out.counter("mctenant_server_crawls_total", "Crawls of a server to count its items, by result.",
                  {{"server", name}, {"result", result}}, value);
    };
    crawls("done", figures.done.get());
    crawls("failed", figures.failed.get());
    const MetricsWriter::Labels labels{{"server", name}};
    out.gauge("mctenant_server_crawl_items", "Items met by the crawl under way, or the last one.", labels,
              figures.items.get());
    out.gauge("mctenant_server_crawl_foreign_items", "… of these, not under this namespace: left alone.",
              labels, figures.foreign.get());
    out.gauge("mctenant_server_crawl_finished_timestamp_seconds", "When the last crawl ended.", labels,
              figures.finished.get());
    out.gauge("mctenant_server_eviction_watch", "1 while the server's evictions are followed.", labels,
              server->watch_figures().watching.load(std::memory_order_relaxed));
    out.counter("mctenant_server_eviction_gaps_total", "Times that evictions may have been missed.", labels,
                server->watch_figures().gaps.get());
  }
  out.gauge("mctenant_resync_running", "Servers that are being crawled.", running);
}

void write_work(const std::vector<std::unique_ptr<Worker>>& workers, const Bookkeeper& bookkeeper,
                MetricsWriter& out) {
  uint64_t probes = bookkeeper.accounting_figures().probes.get();
  for (const auto& worker : workers) probes += worker->accounting_figures().probes.get();
  out.counter("mctenant_ledger_probes_total", "Questions to servers about what their replies left open.",
              probes);
  const Janitor::Figures& figures = bookkeeper.janitor_figures();
  out.gauge("mctenant_background_deletes_pending",
            "Items of flushes and removed tenants that wait to be deleted.", figures.pending.get());
  out.counter("mctenant_background_deletes_total", "Items deleted in the background.", figures.deleted.get());
  out.counter("mctenant_background_deletes_dropped_total",
              "Items left to a later crawl, since their server was away or too many waited.",
              figures.dropped.get());
  out.counter("mctenant_background_evictions_total",
              "Items evicted in the background, after a quota was lowered.", figures.evicted.get());
}

}  // namespace

void write_ledger_figures(const Shared& shared, const std::vector<std::unique_ptr<Worker>>& workers,
                          const Bookkeeper& bookkeeper, MetricsWriter& out) {
  write_tenants(shared, out);
  write_pools(shared, out);
  write_servers(bookkeeper, out);
  write_work(workers, bookkeeper, out);
}

}  // namespace mctenant::server
