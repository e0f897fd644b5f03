#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "auth/verifier.h"
#include "base/enum_set.h"

namespace mctenant::auth {

// Every way of signing in that mctenant knows, whatever a plugin could do.
enum class Mechanism : uint8_t { plain, scram_sha_256, scram_sha_512, scram_sha_1 };

inline constexpr std::array<std::string_view, 4> kMechanismNames{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512",
                                                                 "SCRAM-SHA-1"};

[[nodiscard]] constexpr std::string_view name_of(Mechanism mechanism) {
  return kMechanismNames[static_cast<size_t>(mechanism)];
}

// By its exact name, in capitals; nothing for any other.
[[nodiscard]] std::optional<Mechanism> find_mechanism(std::string_view name);

// The hash of a SCRAM mechanism; nothing for PLAIN.
[[nodiscard]] std::optional<Hash> hash_of(Mechanism mechanism);

// What a connection is offered.
using Mechanisms = base::EnumSet<Mechanism>;

// Their names, separated by spaces; of the program's lifetime.
[[nodiscard]] std::string_view list_of(Mechanisms mechanisms);

// What a listener offers that says nothing else.
inline constexpr Mechanisms kDefaultMechanisms{Mechanism::plain, Mechanism::scram_sha_256};

// How the clients of a listener may sign in. Plain data, from the configuration.
struct SignInPolicy {
  Mechanisms mechanisms = kDefaultMechanisms;
  // PLAIN shows the password to whoever sees the bytes: it is not offered on a connection in the clear.
  bool plain_requires_tls = false;

  // What a connection is offered. A sign-in in memcached's text protocol is one by PLAIN.
  [[nodiscard]] constexpr Mechanisms offered(bool encrypted) const {
    return plain_requires_tls && !encrypted ? mechanisms.without(Mechanism::plain) : mechanisms;
  }

  bool operator==(const SignInPolicy&) const = default;
};

}  // namespace mctenant::auth
