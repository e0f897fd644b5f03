#include "auth/verifier.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <cstdlib>
#include <optional>

#include "auth/base64.h"
#include "base/secret.h"

namespace mctenant::auth {
namespace {

using Key = std::array<uint8_t, 32>;

constexpr std::string_view kScheme = "SCRAM-SHA-256";
constexpr size_t kMinSalt = 8;
constexpr size_t kMaxSalt = 64;
constexpr size_t kNewSalt = 16;

const uint8_t* bytes_of(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

// Overwrites itself: from each key that is derived on the way, a stored key can be made.
struct TemporaryKey : Key {
  ~TemporaryKey() { base::wipe(reinterpret_cast<char*>(data()), size()); }
};

bool hmac(const Key& key, std::string_view text, Key& out) {
  unsigned int length = 0;
  return HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), out.data(),
              &length) != nullptr &&
         length == out.size();
}

// RFC 5802, section 3. False only if OpenSSL fails.
bool salt_password(std::string_view password, std::string_view salt, uint32_t iterations, Key& out) {
  return PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                           static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                           static_cast<int>(out.size()), out.data()) == 1;
}

bool derive_stored_key(const Key& salted_password, Key& out) {
  TemporaryKey client_key;
  return hmac(salted_password, "Client Key", client_key) &&
         SHA256(client_key.data(), client_key.size(), out.data()) != nullptr;
}

std::string_view view(const Key& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

// Cuts `text` at the first `separator`: returns what stands before it and leaves what stands behind it.
std::optional<std::string_view> take_field(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end + 1);
  return field;
}

bool decode_key(std::string_view text, Key& out) {
  const std::optional<std::string> bytes = decode_base64(text);
  if (!bytes || bytes->size() != out.size()) return false;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return true;
}

}  // namespace

bool Verifier::operator==(const Verifier& other) const {
  const bool same_stored = base::equal_in_constant_time(view(stored_key), view(other.stored_key));
  const bool same_server = base::equal_in_constant_time(view(server_key), view(other.server_key));
  return iterations == other.iterations && salt == other.salt && same_stored && same_server;
}

base::Expected<Verifier> parse_verifier(std::string_view text) {
  const auto scheme = take_field(text, '$');
  if (!scheme) {
    return base::fail(
        "is not a verifier: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey> is expected, "
        "as `mctenant verifier` prints it");
  }
  if (*scheme != kScheme) return base::fail("is of another kind: only SCRAM-SHA-256 verifiers are known");
  const auto iterations = take_field(text, ':');
  const auto salt = take_field(text, '$');
  const auto stored_key = take_field(text, ':');
  if (!iterations || !salt || !stored_key) {
    return base::fail("is cut off: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey> is expected");
  }
  if (*iterations != std::to_string(kIterations)) {
    return base::fail("has another iteration count than " + std::to_string(kIterations) +
                      ", which all must have so that users can't be told apart by time: make it anew with "
                      "`mctenant verifier`");
  }
  Verifier verifier;
  auto decoded_salt = decode_base64(*salt);
  if (!decoded_salt || decoded_salt->size() < kMinSalt || decoded_salt->size() > kMaxSalt) {
    return base::fail("has a bad salt: 8 to 64 bytes in base64 are expected");
  }
  verifier.salt = std::move(*decoded_salt);
  if (!decode_key(*stored_key, verifier.stored_key) || !decode_key(text, verifier.server_key)) {
    return base::fail("has a bad StoredKey or ServerKey: 32 bytes each in base64 are expected");
  }
  return verifier;
}

std::string format_verifier(const Verifier& verifier) {
  std::string text(kScheme);
  text += '$' + std::to_string(verifier.iterations) + ':' + encode_base64(verifier.salt);
  text += '$' + encode_base64(view(verifier.stored_key)) + ':' + encode_base64(view(verifier.server_key));
  return text;
}

Verifier make_verifier(std::string_view password, std::string_view salt) {
  Verifier verifier;
  verifier.salt = salt;
  TemporaryKey salted_password;
  // OpenSSL fails only for want of memory or of SHA-256; a verifier of a wrong password must not come of it.
  if (!salt_password(password, salt, verifier.iterations, salted_password) ||
      !derive_stored_key(salted_password, verifier.stored_key) ||
      !hmac(salted_password, "Server Key", verifier.server_key)) {
    std::abort();
  }
  return verifier;
}

Verifier make_verifier(std::string_view password) {
  std::string salt(kNewSalt, '\0');
  base::random_bytes(salt.data(), salt.size());
  return make_verifier(password, salt);
}

bool matches(const Verifier& verifier, std::string_view password) {
  TemporaryKey salted_password;
  TemporaryKey stored_key;
  return salt_password(password, verifier.salt, verifier.iterations, salted_password) &&
         derive_stored_key(salted_password, stored_key) &&
         base::equal_in_constant_time(view(stored_key), view(verifier.stored_key));
}

}  // namespace mctenant::auth
