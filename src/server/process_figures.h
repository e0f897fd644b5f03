#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "admin/figures.h"
#include "base/counter.h"
#include "server/bookkeeper.h"
#include "server/reloader.h"
#include "server/worker.h"

namespace mctenant::server {

// Why the store can't be written to, as last seen; empty if it can. Thread-safe.
class StoreFault {
 public:
  void set(std::string fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
  }
  [[nodiscard]] std::string get() const {
    const std::lock_guard lock(mutex_);
    return fault_;
  }

 private:
  mutable std::mutex mutex_;
  std::string fault_;
};

// Connections that were closed at once, on the main thread.
struct RefusedConnections {
  base::Counter too_many;
  base::Counter too_many_handshakes;
};

// What the admin address shows, gathered from the workers when it is asked for. On the main thread.
class ProcessFigures final : public admin::Figures {
 public:
  // All must outlive this.
  ProcessFigures(const Shared& shared, const std::vector<std::unique_ptr<Worker>>& workers,
                 const std::unique_ptr<Bookkeeper>& bookkeeper, const RefusedConnections& refused_connections,
                 const StoreFault& store_fault, const ReloadFigures& reloads)
      : shared_(shared),
        workers_(workers),
        bookkeeper_(bookkeeper),
        refused_connections_(refused_connections),
        store_fault_(store_fault),
        reloads_(reloads) {}

  [[nodiscard]] std::vector<std::string> not_ready() override;
  void write(admin::MetricsWriter& out) override;

 private:
  void write_process(admin::MetricsWriter& out) const;
  void write_reloads(admin::MetricsWriter& out) const;
  void write_clients(admin::MetricsWriter& out) const;
  void write_tls(admin::MetricsWriter& out) const;
  void write_sign_ins(admin::MetricsWriter& out) const;
  void write_servers(admin::MetricsWriter& out) const;
  void write_tenants(admin::MetricsWriter& out) const;

  const Shared& shared_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  const std::unique_ptr<Bookkeeper>& bookkeeper_;
  const RefusedConnections& refused_connections_;
  const StoreFault& store_fault_;
  const ReloadFigures& reloads_;
};

}  // namespace mctenant::server
