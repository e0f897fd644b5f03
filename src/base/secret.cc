#include "base/secret.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace mctenant::base {

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(char* data, size_t size) { OPENSSL_cleanse(data, size); }

void random_bytes(void* out, size_t size) {
  auto* next = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t got = getrandom(next, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) std::abort();
    next += got;
    size -= static_cast<size_t>(got);
  }
}

std::string random_alphanumeric(size_t length) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr uint8_t kCount = sizeof(kAlphabet) - 1;
  std::string text;
  while (text.size() < length) {
    uint8_t byte = 0;
    random_bytes(&byte, 1);
    if (byte < 256 / kCount * kCount) text.push_back(kAlphabet[byte % kCount]);  // else biased: draw again
  }
  return text;
}

}  // namespace mctenant::base
