#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mctenant::session {

// Why a client connection ended. X(name, what it means)
#define MCTENANT_CLOSE_REASONS(X)                                          \
  X(client_quit, "the client said quit")                                   \
  X(client_closed, "the client closed the connection")                     \
  X(connection_lost, "reading or writing failed")                          \
  X(sign_in_timeout, "no sign-in within limits.sign_in_timeout")           \
  X(refusals, "limits.sign_in_refusals commands or sign-ins were refused") \
  X(malformed, "a frame whose length can't be trusted")                    \
  X(other_protocol, "it speaks another protocol, such as HTTP")            \
  X(too_many_connections, "limits.max_connections are open")               \
  X(tenant_removed, "the tenant is no longer configured")                  \
  X(credential_changed, "the credential is gone or has another password")  \
  X(tenant_full, "the plan's max_connections are open")                    \
  X(unknown_identity, "certificate or listener name no credential")        \
  X(handshake_timeout, "no TLS within limits.sign_in_timeout")             \
  X(too_many_handshakes, "limits.handshakes are under way")                \
  X(tls_failed, "TLS failed, for one of net::TlsFault")                    \
  X(tls_in_plain, "TLS is spoken to a listener without it")                \
  X(http, "HTTP is spoken to a listener that signs in by itself")          \
  X(drained, "mctenant is shutting down")

enum class CloseReason : uint8_t {
#define X(name, meaning) name,
  MCTENANT_CLOSE_REASONS(X)
#undef X
};

#define X(name, meaning) +1
inline constexpr size_t kCloseReasons = 0 MCTENANT_CLOSE_REASONS(X);
#undef X

inline constexpr std::array<std::string_view, kCloseReasons> kCloseReasonNames{
#define X(name, meaning) #name,
    MCTENANT_CLOSE_REASONS(X)
#undef X
};

[[nodiscard]] constexpr std::string_view name_of(CloseReason reason) {
  return kCloseReasonNames[static_cast<size_t>(reason)];
}

}  // namespace mctenant::session
