#pragma once

#include <string_view>

#include "auth/verifier.h"

namespace mctenant::auth {

// Where the authenticator looks users up. The tenant directory implements it.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // The verifier of `username`, or null. Valid until control returns to the event loop. Called on a worker.
  [[nodiscard]] virtual const Verifier* find_verifier(std::string_view username) const = 0;
};

}  // namespace mctenant::auth
