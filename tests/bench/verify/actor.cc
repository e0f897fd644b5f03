#include "verify/actor.h"

#include <algorithm>

#include "client/time.h"

namespace mctenant::bench {
namespace {

constexpr uint64_t kPatienceNs = 10'000'000'000;
constexpr size_t kMostUnsent = size_t{2} << 20;

}  // namespace

Actor::Actor(const VerifyOptions& options, const Place& place, SharedTruth& truth, Findings& findings,
             Poller& poller, uint64_t seed)
    : options_(options),
      place_(place),
      findings_(findings),
      truth_(truth),
      random_(Random::mix(seed)),
      channel_(poller, this, random_.next()),
      own_(options, place.run, place.tenant, place.rank, random_.next()),
      shared_(truth, findings, place.rank, place.peers, random_.next()),
      opaque_base_(random_.next()) {}

base::Expected<void> Actor::start() {
  if (auto connected = channel_.connect(options_.address); !connected) return connected;
  state_ = State::kRunning;
  last_progress_ = now_ns();
  if (options_.users.empty()) {
    signed_in_ = true;
  } else {
    send_sign_in();
  }
  // Half of the clients don't wait for the answer to their sign-in.
  if (signed_in_ || random_.one_in(2)) more();
  channel_.flush();
  return {};
}

void Actor::send_sign_in() {
  Command command{.opcode = Opcode::kSaslAuth, .key = "PLAIN"};
  command.value = std::make_shared<const std::string>(plain_response(options_.users[place_.tenant]));
  command.expected.check = [this](const Reply& reply) {
    signed_in_ = reply.header.status == kOk;
    return check_status(reply, kOk);
  };
  send(std::move(command));
}

void Actor::send(Command command) {
  const uint64_t number = next_number_++;
  // Looks random, and no two are alike among any four thousand million.
  const auto opaque = static_cast<uint32_t>((number + opaque_base_) * 0x9e3779b1U);
  static const std::string kNoValue;
  channel_.send({.opcode = command.opcode,
                 .extras = command.extras,
                 .key = command.key,
                 .value = command.value ? *command.value : kNoValue,
                 .opaque = opaque,
                 .cas = command.cas});
  findings_.sent(command.opcode, !is_quiet(command.opcode));
  pending_.push_back({number, opaque, command.opcode, std::move(command.key), std::move(command.expected)});
}

void Actor::send_plain(Opcode opcode) {
  Command command{.opcode = opcode, .expected = refused(kOk)};
  send(std::move(command));
}

// A batch ends with a loud command, so that something comes back.
void Actor::more() {
  if (next_number_ <= 1) {
    send(shared_.make_counter());
    send(shared_.make_log());
  }
  const uint64_t count = random_.between(1, options_.depth);
  bool quiet = false;
  for (uint64_t i = 0; i < count && channel_.unsent() < kMostUnsent; ++i) {
    Command command = choose();
    quiet = is_quiet(command.opcode);
    send(std::move(command));
  }
  if (quiet) send_plain(Opcode::kNoop);
  refill_below_ = random_.below(options_.depth);
}

Command Actor::choose() {
  const uint64_t dice = random_.below(1000);
  if (dice < 10) return odd_command();
  return dice < 350 ? shared_.next() : own_.next();
}

Command Actor::odd_command() {
  Command command;
  switch (random_.below(options_.stock ? 5 : 6)) {
    case 0:
      command.opcode = Opcode::kVersion;
      command.expected.check = [](const Reply& reply) {
        return reply.value.empty() ? std::string("no version") : check_status(reply, kOk);
      };
      return command;
    case 1:
      command.opcode = Opcode::kStat;
      command.expected.many_replies = true;
      command.expected.check = [](const Reply& reply) { return check_status(reply, kOk); };
      return command;
    case 5:
      command.opcode = Opcode::kUnknown;
      command.value = std::make_shared<const std::string>(std::string(random_.below(300), 'u'));
      command.expected = refused(kUnknownCommand);
      return command;
    default:
      command.expected = refused(kOk);
      return command;
  }
}

void Actor::serve(uint32_t events) {
  if (over()) return;
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) {
    const bool open = channel_.receive([this](const Reply& reply) { on_reply(reply); });
    if (!open) return on_closed();
    if (over()) return;
    if (state_ == State::kRunning && signed_in_ && pending_.size() <= refill_below_) more();
    if (state_ == State::kSettling && pending_.empty()) state_ = State::kSettled;
  }
  channel_.flush();
}

void Actor::on_reply(const Reply& reply) {
  last_progress_ = now_ns();
  findings_.answered(reply.header.status);
  const auto asked = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    return pending.opaque == reply.header.opaque;
  });
  if (asked == pending_.end()) {
    return findings_.mismatch("an answer to nothing that is open: " + opcode_name(reply.header.opcode) + " " +
                              shown(reply.key) + " for tenant " + std::to_string(place_.tenant) +
                              " connection " + std::to_string(place_.rank));
  }
  for (auto overtaken = asked - pending_.begin(); overtaken > 0; --overtaken) {
    pass_over(pending_.front());
    pending_.pop_front();
  }
  Pending& pending = pending_.front();
  judge(pending, reply);
  const bool more_follow =
      pending.expected.many_replies && reply.header.status == kOk && reply.header.body_length > 0;
  if (!more_follow) pending_.pop_front();
}

void Actor::judge(Pending& pending, const Reply& reply) {
  if (reply.header.opcode != pending.opcode) {
    return findings_.mismatch(where(pending) + ": answered as " + opcode_name(reply.header.opcode));
  }
  if (!pending.expected.may_answer) {
    return findings_.mismatch(where(pending) + ": should not be answered, but was with status " +
                              std::to_string(reply.header.status) + " " + shown(reply.value));
  }
  if (auto wrong = pending.expected.check(reply); !wrong.empty()) {
    findings_.mismatch(where(pending) + ": " + wrong);
  } else if (reply.extras.size() == 4 && reply.header.status == kOk) {
    findings_.checked_value(reply.value.size());
  }
}

// Answers come in the order of the commands: what a later one's has overtaken is not answered any more.
void Actor::pass_over(Pending& pending) {
  if (!pending.expected.may_be_silent)
    return findings_.lost(1, where(pending) + ": not answered, or out of order");
  if (pending.expected.on_silence) pending.expected.on_silence();
}

void Actor::tick(uint64_t now) {
  if (over() || state_ == State::kNew) return;
  channel_.wake(now);
  const bool waiting = !pending_.empty() || state_ == State::kLeaving;
  if (waiting && now > last_progress_ + kPatienceNs) fail("no answer for 10 s");
}

void Actor::settle() {
  if (state_ != State::kRunning) return;
  state_ = State::kSettling;
  last_progress_ = now_ns();
  send_plain(Opcode::kNoop);
  channel_.flush();
}

void Actor::audit() {
  if (state_ != State::kSettled) return;
  state_ = State::kSettling;
  last_progress_ = now_ns();
  send(shared_.final_counter());
  send(shared_.final_log());
  for (const std::string& key : {truth_.counter_key(), truth_.log_key()}) send(shared_.remove(key));
  for (size_t i = 0; i < SharedTruth::kKeys; ++i) send(shared_.remove(truth_.key(i)));
  channel_.flush();
}

void Actor::leave() {
  if (state_ != State::kSettled) return;
  state_ = State::kLeaving;
  last_progress_ = now_ns();
  Command command;
  while (own_.clean_up(command)) send(std::move(command));
  send_plain(Opcode::kQuit);
  channel_.flush();
}

// The one close that is right is that behind the answer to QUIT, with nothing else on the line.
void Actor::on_closed() {
  if (state_ == State::kLeaving && pending_.empty() && !channel_.has_partial_reply()) {
    state_ = State::kLeft;
    return;
  }
  fail(channel_.why());
}

void Actor::fail(const std::string& why) {
  state_ = State::kFailed;
  uint64_t owed = 0;
  for (const Pending& pending : pending_) owed += pending.expected.may_be_silent ? 0 : 1;
  std::string what = "connection of tenant " + std::to_string(place_.tenant) + ", number " +
                     std::to_string(place_.rank) + ": " + why;
  if (!pending_.empty()) what += "; next was " + where(pending_.front());
  if (owed == 0) findings_.mismatch(what);
  if (owed > 0) findings_.lost(owed, what);
}

std::string Actor::where(const Pending& pending) const {
  return "tenant " + std::to_string(place_.tenant) + " connection " + std::to_string(place_.rank) +
         " command " + std::to_string(pending.number) + " " + opcode_name(pending.opcode) + " " +
         shown(pending.key);
}

}  // namespace mctenant::bench
