#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mctenant::auth {

// PBKDF2 iterations of every verifier of an installation, real or fake. One number for all, since a PLAIN
// check takes time in proportion to it: users with different ones could be told apart by a clock.
inline constexpr uint32_t kIterations = 10'000;

// The hash that a verifier is made with. PLAIN's passwords are checked by those of SHA-256, which every user
// has; the others are for the SCRAM mechanism of their name alone.
enum class Hash : uint8_t { sha_1, sha_256, sha_512 };
inline constexpr size_t kHashes = 3;

// As verifiers and mechanisms are named: "SCRAM-SHA-256".
[[nodiscard]] std::string_view scheme_of(Hash hash);
// Bytes of its keys.
[[nodiscard]] size_t key_size(Hash hash);

// What is kept in a password's place (RFC 5802, RFC 7677): enough to check a password or a SCRAM proof, and
// useless for signing in. Written SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, the last three
// in base64, the form that PostgreSQL and Cyrus SASL use.
struct Verifier {
  // Room for the longest; behind key_size() bytes of it stand zeros.
  using Key = std::array<uint8_t, 64>;

  Hash hash = Hash::sha_256;
  uint32_t iterations = kIterations;
  std::string salt;
  Key stored_key{};
  Key server_key{};

  // In a time that doesn't tell where two keys differ.
  bool operator==(const Verifier& other) const;
};

// Bytes of the salts that make_verifier() makes. Who has another length can be told from a user that is not
// there, whose salt is made up.
inline constexpr size_t kSaltSize = 16;

// Reads the written form, of any hash. Refuses other iteration counts than kIterations and salts under 8
// bytes. The error never repeats the text.
[[nodiscard]] base::Expected<Verifier> parse_verifier(std::string_view text);
[[nodiscard]] std::string format_verifier(const Verifier& verifier);

// Costs a PBKDF2 (milliseconds): never on a worker. The password is used as its bytes are; no SASLprep.
[[nodiscard]] Verifier make_verifier(std::string_view password, std::string_view salt,
                                     Hash hash = Hash::sha_256);
// With a random salt of kSaltSize.
[[nodiscard]] Verifier make_verifier(std::string_view password, Hash hash = Hash::sha_256);

// Whether `password` is the verifier's. Costs a PBKDF2, equally long whether it is or not.
[[nodiscard]] bool matches(const Verifier& verifier, std::string_view password);

}  // namespace mctenant::auth
