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
#include "base/units.h"
#include "net/event_loop.h"
#include "net/listener.h"
#include "net/resolver.h"
#include "net/signal_handler.h"
#include "net/timer.h"
#include "server/process_figures.h"
#include "server/worker.h"
#include "store/store_thread.h"
#include "tenant/directory.h"

namespace mctenant::server {
namespace {

// Descriptors for other things than clients: listeners, server connections, the store.
constexpr rlim_t kOtherDescriptors = 256;
constexpr auto kStoreProbeInterval = std::chrono::seconds(5);

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

base::Expected<std::shared_ptr<const tenant::Directory>> make_directory(store::Store& store,
                                                                        const config::Config& config) {
  std::vector<tenant::Entry> entries;
  for (const config::TenantConfig& tenant : config.tenants) {
    const auto record = store.ensure_tenant(tenant.name, tenant.id);
    if (!record) return tl::unexpected(record.error());
    entries.push_back({std::make_shared<tenant::Tenant>(tenant.name, record->id, record->generation,
                                                        store.key_namespace(), config.workers),
                       tenant.plan, tenant.credentials});
  }
  return std::make_shared<const tenant::Directory>(std::move(entries));
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
struct Server::Impl {
  Impl(config::Config with, std::unique_ptr<store::Store> store,
       std::shared_ptr<const tenant::Directory> tenants, std::map<std::string, upstream::Ring> on_rings)
      : config(std::move(with)),
        rings(std::move(on_rings)),
        directory(std::move(tenants)),
        passwords({.threads = config.limits.sign_in_threads, .queue_length = config.limits.sign_in_queue}),
        generations(std::move(store)),
        shared{config, rings, directory, resolver, passwords, generations, clock, clock.now()},
        figures(shared, workers, refused_connections, store_fault),
        store_probe(loop, [this] { probe_store(); }),
        drain_deadline(loop, [this] { end(false); }) {}

  ~Impl() {
    for (auto& worker : workers) worker->stop();
    for (auto& worker : workers) worker->join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start_workers();
  base::Expected<void> listen();
  void on_client(int fd);
  void on_stop_signal();
  void on_drained();
  void end(bool clean);
  void probe_store();

  base::SystemClock clock;
  net::EventLoop loop;
  const config::Config config;
  const std::map<std::string, upstream::Ring> rings;
  const std::shared_ptr<const tenant::Directory> directory;
  // The three below have threads that post to the workers' loops, and so are gone before these are. The
  // workers' own threads, which use them, have ended by then (~Impl).
  std::vector<std::unique_ptr<Worker>> workers;
  auth::PasswordChecker passwords;
  store::StoreThread generations;
  net::Resolver resolver;
  Shared shared;
  base::Counter refused_connections;
  StoreFault store_fault;
  ProcessFigures figures;
  std::unique_ptr<admin::AdminServer> admin;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  std::vector<std::unique_ptr<net::SignalHandler>> signals;
  net::Timer store_probe;
  net::Timer drain_deadline;
  size_t draining_workers = 0;
  bool draining = false;
  bool clean_end = true;
};

void Server::Impl::start_workers() {
  for (size_t i = 0; i < config.workers; ++i) workers.push_back(std::make_unique<Worker>(shared, i));
  std::latch settled(static_cast<std::ptrdiff_t>(workers.size()));
  for (auto& worker : workers) worker->start([&settled] { settled.count_down(); });
  settled.wait();
}

base::Expected<void> Server::Impl::listen() {
  for (const config::Listener& options : config.listeners) {
    auto listener = net::Listener::open(loop, options.address, [this](int fd) { on_client(fd); });
    if (!listener) return tl::unexpected(listener.error());
    base::log::info("listening on {}", (*listener)->address().text());
    listeners.push_back(std::move(*listener));
  }
  if (!config.admin) return {};
  auto opened = admin::AdminServer::open(loop, {config.admin->address, config.admin->token}, figures);
  if (!opened) return tl::unexpected(opened.error());
  admin = std::move(*opened);
  base::log::info("admin on http://{}/", admin->address().text());
  return {};
}

void Server::Impl::on_client(int fd) {
  Worker* least = nullptr;
  uint64_t least_load = 0;
  uint64_t all = 0;
  for (const auto& worker : workers) {
    const uint64_t load = worker->load();
    all += load;
    if (least == nullptr || load < least_load) {
      least = worker.get();
      least_load = load;
    }
  }
  if (all >= config.limits.max_connections) {
    refused_connections.add();
    close(fd);
    return;
  }
  assert(least != nullptr);  // there is always a worker
  least->adopt(fd);
}

void Server::Impl::on_stop_signal() {
  if (std::exchange(draining, true)) return end(false);
  base::log::info("stopping: no new connections; those open get {} for their last replies",
                  base::format_duration(config.limits.drain_timeout));
  listeners.clear();
  draining_workers = workers.size();
  for (auto& worker : workers) {
    worker->drain([this] { loop.post([this] { on_drained(); }); });
  }
  drain_deadline.start(config.limits.drain_timeout);
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

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

base::Expected<std::unique_ptr<Server>> Server::start(config::Config config) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit(config.limits.max_connections);
  if (const auto ready = auth::Authenticator::initialize(); !ready) return tl::unexpected(ready.error());
  for (upstream::PoolOptions& pool : config.pools) pool.item_size = config.limits.item_size;
  auto rings = make_rings(config);
  if (!rings) return tl::unexpected(rings.error());
  auto store = store::open_sqlite({config.state, config.key_namespace});
  if (!store) return tl::unexpected(store.error());
  auto directory = make_directory(**store, config);
  if (!directory) return tl::unexpected(directory.error());
  auto impl =
      std::make_unique<Impl>(std::move(config), std::move(*store), std::move(*directory), std::move(*rings));
  impl->start_workers();
  if (const auto listening = impl->listen(); !listening) return tl::unexpected(listening.error());
  impl->probe_store();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::vector<net::Address> Server::addresses() const {
  std::vector<net::Address> addresses;
  for (const auto& listener : impl_->listeners) addresses.push_back(listener->address());
  return addresses;
}

bool Server::run() {
  for (const int signal : {SIGTERM, SIGINT}) {
    impl_->signals.push_back(
        std::make_unique<net::SignalHandler>(impl_->loop, signal, [this] { impl_->on_stop_signal(); }));
  }
  impl_->signals.push_back(std::make_unique<net::SignalHandler>(impl_->loop, SIGHUP, [] {
    base::log::warn("the configuration is read at the start only: restart mctenant to apply a change");
  }));
  impl_->loop.run();
  base::log::info("stopped{}", impl_->clean_end ? "" : ": clients that still waited were cut off");
  return impl_->clean_end;
}

}  // namespace mctenant::server
