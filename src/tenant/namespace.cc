#include "tenant/namespace.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace mctenant::tenant {
namespace {

constexpr size_t kDigestBytes = 32;

bool alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// memcached's text parser ends a token at a space or a line's end; control bytes are kept away from logs and
// terminals too. Bytes above 0x7f pass, so that UTF-8 stays readable. Without a branch, for the vector units.
bool text_safe(std::string_view text) {
  unsigned unsafe = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    unsafe |= static_cast<unsigned>(byte < 0x21) | static_cast<unsigned>(byte == 0x7f);
  }
  return unsafe == 0;
}

// The digest's implementation is looked up once, and each thread keeps one context: no allocation a call.
void sha256(std::string_view text, unsigned char* out) {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                                     &EVP_MD_CTX_free);
  // Without a digest two tenants' keys could meet: nothing safe can follow.
  if (EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), text.data(), text.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out, nullptr) != 1) {
    std::abort();
  }
}

// RFC 4648, section 5, without padding.
void write_base64url(const unsigned char (&digest)[kDigestBytes], char* out) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  size_t i = 0;
  for (; i + 3 <= kDigestBytes; i += 3) {
    *out++ = kAlphabet[digest[i] >> 2];
    *out++ = kAlphabet[(digest[i] & 0x03) << 4 | digest[i + 1] >> 4];
    *out++ = kAlphabet[(digest[i + 1] & 0x0f) << 2 | digest[i + 2] >> 6];
    *out++ = kAlphabet[digest[i + 2] & 0x3f];
  }
  static_assert(kDigestBytes % 3 == 2 && kDigestLength == kDigestBytes / 3 * 4 + 3);
  *out++ = kAlphabet[digest[i] >> 2];
  *out++ = kAlphabet[(digest[i] & 0x03) << 4 | digest[i + 1] >> 4];
  *out++ = kAlphabet[(digest[i + 1] & 0x0f) << 2];
}

// Takes `part` off the beginning of `text`; false if it does not stand there.
bool take(std::string_view& text, std::string_view part) {
  if (!text.starts_with(part)) return false;
  text.remove_prefix(part.size());
  return true;
}

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

bool valid_namespace(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNamespace && std::all_of(text.begin(), text.end(), alphanumeric);
}

std::string make_prefix(std::string_view key_namespace, TenantId id, Generation generation) {
  std::string prefix(key_namespace);
  prefix += '.';
  prefix += std::to_string(id);
  prefix += '.';
  prefix += std::to_string(generation);
  prefix += ':';
  return prefix;
}

std::optional<ServerKeyParts> parse_server_key(std::string_view key_namespace, std::string_view server_key) {
  const std::string_view key = server_key;
  if (!take(server_key, key_namespace) || !take(server_key, ".")) return std::nullopt;
  ServerKeyParts parts;
  if (!take_number(server_key, parts.id) || !take(server_key, ".") ||
      !take_number(server_key, parts.generation) || !take(server_key, ":") || server_key.empty()) {
    return std::nullopt;
  }
  parts.tail = server_key;
  // Numbers can be written in more than one way, and only one of them is ours.
  const std::string prefix = make_prefix(key_namespace, parts.id, parts.generation);
  if (!key.starts_with(prefix)) return std::nullopt;
  return parts;
}

bool readable(std::string_view prefix, std::string_view client_key) {
  return !client_key.empty() && client_key.front() != '~' &&
         client_key.size() <= kMaxServerKey - prefix.size() && text_safe(client_key);
}

size_t write_server_key(std::string_view prefix, std::string_view client_key, char* out) {
  std::memcpy(out, prefix.data(), prefix.size());
  char* const rest = out + prefix.size();
  if (readable(prefix, client_key)) {
    std::memcpy(rest, client_key.data(), client_key.size());
    return prefix.size() + client_key.size();
  }
  unsigned char digest[kDigestBytes];
  sha256(client_key, digest);
  *rest = '~';
  write_base64url(digest, rest + 1);
  return prefix.size() + 1 + kDigestLength;
}

}  // namespace mctenant::tenant
