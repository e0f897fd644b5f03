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
//
// SCRAM never waits: what costs time in it is the client's, and the worker computes four digests in all.
//   client                                       server
//   n,,n=<user>,r=<nonce>                 ►
//                                         ◄      r=<both nonces>,s=<salt>,i=<iterations>
//   c=biws,r=<both nonces>,p=<proof>      ►
//                                         ◄      v=<signature>; wrong: refused
//   (nothing)                             ►
//                                         ◄      accepted
// A user that is not there is shown a salt that is made up for his name, and is refused where a wrong proof
// is.
namespace mctenant::auth {
namespace {

class Conversation final : public SignIn, public cyrus::Judge {
 public:
  Conversation(const CredentialSource& credentials, PasswordChecker& checker, base::Executor& worker,
               Mechanisms offered)
      : credentials_(credentials), checker_(checker), worker_(worker), offered_(offered) {}

  [[nodiscard]] Result start(std::string_view mechanism, std::string_view initial_response,
                             Done done) override {
    const std::optional<Mechanism> found = find_mechanism(mechanism);
    if (state_ != State::fresh) return end(Verdict::refused);
    if (!found || !offered_.has(*found)) return end(Verdict::not_offered);
    mechanism_ = *found;
    return take(initial_response, std::move(done));
  }

  [[nodiscard]] Result step(std::string_view response, Done done) override {
    if (state_ != State::challenged) return end(Verdict::refused);
    return take(response, std::move(done));
  }

 private:
  enum class State { fresh, challenged, waiting, ended };

  // The verifier that SCRAM's proof is checked by: still to be the user's when the proof was right.
  struct Shown {
    Verifier verifier;
    bool known = false;
  };

  // What the checker was asked: still to be true when its answer comes.
  struct Asked {
    Verifier verifier;
    bool right = false;
  };

  [[nodiscard]] Result result_of(Verdict verdict) const {
    Result result;
    result.verdict = verdict;
    result.mechanism = mechanism_;
    return result;
  }

  Result end(Verdict verdict) {
    state_ = State::ended;
    exchange_.reset();
    asked_.reset();
    shown_.reset();
    waiting_.reset();
    message_ = SecretBytes();
    done_ = nullptr;
    Result result = result_of(verdict);
    if (verdict == Verdict::refused) result.claimed = std::move(claimed_);
    return result;
  }

  bool acceptable(std::string_view message);
  Result take(std::string_view message, Done done);
  cyrus::Outcome exchange(std::string_view message);
  Result settle(cyrus::Outcome outcome);
  bool judge(std::string_view username, std::string_view password) override;
  std::string verifier_of(std::string_view username) override;
  [[nodiscard]] bool still_true(std::string_view username) const;
  bool ask(std::string_view username, const Verifier* known, const Verifier& verifier,
           std::string_view password);
  void answer(bool right);

  const CredentialSource& credentials_;
  PasswordChecker& checker_;
  base::Executor& worker_;
  const Mechanisms offered_;
  State state_ = State::fresh;
  bool busy_ = false;
  bool introduced_ = false;  // the client's first words have come
  Mechanism mechanism_ = Mechanism::plain;
  std::string claimed_;
  std::optional<cyrus::Exchange> exchange_;
  std::optional<Asked> asked_;
  std::optional<Shown> shown_;
  // Lives while an answer is awaited: whoever brings it looks here whether anybody still waits.
  std::shared_ptr<Conversation*> waiting_;
  SecretBytes message_;
  Done done_;
};

bool Conversation::acceptable(std::string_view message) {
  if (!hash_of(mechanism_)) return message.size() <= kMaxMessage;
  if (message.size() > kMaxScramMessage) return false;
  if (message.empty() || std::exchange(introduced_, true)) return true;
  // With a "p" the client demands to bind its proof to the TLS channel, which is not offered. Not every
  // version of Cyrus's plugin looks whether it was given a binding to compare with.
  return message.front() == 'n' || message.front() == 'y';
}

Result Conversation::take(std::string_view message, Done done) {
  if (!acceptable(message)) return end(Verdict::refused);
  const cyrus::Outcome outcome = exchange(message);
  if (busy_) return end(Verdict::busy);
  if (!asked_) return settle(outcome);
  exchange_.reset();
  message_ = SecretBytes(message);
  done_ = std::move(done);
  state_ = State::waiting;
  return result_of(Verdict::pending);
}

cyrus::Outcome Conversation::exchange(std::string_view message) {
  if (exchange_) return exchange_->step(message);
  return exchange_.emplace(*this).start(std::string(name_of(mechanism_)), message);
}

Result Conversation::settle(cyrus::Outcome outcome) {
  if (outcome == cyrus::Outcome::challenge) {
    state_ = State::challenged;
    Result result = result_of(Verdict::challenge);
    result.challenge = exchange_->challenge();
    return result;
  }
  if (outcome == cyrus::Outcome::refused) return end(Verdict::refused);
  std::string username = exchange_->username();
  if (!still_true(username)) return end(Verdict::refused);
  Result result = end(Verdict::accepted);
  result.username = std::move(username);
  return result;
}

// Whatever is looked at here takes equally long for a user that is not there.
bool Conversation::judge(std::string_view username, std::string_view password) {
  claimed_ = username;
  if (username.empty() || password.empty()) return false;
  const Verifier* known = credentials_.find_verifier(username, Hash::sha_256);
  const Verifier& verifier = known != nullptr ? *known : checker_.fake();
  // The verdict is on the password that was true then. If it has been changed or taken away meanwhile, it is
  // void.
  if (asked_) return asked_->right && known != nullptr && verifier == asked_->verifier;
  if (checker_.remembers(username, verifier, password)) return known != nullptr;
  return ask(username, known, verifier, password);
}

// The same work whether there is such a user or not.
std::string Conversation::verifier_of(std::string_view username) {
  const std::optional<Hash> hash = hash_of(mechanism_);
  if (!hash) return {};
  claimed_ = username;
  const Verifier fake = checker_.fake(username, *hash);
  const Verifier* known = credentials_.find_verifier(username, *hash);
  shown_ = Shown{known != nullptr ? *known : fake, known != nullptr};
  return format_verifier(shown_->verifier);
}

// For SCRAM, between whose steps the credentials may change.
bool Conversation::still_true(std::string_view username) const {
  const std::optional<Hash> hash = hash_of(mechanism_);
  if (!hash) return true;
  const Verifier* known = credentials_.find_verifier(username, *hash);
  return shown_ && shown_->known && known != nullptr && *known == shown_->verifier;
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

std::unique_ptr<SignIn> Authenticator::begin(Mechanisms offered) {
  return std::make_unique<Conversation>(credentials_, checker_, worker_, offered);
}

}  // namespace mctenant::auth
