#include "auth/authenticator.h"

#include <optional>
#include <utility>

#include "auth/cyrus.h"
#include "auth/secret_bytes.h"

// A conversation:
//
//             challenge                     the password must be checked
//   fresh ───────────────► challenged ──────────────────────────────────┐
//     │ start                   │ step                                  ▼
//     ├─────────────────────────┼───────────────────────────────────► waiting ──► ended
//     │                         │                                        the checker's answer
//     └─────────────────────────┴──► ended
//                   accepted, refused, busy
//
// Cyrus asks for a verdict on a password in the middle of a call and can't wait. So a password that is not
// remembered is refused to it, its state is dropped, and when the checker has found the password right, a new
// exchange is given the same message, with the verdict in hand. Cyrus alone says who has signed in; and while
// a connection waits, it holds its message only.
namespace mctenant::auth {
namespace {

// Exactly as it is offered, in capitals.
bool offered(std::string_view mechanism) {
  std::string_view rest = cyrus::kMechanisms;
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(' '));
    if (name == mechanism) return true;
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
  }
  return false;
}

class Conversation final : public SignIn, public cyrus::PasswordJudge {
 public:
  Conversation(const CredentialSource& credentials, PasswordChecker& checker, base::Executor& worker)
      : credentials_(credentials), checker_(checker), worker_(worker) {}

  [[nodiscard]] Result start(std::string_view mechanism, std::string_view initial_response,
                             Done done) override {
    if (state_ != State::fresh || !offered(mechanism)) return end(Verdict::refused);
    mechanism_ = mechanism;
    return take(initial_response, std::move(done));
  }

  [[nodiscard]] Result step(std::string_view response, Done done) override {
    if (state_ != State::challenged) return end(Verdict::refused);
    return take(response, std::move(done));
  }

 private:
  enum class State { fresh, challenged, waiting, ended };

  // What the checker was asked: still to be true when its answer comes.
  struct Asked {
    Verifier verifier;
    bool right = false;
  };

  Result end(Verdict verdict) {
    state_ = State::ended;
    exchange_.reset();
    asked_.reset();
    waiting_.reset();
    message_ = SecretBytes();
    done_ = nullptr;
    Result result{.verdict = verdict, .username = {}, .claimed = {}, .challenge = {}};
    if (verdict == Verdict::refused) result.claimed = std::move(claimed_);
    return result;
  }

  Result take(std::string_view message, Done done);
  cyrus::Outcome exchange(std::string_view message);
  Result settle(cyrus::Outcome outcome);
  bool judge(std::string_view username, std::string_view password) override;
  bool ask(std::string_view username, const Verifier* known, const Verifier& verifier,
           std::string_view password);
  void answer(bool right);

  const CredentialSource& credentials_;
  PasswordChecker& checker_;
  base::Executor& worker_;
  State state_ = State::fresh;
  bool busy_ = false;
  std::string mechanism_;
  std::string claimed_;
  std::optional<cyrus::Exchange> exchange_;
  std::optional<Asked> asked_;
  // Lives while an answer is awaited: whoever brings it looks here whether anybody still waits.
  std::shared_ptr<Conversation*> waiting_;
  SecretBytes message_;
  Done done_;
};

Result Conversation::take(std::string_view message, Done done) {
  if (message.size() > kMaxMessage) return end(Verdict::refused);
  const cyrus::Outcome outcome = exchange(message);
  if (busy_) return end(Verdict::busy);
  if (!asked_) return settle(outcome);
  exchange_.reset();
  message_ = SecretBytes(message);
  done_ = std::move(done);
  state_ = State::waiting;
  return Result{.verdict = Verdict::pending, .username = {}, .claimed = {}, .challenge = {}};
}

cyrus::Outcome Conversation::exchange(std::string_view message) {
  if (exchange_) return exchange_->step(message);
  return exchange_.emplace(*this).start(mechanism_, message);
}

Result Conversation::settle(cyrus::Outcome outcome) {
  if (outcome == cyrus::Outcome::challenge) {
    state_ = State::challenged;
    return Result{.verdict = Verdict::challenge,
                  .username = {},
                  .claimed = {},
                  .challenge = std::string(exchange_->challenge())};
  }
  if (outcome == cyrus::Outcome::refused) return end(Verdict::refused);
  std::string username = exchange_->username();
  Result result = end(Verdict::accepted);
  result.username = std::move(username);
  return result;
}

// Whatever is looked at here takes equally long for a user that is not there.
bool Conversation::judge(std::string_view username, std::string_view password) {
  claimed_ = username;
  if (username.empty() || password.empty()) return false;
  const Verifier* known = credentials_.find_verifier(username);
  const Verifier& verifier = known != nullptr ? *known : checker_.fake();
  // The verdict is on the password that was true then. If it has been changed or taken away meanwhile, it is
  // void.
  if (asked_) return asked_->right && known != nullptr && verifier == asked_->verifier;
  if (checker_.remembers(username, verifier, password)) return known != nullptr;
  return ask(username, known, verifier, password);
}

bool Conversation::ask(std::string_view username, const Verifier* known, const Verifier& verifier,
                       std::string_view password) {
  waiting_ = std::make_shared<Conversation*>(this);
  const bool taken = checker_.check(username, known, password, worker_,
                                    [waiting = std::weak_ptr<Conversation*>(waiting_)](bool right) {
                                      if (const auto conversation = waiting.lock())
                                        (*conversation)->answer(right);
                                    });
  busy_ = !taken;
  if (taken) asked_ = Asked{.verifier = verifier};
  return false;
}

void Conversation::answer(bool right) {
  const Done done = std::move(done_);
  Result result;
  if (right) {
    asked_->right = true;
    const cyrus::Outcome outcome = exchange(message_.view());
    result = outcome == cyrus::Outcome::accepted ? settle(outcome) : end(Verdict::refused);
  } else {
    result = end(Verdict::refused);
  }
  if (done) done(std::move(result));  // which may drop this conversation
}

}  // namespace

base::Expected<void> Authenticator::initialize() { return cyrus::initialize(); }

Authenticator::Authenticator(const CredentialSource& credentials, PasswordChecker& checker,
                             base::Executor& worker)
    : credentials_(credentials), checker_(checker), worker_(worker) {}

std::string_view Authenticator::mechanisms() { return cyrus::kMechanisms; }

std::unique_ptr<SignIn> Authenticator::begin() {
  return std::make_unique<Conversation>(credentials_, checker_, worker_);
}

}  // namespace mctenant::auth
