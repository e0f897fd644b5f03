#pragma once

#include <memory>
#include <string>

#include "auth/mechanisms.h"
#include "net/tls_context.h"

namespace mctenant::session {

// What a listener's connections have in common. Never changed once made: a reload makes others for the
// connections from then on.
struct ListenerTraits {
  std::string address;  // for the log
  // Null: in plain.
  std::shared_ptr<const net::TlsContext> tls;
  // Whose the connections are without a sign-in; empty: nobody's.
  std::string credential;
  auth::SignInPolicy sign_in = {};

  // A client may be signed in by what it connects to, or by its certificate.
  [[nodiscard]] bool signs_in() const {
    return !credential.empty() || (tls != nullptr && tls->client_identity());
  }
};

}  // namespace mctenant::session
