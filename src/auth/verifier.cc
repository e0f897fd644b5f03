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

using Key = Verifier::Key;

constexpr size_t kMinSalt = 8;
constexpr size_t kMaxSalt = 64;

struct HashRow {
  std::string_view scheme;
  size_t size;
  const EVP_MD* (*digest)();
};
constexpr std::array<HashRow, kHashes> kHashTable{
    {{"SCRAM-SHA-1", 20, &EVP_sha1}, {"SCRAM-SHA-256", 32, &EVP_sha256}, {"SCRAM-SHA-512", 64, &EVP_sha512}}};

const HashRow& row_of(Hash hash) { return kHashTable[static_cast<size_t>(hash)]; }

std::optional<Hash> hash_named(std::string_view scheme) {
  for (size_t i = 0; i < kHashes; ++i) {
    if (kHashTable[i].scheme == scheme) return static_cast<Hash>(i);
  }
  return std::nullopt;
}

const uint8_t* bytes_of(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

// Overwrites itself: from each key that is derived on the way, a stored key can be made.
struct TemporaryKey : Key {
  TemporaryKey() : Key{} {}
  TemporaryKey(const TemporaryKey&) = delete;
  TemporaryKey& operator=(const TemporaryKey&) = delete;
  ~TemporaryKey() { base::wipe(reinterpret_cast<char*>(data()), size()); }
};

bool hmac(const HashRow& row, const Key& key, std::string_view text, Key& out) {
  unsigned int length = 0;
  return HMAC(row.digest(), key.data(), static_cast<int>(row.size), bytes_of(text), text.size(), out.data(),
              &length) != nullptr &&
         length == row.size;
}

// RFC 5802, section 3. False only if OpenSSL fails.
bool salt_password(const HashRow& row, std::string_view password, std::string_view salt, uint32_t iterations,
                   Key& out) {
  return PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                           static_cast<int>(salt.size()), static_cast<int>(iterations), row.digest(),
                           static_cast<int>(row.size), out.data()) == 1;
}

bool derive_stored_key(const HashRow& row, const Key& salted_password, Key& out) {
  TemporaryKey client_key;
  return hmac(row, salted_password, "Client Key", client_key) &&
         EVP_Digest(client_key.data(), row.size, out.data(), nullptr, row.digest(), nullptr) == 1;
}

std::string_view view(const Key& key, size_t size) {
  return {reinterpret_cast<const char*>(key.data()), size};
}

// Cuts `text` at the first `separator`: returns what stands before it and leaves what stands behind it.
std::optional<std::string_view> take_field(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end + 1);
  return field;
}

bool decode_key(std::string_view text, size_t size, Key& out) {
  const std::optional<std::string> bytes = decode_base64(text);
  if (!bytes || bytes->size() != size) return false;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return true;
}

}  // namespace

std::string_view scheme_of(Hash hash) { return row_of(hash).scheme; }

size_t key_size(Hash hash) { return row_of(hash).size; }

bool Verifier::operator==(const Verifier& other) const {
  const auto same = [](const Key& a, const Key& b) {
    return base::equal_in_constant_time(view(a, a.size()), view(b, b.size()));
  };
  const bool same_stored = same(stored_key, other.stored_key);
  const bool same_server = same(server_key, other.server_key);
  return hash == other.hash && iterations == other.iterations && salt == other.salt && same_stored &&
         same_server;
}

base::Expected<Verifier> parse_verifier(std::string_view text) {
  const auto scheme = take_field(text, '$');
  if (!scheme) {
    return base::fail(
        "is not a verifier: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey> is expected, "
        "as `mctenant verifier` prints it");
  }
  const auto hash = hash_named(*scheme);
  if (!hash) {
    return base::fail(
        "is of another kind: only verifiers of SCRAM-SHA-256, SCRAM-SHA-512 and SCRAM-SHA-1 are known");
  }
  const auto iterations = take_field(text, ':');
  const auto salt = take_field(text, '$');
  const auto stored_key = take_field(text, ':');
  if (!iterations || !salt || !stored_key) {
    return base::fail("is cut off: " + std::string(*scheme) +
                      "$<iterations>:<salt>$<StoredKey>:<ServerKey> is expected");
  }
  if (*iterations != std::to_string(kIterations)) {
    return base::fail("has another iteration count than " + std::to_string(kIterations) +
                      ", which all must have so that users can't be told apart by time: make it anew with "
                      "`mctenant verifier`");
  }
  Verifier verifier;
  verifier.hash = *hash;
  auto decoded_salt = decode_base64(*salt);
  if (!decoded_salt || decoded_salt->size() < kMinSalt || decoded_salt->size() > kMaxSalt) {
    return base::fail("has a bad salt: 8 to 64 bytes in base64 are expected");
  }
  verifier.salt = std::move(*decoded_salt);
  const size_t size = key_size(*hash);
  if (!decode_key(*stored_key, size, verifier.stored_key) || !decode_key(text, size, verifier.server_key)) {
    return base::fail("has a bad StoredKey or ServerKey: " + std::to_string(size) +
                      " bytes each in base64 are expected");
  }
  return verifier;
}

std::string format_verifier(const Verifier& verifier) {
  const size_t size = key_size(verifier.hash);
  std::string text(scheme_of(verifier.hash));
  text += '$' + std::to_string(verifier.iterations) + ':' + encode_base64(verifier.salt);
  text += '$' + encode_base64(view(verifier.stored_key, size));
  text += ':' + encode_base64(view(verifier.server_key, size));
  return text;
}

Verifier make_verifier(std::string_view password, std::string_view salt, Hash hash) {
  const HashRow& row = row_of(hash);
  Verifier verifier;
  verifier.hash = hash;
  verifier.salt = salt;
  TemporaryKey salted_password;
  // OpenSSL fails only for want of memory or of a hash; a verifier of a wrong password must not come of it.
  if (!salt_password(row, password, salt, verifier.iterations, salted_password) ||
      !derive_stored_key(row, salted_password, verifier.stored_key) ||
      !hmac(row, salted_password, "Server Key", verifier.server_key)) {
    std::abort();
  }
  return verifier;
}

Verifier make_verifier(std::string_view password, Hash hash) {
  std::string salt(kSaltSize, '\0');
  base::random_bytes(salt.data(), salt.size());
  return make_verifier(password, salt, hash);
}

bool matches(const Verifier& verifier, std::string_view password) {
  const HashRow& row = row_of(verifier.hash);
  TemporaryKey salted_password;
  TemporaryKey stored_key;
  return salt_password(row, password, verifier.salt, verifier.iterations, salted_password) &&
         derive_stored_key(row, salted_password, stored_key) &&
         base::equal_in_constant_time(view(stored_key, row.size), view(verifier.stored_key, row.size));
}

}  // namespace mctenant::auth
