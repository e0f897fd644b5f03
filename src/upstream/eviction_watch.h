#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/counter.h"
#include "protocol/watch_line.h"
#include "upstream/back_off.h"
#include "upstream/dialogue.h"
#include "upstream/server_state.h"

namespace mctenant::upstream {

// What a server evicts, told as it happens, for the life of the process.
//
//              ┌─────────────── back-off, with jitter ───────────────┐
//              ▼                                                     │
//   start() ─► connecting ─► asking ─► watching (and auditing) ─► resting
//                   └───────────┴──────── failure ───────────────────▲
//
// A server drops lines: with a word where we read too slowly, without one where its own threads write more
// than it has room for (its -o worker_logbuf_size), and it never tells of some evictions and of a flush. So a
// second connection, the audit, asks for its counts of these every now and then. A line says which key, not
// which version: the key may have been stored again since. Belongs to its loop's thread; goes through
// EventLoop::discard().
class EvictionWatch final : public net::Discardable, private Dialogue::Handler {
 public:
  class Handler {
   public:
    // `key` is valid during the call; `size` is the value's, in bytes.
    virtual void on_evicted(std::string_view key, uint64_t size) = 0;
    // Items may have gone without a word before this: told whenever the watch begins, the first time too, and
    // when something was lost.
    virtual void on_gap() = 0;

   protected:
    ~Handler() = default;
  };

  // What any thread may read.
  struct Figures {
    std::atomic<bool> watching{false};
    base::Counter evictions;  // told
    base::Counter gaps;       // told
    base::Counter failures;   // connections or attempts that were lost
  };

  // All must outlive the watch. `audit`: between two looks at the server's counts.
  EvictionWatch(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& pool, net::Address address,
                ServerState& state, Handler& handler, base::Duration audit = std::chrono::seconds(5));

  void start();
  // Nothing is told any more.
  void cancel();

  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  // The second connection.
  class Auditor final : public Dialogue::Handler {
   public:
    explicit Auditor(EvictionWatch& watch) : watch_(watch) {}
    virtual ~Auditor() = default;
    void on_checked(const ServerInfo& info) override { watch_.compare(info); }
    void on_line(std::string_view /*line*/) override { watch_.fail("it sends what nobody asked for"); }
    void on_ended(const std::string& reason) override { watch_.fail(reason); }

   private:
    EvictionWatch& watch_;
  };
  enum class State { resting, connecting, asking, watching, cancelled };

  void set_state(State state);
  void connect();
  void begin();
  void audit();
  void compare(const ServerInfo& info);
  void tell_gap();
  void close(std::unique_ptr<Dialogue>& dialogue);
  void fail(const std::string& reason);

  void on_checked(const ServerInfo& info) override;
  void on_line(std::string_view line) override;
  void on_ended(const std::string& reason) override { fail(reason); }

  net::EventLoop& loop_;
  net::Resolver& resolver_;
  const PoolOptions& pool_;
  const net::Address address_;
  ServerState& server_state_;
  EvictionWatch::Handler& handler_;
  const base::Duration audit_interval_;
  State state_ = State::resting;
  Auditor auditor_;
  std::unique_ptr<Dialogue> watch_;
  std::unique_ptr<Dialogue> audit_;
  uint64_t untold_ = 0;  // by the server's last count
  uint16_t incarnation_ = 0;
  std::string last_reason_;
  BackOff back_off_;
  net::Timer rest_;
  net::Timer audit_timer_;
  net::Timer deadline_;  // of the answer to the request to watch
  Figures figures_;
};

}  // namespace mctenant::upstream
