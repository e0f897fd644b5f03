#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "client/random.h"
#include "verify/channel.h"
#include "verify/expectation.h"
#include "verify/findings.h"
#include "verify/options.h"
#include "verify/own_keys.h"
#include "verify/shared_keys.h"

namespace mctenant::bench {

// One connection of the run: sends batches of commands, and holds every reply against what was expected.
//
//   kNew → kRunning → kSettling → kSettled → kLeaving → kLeft        any → kFailed
//
// Settling: a NOOP stands behind everything. Leaving: own keys are deleted, QUIT is sent, the server is to
// close.
class Actor {
 public:
  enum class State { kNew, kRunning, kSettling, kSettled, kLeaving, kLeft, kFailed };

  struct Place {
    // Which of the tenants, and which of the tenant's `peers` connections.
    size_t tenant;
    size_t rank;
    size_t peers;
    uint64_t run;
  };

  Actor(const VerifyOptions& options, const Place& place, SharedTruth& truth, Findings& findings,
        Poller& poller, uint64_t seed);

  base::Expected<void> start();
  void serve(uint32_t events);
  // To be called every few milliseconds: pauses end, and a server that answers nothing for long is noticed.
  void tick(uint64_t now);

  // No more commands; a NOOP, so that the quiet ones are settled too.
  void settle();
  // The shared counter and log are compared with what was done. To be called once all actors are settled.
  void audit();
  void leave();

  State state() const { return state_; }
  bool signed_in() const { return signed_in_; }
  bool over() const { return state_ == State::kLeft || state_ == State::kFailed; }

 private:
  struct Pending {
    uint64_t number;
    uint32_t opaque;
    Opcode opcode;
    std::string key;
    Expectation expected;
  };

  void send(Command command);
  void send_plain(Opcode opcode);
  void send_sign_in();
  void more();
  Command choose();
  Command odd_command();
  void on_reply(const Reply& reply);
  void judge(Pending& pending, const Reply& reply);
  void pass_over(Pending& pending);
  void on_closed();
  void fail(const std::string& why);
  std::string where(const Pending& pending) const;

  const VerifyOptions& options_;
  const Place place_;
  Findings& findings_;
  SharedTruth& truth_;
  Random random_;
  Channel channel_;
  OwnKeys own_;
  SharedKeys shared_;
  std::deque<Pending> pending_;
  State state_ = State::kNew;
  bool signed_in_ = false;
  uint64_t next_number_ = 0;
  uint64_t opaque_base_;
  size_t refill_below_ = 0;
  uint64_t last_progress_ = 0;
};

}  // namespace mctenant::bench
