#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "auth/verifier.h"
#include "base/executor.h"

namespace mctenant::auth {

struct PasswordCheckerOptions {
  size_t threads = 1;
  size_t queue_length = 1024;    // passwords waiting; one more is busy
  size_t remembered = 65536;     // digests of passwords that were right
  std::string salt_secret = {};  // of the salts of fake(username, …); empty: a random one
};

// Checks passwords: those that were right lately by a keyed digest in memory, in microseconds, on the
// caller's thread; all others by PBKDF2 on threads of its own. Thread-safe.
class PasswordChecker {
 public:
  struct Figures {
    uint64_t remembered_hits = 0;
    uint64_t checks = 0;      // PBKDF2 runs
    uint64_t refusals = 0;    // … that did not match
    uint64_t busy = 0;        // refused for a full queue
    uint64_t waiting = 0;     // now in the queue
    uint64_t remembered = 0;  // digests held now
  };

  explicit PasswordChecker(const PasswordCheckerOptions& options);
  ~PasswordChecker();  // waits for the check under way; those that wait are dropped, their callbacks too
  PasswordChecker(const PasswordChecker&) = delete;
  PasswordChecker& operator=(const PasswordChecker&) = delete;

  // True if exactly this password was right for exactly this user and verifier before. False says nothing.
  [[nodiscard]] bool remembers(std::string_view username, const Verifier& verifier,
                               std::string_view password);

  // Checks on a thread of the pool, then calls `done` through `reply_to`. Without a verifier (unknown user)
  // the same work is done against a fake one and the result is false. Returns false, and takes nothing, when
  // the queue is full. The same attempt at the same time is checked once and answered to all, and takes one
  // place in the queue. What was right is remembered.
  [[nodiscard]] bool check(std::string_view username, const Verifier* verifier, std::string_view password,
                           base::Executor& reply_to, std::function<void(bool)> done);

  // Stands in for an unknown user's verifier: no password is its. Ask remembers() with it, so that the answer
  // takes equally long whether there is such a user or not.
  [[nodiscard]] const Verifier& fake() const;
  // … in a mechanism that shows the salt: each name has one of its own, always the same with this secret, as
  // if it were a user's. Costs a digest.
  [[nodiscard]] Verifier fake(std::string_view username, Hash hash) const;

  [[nodiscard]] Figures figures() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mctenant::auth
