#include "server/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <csignal>
#include <latch>
#include <utility>

#include "admin/admin_server.h"
#include "auth/authenticator.h"
#include "base/log.h"
#include "base/scheduling.h"
#include "base/units.h"
#include "config/live.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "net/signal_handler.h"
#include "net/timer.h"
#include "server/bookkeeper.h"
#include "server/listeners.h"
#include "server/process_figures.h"
#include "server/reloader.h"
#include "server/tenancy.h"
#include "server/worker.h"
#include "store/store_thread.h"
#include "tenant/directory.h"

namespace mctenant::server {
namespace {

// Descriptors for other things than clients: listeners, server connections, the store.
constexpr rlim_t kOtherDescriptors = 256;
constexpr auto kStoreProbeInterval = std::chrono::seconds(5);
constexpr auto kFlushInterval = std::chrono::milliseconds(250);

void raise_descriptor_limit(uint32_t clients) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = clients + kOtherDescriptors;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(limit.rlim_max, wanted);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    base::log::warn(
        "the system allows {} open files, too few for limits.max_connections of {}: raise ulimit -n to {}",
        limit.rlim_cur, clients, wanted);
  }
}

int64_t unix_seconds(const base::Clock& clock) {
  return std::chrono::floor<std::chrono::seconds>(clock.wall()).time_since_epoch().count();
}

base::Expected<std::map<std::string, upstream::Ring>> make_rings(const config::Config& config) {
  std::map<std::string, upstream::Ring> rings;
  for (const upstream::PoolOptions& pool : config.pools) {
    auto ring = upstream::Ring::build(pool);
    if (!ring) return tl::unexpected(ring.error());
    rings.emplace(pool.name, std::move(*ring));
  }
  return rings;
}

}  // namespace

// Members are destroyed from the last to the first: what calls into another stands below it.
struct Server::Impl final : public Reloader::Target {
  Impl(config::Config with, std::unique_ptr<store::Store> store,
       std::map<std::string, upstream::Ring> on_rings)
      : config(std::move(with)),
        rings(std::move(on_rings)),
        books(config.workers + Bookkeeper::kObservers),
        tenancy(store->key_namespace(), config.workers + Bookkeeper::kObservers),
        passwords({.threads = config.limits.sign_in_threads,
                   .queue_length = config.limits.sign_in_queue,
                   .salt_secret = store->salt_secret()}),
        generations(std::move(store)),
        shared{config,   rings,     servers,     books, {},         config.limits,
               resolver, passwords, generations, clock, clock.now()},
        figures(shared, workers, bookkeeper, refused_connections, store_fault, reloads),
        listeners(loop, [this](int fd, const Listeners::Traits& traits) { on_client(fd, traits); }),
        store_probe(loop, [this] { probe_store(); }),
        flush_timer(loop, [this] { flush_due(); }),
        drain_deadline(loop, [this] { end(false); }) {}

  ~Impl() override {
    for (auto& worker : workers) worker->stop();
    if (bookkeeper) bookkeeper->stop();
    for (auto& worker : workers) worker->join();
    if (bookkeeper) bookkeeper->join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // Of this configuration, with what the store has of its tenants.
  void set_directory(const config::Config& wanted, const store::SettledTenants& settled);
  void expect_flushes(const std::vector<store::TenantRecord>& tenants);
  // `remembered`: all tenants of the store.
  void start_bookkeeper(std::vector<store::TenantRecord> remembered);
  void start_workers();
  base::Expected<void> listen();
  void on_client(int fd, const Listeners::Traits& traits);
  void on_stop_signal();
  void watch(ConfigFile file);
  void on_reload_signal();
  void on_drained();
  void end(bool clean);
  void probe_store();
  void flush_due();

  // As Reloader::Target.
  [[nodiscard]] std::shared_ptr<const tenant::Directory> directory() const override {
    return shared.directory;
  }
  void apply(config::Config wanted, Reloader::Done done) override;

  base::SystemClock clock;
  net::EventLoop loop;
  const config::Config config;
  const std::map<std::string, upstream::Ring> rings;
  upstream::ServerStates servers;
  quota::Books books;
  Tenancy tenancy;
  // The three below have threads that post to the loops of these two, and so are gone before they are. The
  // loops' own threads, which use them, have ended by then (~Impl).
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<Bookkeeper> bookkeeper;
  auth::PasswordChecker passwords;
  store::StoreThread generations;
  net::Resolver resolver;
  Shared shared;
  RefusedConnections refused_connections;
  StoreFault store_fault;
  ReloadFigures reloads;
  ProcessFigures figures;
  std::unique_ptr<admin::AdminServer> admin;
  Listeners listeners;
  std::vector<std::unique_ptr<net::SignalHandler>> signals;
  net::Timer store_probe;
  net::Timer flush_timer;
  std::unique_ptr<Reloader> reloader;
  net::Timer drain_deadline;
  size_t draining_workers = 0;
  bool draining = false;
  bool clean_end = true;
};

void Server::Impl::set_directory(const config::Config& wanted, const store::SettledTenants& settled) {
  log_retired(settled.retired);
  shared.directory = tenancy.make_directory(wanted, settled.living);
  shared.limits = wanted.limits;
  reloads.applied_at.set(static_cast<uint64_t>(unix_seconds(clock)));
  for (const tenant::Entry& entry : shared.directory->entries()) {
    books.open(entry.tenant->id(), static_cast<uint32_t>(unix_seconds(clock))).set_quota(entry.plan.memory);
  }
  for (auto& worker : workers) worker->set_directory(shared.directory, shared.limits);
  if (bookkeeper)
    bookkeeper->set_tenants(shared.directory, shared.limits.background_deletes, settled.retired);
}

// What the last process was asked for and has not lived to do.
void Server::Impl::expect_flushes(const std::vector<store::TenantRecord>& tenants) {
  for (const store::TenantRecord& record : tenants) {
    if (record.flush_at != 0) {
      generations.expect_flush(shared.directory->find_tenant(record.id)->tenant, record.flush_at);
    }
  }
}

// All or nothing: what can't be taken over is looked for first, then the store settles the tenants in one
// transaction, and from there on nothing fails.
void Server::Impl::apply(config::Config wanted, Reloader::Done done) {
  auto faults = config::check_live(config, *shared.directory, wanted);
  if (!faults.empty()) return done(std::move(faults));
  auto taken = std::make_shared<config::Config>(std::move(wanted));
  generations.post([this, taken = std::move(taken), done = std::move(done)](store::Store& store) mutable {
    auto settled = store.set_tenants(wanted_tenants(*taken));
    loop.post([this, taken = std::move(taken), done = std::move(done), settled = std::move(settled)] {
      if (!settled) return done(std::vector{config::Finding{"/tenants", settled.error().message}});
      raise_descriptor_limit(taken->limits.max_connections);
      set_directory(*taken, *settled);
      listeners.set_options(taken->listeners);
      base::log::info("the configuration was reloaded: {} tenants", taken->tenants.size());
      done({});
    });
  });
}

void Server::Impl::start_bookkeeper(std::vector<store::TenantRecord> remembered) {
  std::erase_if(remembered, [](const store::TenantRecord& record) { return !record.retired; });
  bookkeeper = std::make_unique<Bookkeeper>(shared, tenancy.key_namespace());
  bookkeeper->set_tenants(shared.directory, shared.limits.background_deletes, std::move(remembered));
  bookkeeper->start();
}

void Server::Impl::start_workers() {
  for (size_t i = 0; i < config.workers; ++i) workers.push_back(std::make_unique<Worker>(shared, i));
  std::latch settled(static_cast<std::ptrdiff_t>(workers.size()));
  for (auto& worker : workers) worker->start([&settled] { settled.count_down(); });
  settled.wait();
}

base::Expected<void> Server::Impl::listen() {
  if (auto opened = listeners.open(config.listeners); !opened) return opened;
  if (!config.admin) return {};
  auto opened = admin::AdminServer::open(loop, {config.admin->address, config.admin->token}, figures);
  if (!opened) return tl::unexpected(opened.error());
  admin = std::move(*opened);
  base::log::info("admin on http://{}/", admin->address().text());
  return {};
}

void Server::Impl::on_client(int fd, const Listeners::Traits& traits) {
  Worker* least = nullptr;
  uint64_t least_load = 0;
  uint64_t all = 0;
  uint64_t handshakes = 0;
  for (const auto& worker : workers) {
    const uint64_t load = worker->load();
    all += load;
    handshakes += worker->handshakes();
    if (least == nullptr || load < least_load) {
      least = worker.get();
      least_load = load;
    }
  }
  const bool too_many = all >= shared.limits.max_connections;
  if (too_many || (traits->tls && handshakes >= shared.limits.handshakes)) {
    (too_many ? refused_connections.too_many : refused_connections.too_many_handshakes).add();
    close(fd);
    return;
  }
  assert(least != nullptr);  // there is always a worker
  least->adopt(fd, traits);
}

void Server::Impl::on_stop_signal() {
  if (std::exchange(draining, true)) return end(false);
  base::log::info("stopping: no new connections; those open get {} for their last replies",
                  base::format_duration(shared.limits.drain_timeout));
  if (reloader) reloader->stop();
  listeners.close();
  draining_workers = workers.size();
  for (auto& worker : workers) {
    worker->drain([this] { loop.post([this] { on_drained(); }); });
  }
  drain_deadline.start(shared.limits.drain_timeout);
}

void Server::Impl::watch(ConfigFile file) {
  reloader = std::make_unique<Reloader>(loop, std::move(file.path), file.read, *this, reloads);
  reloader->start();
}

void Server::Impl::on_reload_signal() {
  if (!reloader) return base::log::warn("there is no file to read the configuration from again");
  if (!draining) reloader->reload();
}

void Server::Impl::on_drained() {
  if (--draining_workers == 0) end(true);
}

void Server::Impl::end(bool clean) {
  clean_end = clean;
  loop.stop();
}

void Server::Impl::probe_store() {
  generations.post([this](store::Store& store) {
    const auto result = store.probe();
    store_fault.set(result ? std::string() : result.error().message);
  });
  store_probe.start(kStoreProbeInterval);
}

void Server::Impl::flush_due() {
  generations.flush_due(unix_seconds(clock));
  flush_timer.start(kFlushInterval);
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

base::Expected<std::unique_ptr<Server>> Server::start(config::Config config, std::optional<ConfigFile> file) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);  // until run(); a file that has changed by then is noticed
  raise_descriptor_limit(config.limits.max_connections);
  if (const auto ready = auth::Authenticator::initialize(); !ready) return tl::unexpected(ready.error());
  for (upstream::PoolOptions& pool : config.pools) pool.item_size = config.limits.item_size;
  auto rings = make_rings(config);
  if (!rings) return tl::unexpected(rings.error());
  auto store = store::open_sqlite({config.state, config.key_namespace});
  if (!store) return tl::unexpected(store.error());
  // A flush whose time has come while nobody served is made before anybody is.
  if (const auto due = (*store)->flush_due(unix_seconds(base::SystemClock())); !due) {
    return tl::unexpected(due.error());
  }
  const auto settled = (*store)->set_tenants(wanted_tenants(config));
  if (!settled) return tl::unexpected(settled.error());
  auto remembered = (*store)->all_tenants();
  if (!remembered) return tl::unexpected(remembered.error());
  auto impl = std::make_unique<Impl>(std::move(config), std::move(*store), std::move(*rings));
  impl->set_directory(impl->config, *settled);
  impl->expect_flushes(settled->living);
  impl->start_bookkeeper(std::move(*remembered));
  impl->start_workers();
  if (const auto listening = impl->listen(); !listening) return tl::unexpected(listening.error());
  impl->probe_store();
  impl->flush_due();
  if (file) impl->watch(*std::move(file));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::vector<net::Address> Server::addresses() const { return impl_->listeners.addresses(); }

bool Server::run() {
  for (const int signal : {SIGTERM, SIGINT}) {
    impl_->signals.push_back(
        std::make_unique<net::SignalHandler>(impl_->loop, signal, [this] { impl_->on_stop_signal(); }));
  }
  impl_->signals.push_back(
      std::make_unique<net::SignalHandler>(impl_->loop, SIGHUP, [this] { impl_->on_reload_signal(); }));
  base::give_way();
  impl_->loop.run();
  base::log::info("stopped{}", impl_->clean_end ? "" : ": clients that still waited were cut off");
  return impl_->clean_end;
}

}  // namespace mctenant::server
