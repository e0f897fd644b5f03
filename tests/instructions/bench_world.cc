#include "instructions/bench_world.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

// The profiler counts from the entry of this function to its return (tests/instructions/run). It must keep
// its name, and be called.
extern "C" [[gnu::noinline, gnu::used]] void mctenant_counted_turn(mctenant::net::EventLoop& loop) {
  loop.turn();
}

namespace mctenant::instructions {
namespace {

upstream::Ring three_places() {
  upstream::PoolOptions options;
  for (const char* host : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
    options.servers.push_back({.address = {.host = host, .port = 11211}, .weight = 1});
  }
  auto ring = upstream::Ring::build(options);
  if (!ring) throw std::runtime_error(ring.error().message);
  return std::move(*ring);
}

}  // namespace

BenchWorld::ThreeServers::ThreeServers(upstream::Server& server)
    : servers_{&server, &server, &server}, ring_(three_places()) {}

BenchWorld::BenchWorld(uint64_t quota)
    : server_(loop_, resolver_, options_, {.address = net::parse_address(memcached_.address()).value()},
              state_, false) {
  connect_server();
  context_ = std::make_unique<support::SessionHarness>(
      support::SessionHarness::Options{.memory = quota, .pool = &pool_});
  // The password is remembered from here on.
  if (context_->sign_in() != support::status::kOk) throw std::runtime_error("no sign-in");
  client_ = connect_client();
}

upstream::PoolOptions BenchWorld::patient() {
  upstream::PoolOptions options;
  options.timeout = std::chrono::hours(1);
  return options;
}

BenchWorld::~BenchWorld() {
  for (const int fd : {client_, text_client_, visitor_}) {
    if (fd >= 0) close(fd);
  }
  while (context_->context().figures.open.get() > 0) turn();
}

void BenchWorld::connect_server() {
  bool settled = false;
  server_.start([&settled] { settled = true; });
  while (!settled) turn();
  if (!server_.ready()) throw std::runtime_error("no memcached");
  state_.set_crawling(false);
}

void BenchWorld::on_connection_ended(session::ClientConnection& ended) {
  loop_.discard(std::unique_ptr<net::Discardable>(&ended));
}

void BenchWorld::turn() {
  if (counting_) {
    mctenant_counted_turn(loop_);
  } else {
    loop_.turn();
  }
}

int BenchWorld::connect_stranger() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  loop_.post([this, fd = fds[0]] {
    // Its own, until it has ended.
    new session::ClientConnection(loop_, fd, std::make_shared<const session::ListenerTraits>(),
                                  context_->context(), *this);
  });
  return fds[1];
}

int BenchWorld::connect_client() {
  const int fd = connect_stranger();
  const auto& user = support::HarnessUsers::instance().users[0];
  exchange(fd, support::plain(user.name, user.password).bytes(), 1, support::status::kOk);
  return fd;
}

void BenchWorld::connect_text_client() {
  text_client_ = connect_stranger();
  const auto& user = support::HarnessUsers::instance().users[0];
  const std::string proof = user.name + " " + user.password;
  constexpr std::string_view kStored = "STORED\r\n";
  exchange_text("set any 0 0 " + std::to_string(proof.size()) + "\r\n" + proof + "\r\n", kStored.size(),
                kStored);
}

void BenchWorld::enter() { visitor_ = connect_client(); }

void BenchWorld::leave() {
  const uint64_t left = context_->context().figures.open.get() - 1;
  close(std::exchange(visitor_, -1));
  while (context_->context().figures.open.get() > left) turn();
}

void BenchWorld::exchange(std::string_view bytes, size_t replies, uint16_t status) {
  exchange(client_, bytes, replies, status);
}

void BenchWorld::send_all(int fd, std::string_view bytes) {
  if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error("the client can't send");
  }
}

void BenchWorld::receive(int fd) {
  turn();
  char buffer[65536];
  ssize_t got = 0;
  while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0) received_.append(buffer, static_cast<size_t>(got));
  if (got == 0) throw std::runtime_error("the client's connection was closed");
}

void BenchWorld::exchange_text(std::string_view bytes, size_t size, std::string_view begin) {
  if (text_client_ < 0) connect_text_client();
  send_all(text_client_, bytes);
  received_.clear();
  while (received_.size() < size) receive(text_client_);
  if (received_.size() != size || !received_.starts_with(begin)) {
    throw std::runtime_error("unexpected reply: " + received_);
  }
}

void BenchWorld::exchange(int fd, std::string_view bytes, size_t replies, uint16_t status) {
  send_all(fd, bytes);
  received_.clear();
  while (replies > 0) {
    receive(fd);
    size_t size = 0;
    while (auto packet = support::parse_packet(received_, size)) {
      if (packet->status != status) throw std::runtime_error("unexpected reply: " + packet->describe());
      received_.erase(0, size);
      --replies;
    }
  }
}

}  // namespace mctenant::instructions
