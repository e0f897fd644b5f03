#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/event_loop.h"
#include "net/timer.h"
#include "quota/pool_promise.h"
#include "server/janitor.h"
#include "server/known_tenants.h"
#include "server/resync.h"
#include "server/worker.h"
#include "session/accounting.h"
#include "store/store.h"
#include "tenant/directory.h"
#include "upstream/server_pool.h"

namespace mctenant::server {

// Beside the workers, one thread that keeps the ledgers true: it crawls servers (Resync), deletes in the
// background (Janitor), lets expired items go, and compares what pools have promised with what they hold. It
// has connections to the servers of its own, so that none of this stands in a worker's way.
class Bookkeeper {
 public:
  // Observers that a bookkeeper is, beside the workers.
  static constexpr size_t kObservers = 1;

  Bookkeeper(const Shared& shared, std::string key_namespace);
  ~Bookkeeper();  // after stop() and join()
  Bookkeeper(const Bookkeeper&) = delete;
  Bookkeeper& operator=(const Bookkeeper&) = delete;

  void start();

  // All below: any thread.

  // The tenants from now on; of `retired`, which need not be told again, the items go.
  void set_tenants(std::shared_ptr<const tenant::Directory> directory, uint32_t deletes_a_second,
                   std::vector<store::TenantRecord> retired);
  void stop();
  // Waits for the thread, after stop().
  void join();

  // Once started, these are what they are.
  [[nodiscard]] const std::vector<std::unique_ptr<Resync>>& servers() const { return servers_; }
  [[nodiscard]] const Janitor::Figures& janitor_figures() const { return janitor_.figures(); }
  [[nodiscard]] const session::Accounting::Figures& accounting_figures() const {
    return accounting_.figures();
  }
  // The pool's promise at this moment.
  [[nodiscard]] static quota::PoolPromise promise(const Shared& shared, const upstream::PoolOptions& pool,
                                                  const tenant::Directory& directory);

 private:
  void take_over(const std::shared_ptr<const tenant::Directory>& directory, uint32_t deletes_a_second,
                 const std::vector<store::TenantRecord>& retired);
  void retire(const store::TenantRecord& record);
  void turn();
  void expire();
  void check_promises();

  const Shared& shared_;
  net::EventLoop loop_;
  session::Accounting accounting_;
  KnownTenants tenants_;
  Janitor janitor_;
  std::map<std::string, upstream::ServerPool, std::less<>> pools_;  // fail what is under way at their end
  std::vector<std::unique_ptr<Resync>> servers_;
  std::shared_ptr<const tenant::Directory> directory_;
  std::map<std::string, quota::PoolPromise, std::less<>> warned_;
  base::Duration forget_interval_;
  base::TimePoint forgotten_{};
  net::Timer timer_;
  std::thread thread_;
};

}  // namespace mctenant::server
