#include "server/worker.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

namespace mctenant::server {

Worker::Worker(const Shared& shared, size_t number)
    : directory_(shared.directory),
      accounting_(shared.books, static_cast<quota::Observer>(number), shared.clock),
      authenticator_(*this, shared.passwords, loop_) {
  limits = shared.limits;
  worker = number;
  workers = shared.config.workers;
  authenticator = &authenticator_;
  generations = &shared.generations;
  accounting = &accounting_;
  executor = &loop_;
  clock = &shared.clock;
  started = shared.started;
  for (const upstream::PoolOptions& options : shared.config.pools) {
    pools_.try_emplace(options.name, loop_, shared.resolver, options, shared.rings.at(options.name),
                       shared.servers, number == 0);
  }
}

Worker::~Worker() {
  while (connections_ != nullptr) delete std::exchange(connections_, connections_->next);
}

void Worker::start(const std::function<void()>& settled) {
  auto left = std::make_shared<size_t>(pools_.size());
  for (auto& [name, pool] : pools_) {
    pool.start([left, settled] {
      if (--*left == 0) settled();
    });
  }
  thread_ = std::thread([this] { loop_.run(); });
  pthread_setname_np(thread_.native_handle(), ("worker-" + std::to_string(worker)).c_str());
}

void Worker::adopt(int fd, std::shared_ptr<const session::ListenerTraits> traits) {
  handed_over_.fetch_add(1, std::memory_order_relaxed);
  if (traits->tls) handed_over_for_tls_.fetch_add(1, std::memory_order_relaxed);
  loop_.post([this, fd, traits = std::move(traits)]() mutable {
    if (draining_) {
      close(fd);
      Context::figures.opened.add();
      if (traits->tls) Context::figures.handshakes_settled.add();
      return;
    }
    // Owned by the list.
    auto* connection = new session::ClientConnection(loop_, fd, std::move(traits), *this, *this);
    connection->next = connections_;
    if (connections_ != nullptr) connections_->previous = connection;
    connections_ = connection;
  });
}

uint64_t Worker::load() const {
  const uint64_t queued = handed_over_.load(std::memory_order_relaxed) - figures().opened.get();
  return figures().open.get() + queued;
}

uint64_t Worker::handshakes() const {
  return handed_over_for_tls_.load(std::memory_order_relaxed) - figures().handshakes_settled.get();
}

void Worker::on_connection_ended(session::ClientConnection& connection) {
  (connection.previous == nullptr ? connections_ : connection.previous->next) = connection.next;
  if (connection.next != nullptr) connection.next->previous = connection.previous;
  loop_.discard(std::unique_ptr<net::Discardable>(&connection));
  if (draining_ && connections_ == nullptr && drained_) std::exchange(drained_, nullptr)();
}

void Worker::drain(std::function<void()> drained) {
  loop_.post([this, drained = std::move(drained)]() mutable {
    draining_ = true;
    if (connections_ == nullptr) return drained();
    drained_ = std::move(drained);
    for (auto* connection = connections_; connection != nullptr; connection = connection->next)
      connection->drain();
  });
}

void Worker::set_directory(std::shared_ptr<const tenant::Directory> directory,
                           const session::Limits& new_limits) {
  loop_.post([this, directory = std::move(directory), new_limits]() mutable {
    directory_ = std::move(directory);
    limits = new_limits;
    for (auto* connection = connections_; connection != nullptr; connection = connection->next)
      connection->on_directory_changed();
  });
}

void Worker::stop() { loop_.stop(); }

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

upstream::Pool* Worker::pool(std::string_view name) {
  const auto found = pools_.find(name);
  return found == pools_.end() ? nullptr : &found->second;
}

bool Worker::any_pool_can_serve() const {
  return std::any_of(pools_.begin(), pools_.end(), [](const auto& pool) { return pool.second.can_serve(); });
}

}  // namespace mctenant::server
