#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/counter.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/timer.h"
#include "upstream/back_off.h"
#include "upstream/call_queue.h"
#include "upstream/options.h"
#include "upstream/pool.h"
#include "upstream/server_check.h"
#include "upstream/server_state.h"

namespace mctenant::upstream {

// One worker's connection to one server, made again whenever it is lost.
//
//              ┌───────────── back-off, with jitter ─────────────┐
//              ▼                                                 │
//   start ─► resolving ─► connecting ─► checking ─► ready ─► resting
//                 └────────────┴───────────┴── failure ───────────▲
//
// Replies are paired with calls by order alone. So whenever the order is in doubt (silence beyond the
// timeout, an answer that does not fit) the connection is dropped with everything on it, and a late reply
// dies with its socket.
class ServerConnection final : public Server, private net::Stream::Handler {
 public:
  // What any thread may read.
  struct Figures {
    std::atomic<bool> ready{false};
    base::Counter requests;
    base::Counter in_flight;
    base::Counter connects;  // connections that became ready
    base::Counter failures;  // connections or attempts that were lost
    base::Counter timeouts;  // … of these for silence
    base::Counter failed_requests;
    base::Counter piped_values;  // large ones that did not pass through memory
  };

  // `pool`, `state` and the resolver must outlive the connection. `spokesman`: this worker writes the log
  // lines for all.
  ServerConnection(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& pool,
                   const ServerOptions& server, ServerState& state, bool spokesman);
  ~ServerConnection() override;

  // Begins to connect. `settled` is called once, when the first attempt has ended, well or not.
  void start(std::function<void()> settled);

  [[nodiscard]] bool ready() const override { return state_ == State::ready; }
  [[nodiscard]] uint64_t item_size_max() const override { return item_size_max_; }
  [[nodiscard]] uint16_t incarnation() const override { return incarnation_; }
  [[nodiscard]] uint8_t crawl() const override { return server_state_.crawl(); }
  [[nodiscard]] bool crawling() const override { return server_state_.crawling(); }
  void send(const protocol::Request& request, std::string_view server_key, Call& call) override;

  [[nodiscard]] const Figures& figures() const { return figures_; }
  [[nodiscard]] const net::Address& address() const { return server_.address; }
  [[nodiscard]] const ServerState& state() const { return server_state_; }

 private:
  enum class State { resting, resolving, connecting, checking, ready };

  void set_state(State state);
  void resolve();
  void connect(const base::Expected<net::SocketAddress>& address);
  void fail(const std::string& reason);
  void settle();
  void on_deadline();

  void on_connected() override;
  void on_input(base::InputBuffer& in) override;
  void on_input_end() override;
  void on_ended(const std::string& error) override;

  void take_check_lines(base::InputBuffer& in);
  void finish_check();
  void take_replies(base::InputBuffer& in);
  // True if a lost request may have changed what the server stores.
  bool fail_calls();

  net::EventLoop& loop_;
  net::Resolver& resolver_;
  const PoolOptions& pool_;
  const ServerOptions server_;
  ServerState& server_state_;
  const bool spokesman_;
  State state_ = State::resting;
  std::unique_ptr<net::Stream> stream_;
  CallQueue calls_;
  std::optional<ServerCheck> check_;
  uint64_t item_size_max_ = 0;
  uint16_t incarnation_ = 0;
  base::TimePoint heard_{};  // when the server last sent anything
  net::Timer deadline_;      // of the attempt to connect; of the oldest call
  net::Timer rest_;
  std::string last_reason_;
  BackOff back_off_;
  std::function<void()> settled_;
  Figures figures_;
  std::shared_ptr<const bool> alive_ =
      std::make_shared<bool>();  // gone with this: no answer of the resolver's comes
};

}  // namespace mctenant::upstream
