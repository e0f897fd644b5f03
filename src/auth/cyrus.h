#pragma once

#include <sasl/sasl.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mctenant::auth::cyrus {

// Loads Cyrus and its plugins for the process, once, however often it is called. Thread-safe.
[[nodiscard]] base::Expected<void> initialize();

// What Cyrus asks for in the midst of an exchange.
class Judge {
 public:
  virtual ~Judge() = default;
  // Whether a password that came in a mechanism's message is right.
  [[nodiscard]] virtual bool judge(std::string_view username, std::string_view password) = 0;
  // The written verifier by which the mechanism's proof is to be checked; empty: there is nothing of that
  // kind.
  [[nodiscard]] virtual std::string verifier_of(std::string_view username) = 0;
};

enum class Outcome { accepted, refused, challenge };

// One exchange of messages, after initialize(). Costs about 8 KB, and SCRAM up to five times its longest
// message more. Not thread-safe; the judge is called from inside start() and step(), and must outlive it.
class Exchange {
 public:
  explicit Exchange(Judge& judge);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // `mechanism` is the name of one of auth::Mechanism. An empty response is none: a mechanism that begins
  // with the client's message then answers with an empty challenge.
  [[nodiscard]] Outcome start(const std::string& mechanism, std::string_view initial_response);
  // Only after a challenge.
  [[nodiscard]] Outcome step(std::string_view response);

  // To be sent, after a challenge; valid until the next step.
  [[nodiscard]] std::string_view challenge() const { return challenge_; }
  // Who has signed in, after accepted.
  [[nodiscard]] std::string username() const;

 private:
  struct Dispose {
    void operator()(sasl_conn_t* connection) const { sasl_dispose(&connection); }
  };

  [[nodiscard]] Outcome settle(int result, const char* out, unsigned length);

  std::array<sasl_callback_t, 2> callbacks_;
  std::unique_ptr<sasl_conn_t, Dispose> connection_;
  std::string_view challenge_;
};

}  // namespace mctenant::auth::cyrus
