#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_loop.h"
#include "net/resolver.h"
#include "session/client_connection.h"
#include "support/binary_packet.h"
#include "support/memcached_process.h"
#include "support/session_harness.h"
#include "upstream/pool.h"
#include "upstream/ring.h"
#include "upstream/server_connection.h"

namespace mctenant::instructions {

// What one worker is made of, before a real memcached, with one client: all on one thread, and turned by
// hand. Nothing happens but what a request brings about, so that a request takes the same instructions each
// time.
class BenchWorld final : private session::ClientConnection::Owner {
 public:
  // `quota` of the tenant, in bytes; 0: none. The client is signed in.
  explicit BenchWorld(uint64_t quota);
  ~BenchWorld();
  BenchWorld(const BenchWorld&) = delete;
  BenchWorld& operator=(const BenchWorld&) = delete;

  // Turns of the loop are told to the profiler from now on.
  void start_counting() { counting_ = true; }
  void stop_counting() { counting_ = false; }

  // The client sends `bytes` and gets `replies` packets, each with that status; throws if it gets others.
  void exchange(std::string_view bytes, size_t replies, uint16_t status);
  // A client of the text and meta protocols sends `bytes` and gets `size` bytes that begin so; throws if it
  // gets others.
  void exchange_text(std::string_view bytes, size_t size, std::string_view begin);
  // Another client connects and signs in with a remembered password; leave() closes its connection.
  void enter();
  void leave();

  // Items that were evicted for others.
  [[nodiscard]] uint64_t evictions() const {
    return context_->context().accounting->figures().evictions.get();
  }

 private:
  // Keys are placed among three servers, which are one.
  class ThreeServers final : public upstream::Pool {
   public:
    explicit ThreeServers(upstream::Server& server);
    [[nodiscard]] upstream::Server& place(std::string_view server_key) override {
      return *servers_[ring_.place(server_key)];
    }
    [[nodiscard]] bool can_serve() const override { return servers_[0]->ready(); }

   private:
    std::array<upstream::Server*, 3> servers_;
    upstream::Ring ring_;
  };

  [[nodiscard]] static upstream::PoolOptions patient();
  void on_connection_ended(session::ClientConnection& ended) override;
  void connect_server();
  // Connects a client and signs it in; its descriptor.
  [[nodiscard]] int connect_client();
  void connect_text_client();
  // Connects a client; its descriptor.
  [[nodiscard]] int connect_stranger();
  static void send_all(int fd, std::string_view bytes);
  // Turns the loop once, and takes what has come.
  void receive(int fd);
  void turn();
  void exchange(int fd, std::string_view bytes, size_t replies, uint16_t status);

  bool counting_ = false;
  const support::MemcachedProcess memcached_{{.unix_socket = true}};
  net::EventLoop loop_;
  net::Resolver resolver_;
  const upstream::PoolOptions options_ = patient();  // no timer runs out while it counts
  upstream::ServerState state_;
  upstream::ServerConnection server_;
  ThreeServers pool_{server_};
  std::unique_ptr<support::SessionHarness> context_;
  std::string received_;
  int client_ = -1;
  int text_client_ = -1;  // once it is wanted
  int visitor_ = -1;
};

}  // namespace mctenant::instructions
