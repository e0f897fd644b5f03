#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "auth/credential_source.h"
#include "auth/mechanisms.h"
#include "auth/password_checker.h"
#include "base/error.h"
#include "base/executor.h"

namespace mctenant::auth {

// The longest message of PLAIN, and of SCRAM, in bytes; a longer one is refused. It bounds what a connection
// can hold before it has signed in: PLAIN's message is held once, of SCRAM's there are several copies.
inline constexpr size_t kMaxMessage = 4096;
inline constexpr size_t kMaxScramMessage = 1024;

enum class Verdict {
  accepted,     // username is signed in
  refused,      // wrong password, unknown user, malformed message: not to be told apart
  not_offered,  // the mechanism is not among those offered, or none: tells nothing of any user
  challenge,    // send `challenge`, then step()
  busy,         // too many passwords wait to be checked: try again later
  pending,      // the result comes through the callback
};

struct Result {
  Verdict verdict = Verdict::refused;
  std::string username;   // only when accepted
  std::string claimed;    // only when refused for a password or proof: whose it was said to be, known or not
  std::string challenge;  // only with challenge
  Mechanism mechanism = Mechanism::plain;
};

// One conversation, from the first AUTH to its verdict. Holds Cyrus's state (some 9 KB; SCRAM, with messages
// as long as they may be, 14 KB): drop it when it ends. Used on one worker's thread. Dropping it cancels: the
// callback is never called after that.
class SignIn {
 public:
  // Called at most once for each pending verdict, later, on the worker's thread, never from inside start() or
  // step().
  using Done = std::function<void(Result)>;

  virtual ~SignIn() = default;
  [[nodiscard]] virtual Result start(std::string_view mechanism, std::string_view initial_response,
                                     Done done) = 0;
  [[nodiscard]] virtual Result step(std::string_view response, Done done) = 0;
};

// Signs users in by Cyrus SASL. One a worker, used on its thread; the password checker is shared by all.
class Authenticator {
 public:
  // Prepares Cyrus for the process: must be called once, before the first Authenticator, and has no undo.
  // All that Cyrus would otherwise read from its environment is pinned: mechanisms, plugins, configuration
  // path.
  [[nodiscard]] static base::Expected<void> initialize();

  // All three must outlive the authenticator and its conversations.
  Authenticator(const CredentialSource& credentials, PasswordChecker& checker, base::Executor& worker);

  // A conversation in which any mechanism but these is refused.
  [[nodiscard]] std::unique_ptr<SignIn> begin(Mechanisms offered);

 private:
  const CredentialSource& credentials_;
  PasswordChecker& checker_;
  base::Executor& worker_;
};

}  // namespace mctenant::auth
