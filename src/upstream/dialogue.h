#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/timer.h"
#include "upstream/options.h"
#include "upstream/server_check.h"

namespace mctenant::upstream {

// A connection to a server beside those that carry clients' requests, for what is said in lines of text.
//
//   start() ─► resolving ─► connecting ─► checking ─► open ─► ended
//                  │             │          ▲ │        │ │       ▲
//                  │             │          └─┼─check()┘ │       │
//                  └─────────────┴────────────┴──failure─┴─end()─┘
//
// Made for one connection: who wants another makes another. Belongs to its loop's thread; while the loop
// runs, it goes through EventLoop::discard().
class Dialogue final : public net::Discardable, private net::Stream::Handler {
 public:
  class Handler {
   public:
    // The server has answered ServerCheck's questions, and has no fault. After start() and each check().
    virtual void on_checked(const ServerInfo& info) = 0;
    // A line in open state, without its end (\n or \r\n); valid during the call.
    virtual void on_line(std::string_view line) = 0;
    // The connection is gone, or never came to be; the last call, once. Never from inside another.
    virtual void on_ended(const std::string& reason) = 0;

   protected:
    ~Handler() = default;
  };

  // All must outlive the dialogue, or the last turn of the loop. Of `pool` the timeouts are used.
  Dialogue(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& pool, net::Address address,
           Handler& handler);

  void start();
  // In open state. All of a turn leave in one write.
  void send(std::string_view text);
  // Asks ServerCheck's questions again; in open state, with no other answer to come.
  void check();
  // Nothing but on_ended() comes any more, at the end of the turn; while still resolving, nothing at all.
  void end(std::string reason);

  // When the server last sent anything.
  [[nodiscard]] base::TimePoint heard() const { return heard_; }

 private:
  enum class State { resolving, connecting, checking, open, ended };

  void set_state(State state) { state_ = state; }
  void connect(const base::Expected<net::SocketAddress>& address);
  void ask();
  void take_line(std::string_view line);

  void on_connected() override;
  void on_input(base::InputBuffer& in) override;
  void on_input_end() override;
  void on_ended(const std::string& error) override;

  net::EventLoop& loop_;
  net::Resolver& resolver_;
  const PoolOptions& pool_;
  const net::Address address_;
  Handler& handler_;
  State state_ = State::resolving;
  std::unique_ptr<net::Stream> stream_;
  std::optional<ServerCheck> check_;
  base::TimePoint heard_{};
  net::Timer deadline_;  // of connecting, of the check
  std::shared_ptr<const bool> alive_ =
      std::make_shared<bool>();  // gone with this: no answer of the resolver's comes
};

}  // namespace mctenant::upstream
