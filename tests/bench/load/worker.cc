#include "load/worker.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "client/time.h"
#include "load/connection.h"
#include "load/open_connection.h"

namespace mctenant::bench {
namespace {

constexpr size_t kReceiveSize = size_t{256} << 10;
constexpr size_t kPreloadBytes = size_t{128} << 10;
constexpr uint64_t kPatienceNs = 5'000'000'000;
constexpr uint64_t kTickNs = 100'000'000;

std::string status_of(const LoadReply& reply) { return ", status " + std::to_string(reply.status); }

}  // namespace

Worker::Worker(const LoadOptions& options, const Window& window, size_t index)
    : options_(options),
      window_(window),
      index_(index),
      uniform_(options, Random::mix(options.seed + 1000 * index)),
      buffer_(kReceiveSize) {}

Worker::~Worker() {
  for (const auto& connection : connections_) {
    if (connection->fd >= 0) close(connection->fd);
  }
}

base::Expected<void> Worker::connect() {
  if (!options_.tenants.empty()) return connect_tenants();
  const size_t users = options_.users.size();
  for (size_t number = index_; number < options_.connections; number += options_.threads) {
    const User* user = users == 0 ? nullptr : &options_.users[number % users];
    if (auto opened = open(user, uniform_); !opened) return opened;
    // A user's keys are dealt to the user's connections.
    const size_t alike = std::max<size_t>(1, users);
    const size_t sharing = (options_.connections - number % alike + alike - 1) / alike;
    connections_.back()->deal(number / alike, sharing, options_.keys);
  }
  return {};
}

base::Expected<void> Worker::connect_tenants() {
  text_.resize(MixedTraffic::kLargestValue);
  Random random(options_.seed);
  for (char& byte : text_) byte = static_cast<char>('a' + random.below(26));
  size_t number = 0;
  for (size_t tenant = 0; tenant < options_.tenants.size(); ++tenant) {
    const MixTenant& with = options_.tenants[tenant];
    for (size_t share = 0; share < with.connections; ++share, ++number) {
      if (number % options_.threads != index_) continue;
      mixed_.push_back(std::make_unique<MixedTraffic>(with, tenant, options_.protocol, text_,
                                                      Random::mix(options_.seed + 1000 * number)));
      const User* user = with.user.name.empty() ? nullptr : &with.user;
      if (auto opened = open(user, *mixed_.back()); !opened) return opened;
      connections_.back()->deal(share, with.connections, with.keys);
    }
  }
  return {};
}

base::Expected<void> Worker::open(const User* user, Traffic& traffic) {
  auto fd = open_connection(options_.address, user);
  if (!fd) return tl::unexpected(fd.error());
  connections_.push_back(std::make_unique<Connection>(*fd, traffic, options_));
  poller_.add(*fd, EPOLLIN, connections_.back().get());
  return {};
}

void Worker::preload() {
  phase_ = Phase::kPreload;
  const uint64_t now = now_ns();
  for (const auto& connection : connections_) refill(*connection, now);
  uint64_t last_event = now;
  while (busy_ > 0) {
    const auto events = poller_.wait(kTickNs);
    for (const epoll_event& event : events) serve(*static_cast<Connection*>(event.data.ptr), event.events);
    if (!events.empty()) last_event = now_ns();
    if (now_ns() - last_event > kPatienceNs) {
      result_.error("the preload stood still for 5 s");
      return;
    }
  }
}

void Worker::run(uint64_t start) {
  phase_ = Phase::kLoad;
  start_ = start;
  const bool open_loop = options_.rate > 0;
  if (!open_loop) {
    for (const auto& connection : connections_) refill(*connection, now_ns());
  }
  for (uint64_t now = now_ns(); !window_.over(now); now = now_ns()) {
    uint64_t patience = kTickNs;
    if (open_loop) {
      send_due(now);
      const uint64_t due = due_time(next_arrival_);
      patience = std::min(patience, due > now ? due - now : 0);
    }
    for (const epoll_event& event : poller_.wait(patience)) {
      serve(*static_cast<Connection*>(event.data.ptr), event.events);
    }
  }
  if (open_loop) drain(now_ns() + kPatienceNs);
}

// What was due in the window is waited for, or the slowest replies would be left out.
void Worker::drain(uint64_t deadline) {
  phase_ = Phase::kDrain;
  while (busy_ > 0 && now_ns() < deadline) {
    for (const epoll_event& event : poller_.wait(kTickNs)) {
      serve(*static_cast<Connection*>(event.data.ptr), event.events);
    }
  }
  for (const auto& connection : connections_) {
    for (size_t i = connection->under_way() + connection->late.size(); i > 0; --i)
      result_.error("never answered");
  }
}

void Worker::serve(Connection& connection, uint32_t events) {
  if (connection.fd < 0) return;
  if ((events & EPOLLOUT) != 0) flush(connection);
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0 && connection.fd >= 0) receive(connection);
}

void Worker::receive(Connection& connection) {
  const ssize_t count = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (count <= 0) {
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    return lose(connection, count == 0 ? "the server closed the connection" : std::strerror(errno));
  }
  const uint64_t now = now_ns();
  const bool understood =
      connection.reader.feed(buffer_.data(), static_cast<size_t>(count), [&](const LoadReply& reply) {
        options_.multi_get ? on_multi_get_reply(connection, reply, now) : on_reply(connection, reply, now);
      });
  if (!understood) return lose(connection, "the reply was not understood");
  refill(connection, now);
}

void Worker::on_reply(Connection& connection, const LoadReply& reply, uint64_t now) {
  if (connection.under_way() == 0) return result_.error("a reply to nothing");
  if (options_.protocol == Protocol::kBinary && reply.opaque != static_cast<uint32_t>(connection.answered)) {
    result_.error("a reply out of order");
  }
  answer(connection, reply, now);
}

// Misses show in the end only: in text nothing tells which they were, and nothing hangs on it.
void Worker::on_multi_get_reply(Connection& connection, const LoadReply& reply, uint64_t now) {
  if (connection.under_way() == 0 && !connection.multi_get_left) return result_.error("a reply to nothing");
  const Sent& front = connection.sent[connection.answered % connection.sent.size()];
  if (reply.kind != LoadReply::kEnd) {
    if (reply.kind == LoadReply::kHit) connection.multi_get_left = front.rest;
    return answer(connection, reply, now);
  }
  const uint32_t missed = connection.multi_get_left.value_or(front.rest + 1);
  connection.multi_get_left.reset();
  for (uint32_t i = 0; i < missed && connection.under_way() > 0; ++i)
    answer(connection, {.kind = LoadReply::kMiss}, now);
}

void Worker::answer(Connection& connection, const LoadReply& reply, uint64_t now) {
  const Sent sent = connection.sent[connection.answered++ % connection.sent.size()];
  if (connection.under_way() == 0) --busy_;
  const char* const wrong = connection.traffic.take(sent, reply);
  const bool open_loop = options_.rate > 0;
  const uint64_t counted_at = open_loop ? sent.at : now;
  if (phase_ == Phase::kPreload) {
    if (reply.kind != LoadReply::kStored) result_.error("a key could not be preloaded" + status_of(reply));
  } else if (window_.holds(counted_at)) {
    result_.latency.add(now - sent.at);
    count(sent, reply, wrong);
  }
}

void Worker::count(const Sent& sent, const LoadReply& reply, const char* wrong) {
  is_get(sent.command) ? ++result_.gets : ++result_.sets;
  if (reply.kind == LoadReply::kMiss) ++result_.misses;
  if (wrong != nullptr) result_.error(wrong + status_of(reply));
}

void Worker::refill(Connection& connection, uint64_t now) {
  if (phase_ == Phase::kPreload) {
    refill_preload(connection, now);
  } else if (options_.rate > 0) {
    while (!connection.late.empty() && connection.under_way() < options_.depth) {
      append_request(connection, connection.late.front());
      connection.late.pop_front();
    }
  } else if (!window_.over(now) && (options_.window || connection.under_way() == 0)) {
    if (options_.multi_get) append_batch(connection, now);
    while (connection.under_way() < options_.depth) append_request(connection, now);
  }
  flush(connection);
}

void Worker::refill_preload(Connection& connection, uint64_t now) {
  if (connection.under_way() > 0) return;
  while (connection.preload_left > 0 && connection.under_way() < Connection::kPreloadDepth &&
         connection.out.size() < kPreloadBytes) {
    --connection.preload_left;
    const uint64_t key = connection.preload_from + connection.preload_left * connection.preload_step;
    append(connection, now,
           [&](uint32_t opaque) { return connection.traffic.append_set(connection.out, key, opaque); });
  }
}

// Request n of all is due at start + n / rate, on connection n modulo their count, whatever became of those
// before it.
void Worker::send_due(uint64_t now) {
  while (due_time(next_arrival_) <= now) {
    Connection& connection = *connections_[next_arrival_ % connections_.size()];
    const uint64_t due = due_time(next_arrival_++);
    if (connection.fd < 0) {
      result_.error("no connection");
    } else if (connection.under_way() < options_.depth) {
      append_request(connection, due);
      flush(connection);
    } else {
      connection.late.push_back(due);
    }
  }
}

uint64_t Worker::due_time(uint64_t arrival) const {
  const double share = static_cast<double>(connections_.size()) / static_cast<double>(options_.connections);
  return start_ + static_cast<uint64_t>(static_cast<double>(arrival) * 1e9 / (options_.rate * share));
}

void Worker::append_request(Connection& connection, uint64_t at) {
  append(connection, at,
         [&](uint32_t opaque) { return connection.traffic.append_next(connection.out, opaque); });
}

void Worker::append_batch(Connection& connection, uint64_t at) {
  const auto opaque = static_cast<uint32_t>(connection.appended);
  ++busy_;
  for (Sent sent : uniform_.append_batch(connection.out, options_.depth, opaque)) {
    sent.at = at;
    connection.sent[connection.appended++ % connection.sent.size()] = sent;
  }
}

template <class Write>
void Worker::append(Connection& connection, uint64_t at, Write&& write) {
  if (connection.under_way() == 0) ++busy_;
  Sent& sent = connection.sent[connection.appended % connection.sent.size()];
  sent = write(static_cast<uint32_t>(connection.appended++));
  sent.at = at;
}

void Worker::flush(Connection& connection) {
  while (connection.out_at < connection.out.size()) {
    const ssize_t count = send(connection.fd, connection.out.data() + connection.out_at,
                               connection.out.size() - connection.out_at, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return lose(connection, std::strerror(errno));
      break;
    }
    connection.out_at += static_cast<size_t>(count);
  }
  const bool left = connection.out_at < connection.out.size();
  if (!left) {
    connection.out.clear();
    connection.out_at = 0;
  }
  if (left != connection.wants_write) {
    connection.wants_write = left;
    poller_.change(connection.fd, left ? EPOLLIN | EPOLLOUT : EPOLLIN, &connection);
  }
}

void Worker::lose(Connection& connection, const char* why) {
  ++result_.lost_connections;
  for (size_t i = connection.under_way(); i > 0; --i) result_.error(why);
  if (connection.under_way() > 0) --busy_;
  connection.answered = connection.appended;
  close(connection.fd);
  connection.fd = -1;
}

}  // namespace mctenant::bench
