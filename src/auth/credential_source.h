#pragma once

#include <string_view>

#include "auth/verifier.h"

namespace mctenant::auth {

// Where the authenticator looks users up. The tenant directory implements it.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // The verifier of `username` that is made with `hash`, or null: there is no such user, or no such verifier
  // of his. Every user has one of SHA-256. Valid until control returns to the event loop. Called on a worker.
  [[nodiscard]] virtual const Verifier* find_verifier(std::string_view username, Hash hash) const = 0;
};

}  // namespace mctenant::auth
