#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mctenant::auth {

// PBKDF2 iterations of every verifier of an installation, real or fake. One number for all, since a PLAIN
// check takes time in proportion to it: users with different ones could be told apart by a clock.
inline constexpr uint32_t kIterations = 10'000;

// What is kept in a password's place (RFC 5802, RFC 7677): enough to check a password or a SCRAM proof, and
// useless for signing in. Written SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, the last three
// in base64, the form that PostgreSQL and Cyrus SASL use.
struct Verifier {
  uint32_t iterations = kIterations;
  std::string salt;
  std::array<uint8_t, 32> stored_key{};
  std::array<uint8_t, 32> server_key{};

  // In a time that doesn't tell where two keys differ.
  bool operator==(const Verifier& other) const;
};

// Reads the written form. Refuses other hashes, other iteration counts than kIterations and salts under 8
// bytes. The error never repeats the text.
[[nodiscard]] base::Expected<Verifier> parse_verifier(std::string_view text);
[[nodiscard]] std::string format_verifier(const Verifier& verifier);

// Costs a PBKDF2 (milliseconds): never on a worker. The password is used as its bytes are; no SASLprep.
[[nodiscard]] Verifier make_verifier(std::string_view password, std::string_view salt);
// With a random salt of 16 bytes.
[[nodiscard]] Verifier make_verifier(std::string_view password);

// Whether `password` is the verifier's. Costs a PBKDF2, equally long whether it is or not.
[[nodiscard]] bool matches(const Verifier& verifier, std::string_view password);

}  // namespace mctenant::auth
