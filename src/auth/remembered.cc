#include "auth/remembered.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/secret.h"

namespace mctenant::auth {
namespace {

// With its length before it, no field can run into the next.
void append_field(std::string& text, std::string_view field) {
  const uint64_t length = field.size();
  text.append(reinterpret_cast<const char*>(&length), sizeof(length));
  text.append(field);
}

template <size_t kSize>
std::string_view view(const std::array<uint8_t, kSize>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Remembered::Remembered(size_t capacity) : capacity_(capacity) {
  base::random_bytes(key_.data(), key_.size());
}

size_t Remembered::DigestHash::operator()(const Digest& digest) const {
  size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof(hash));
  return hash;
}

Remembered::Digest Remembered::digest(std::string_view username, const Verifier& verifier,
                                      std::string_view password) const {
  std::string text;
  // Room for all of it at once: growing would leave the password in memory that was given back.
  text.reserve(6 * sizeof(uint64_t) + username.size() + sizeof(verifier.iterations) + verifier.salt.size() +
               verifier.stored_key.size() + verifier.server_key.size() + password.size());
  append_field(text, username);
  append_field(text, {reinterpret_cast<const char*>(&verifier.iterations), sizeof(verifier.iterations)});
  append_field(text, verifier.salt);
  append_field(text, view(verifier.stored_key));
  append_field(text, view(verifier.server_key));
  append_field(text, password);
  Digest digest;
  // Without a digest every password would be remembered as the same: nothing safe can follow.
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data(), nullptr) == nullptr) {
    std::abort();
  }
  base::wipe(text);
  return digest;
}

bool Remembered::contains(const Digest& wanted) {
  std::lock_guard lock(mutex_);
  const auto found = found_.find(wanted);
  if (found == found_.end()) return false;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return true;
}

void Remembered::add(const Digest& added) {
  if (capacity_ == 0) return;
  std::lock_guard lock(mutex_);
  if (found_.contains(added)) return;
  if (found_.size() == capacity_) {
    found_.erase(by_use_.back());
    by_use_.pop_back();
  }
  by_use_.push_front(added);
  found_.emplace(added, by_use_.begin());
}

size_t Remembered::size() const {
  std::lock_guard lock(mutex_);
  return found_.size();
}

}  // namespace mctenant::auth
