#include "support/scram_client.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <charconv>
#include <vector>

namespace mctenant::support {
namespace {

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string to_base64(std::string_view plain) {
  std::string text((plain.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(
      static_cast<size_t>(EVP_EncodeBlock(bytes(text), bytes(plain), static_cast<int>(plain.size()))));
  return text;
}

std::string from_base64(std::string_view text) {
  std::string plain(text.size(), '\0');
  const int size = EVP_DecodeBlock(bytes(plain), bytes(text), static_cast<int>(text.size()));
  size_t padding = 0;
  while (padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  plain.resize(size < 0 ? 0 : static_cast<size_t>(size) - padding);
  return plain;
}

// "," and "=" mean something in a message.
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == ',') {
      text += "=2C";
    } else if (c == '=') {
      text += "=3D";
    } else {
      text += c;
    }
  }
  return text;
}

// The value of `name`=… among the attributes.
std::optional<std::string> attribute(std::string_view message, char name) {
  while (!message.empty()) {
    const std::string_view one = message.substr(0, message.find(','));
    if (one.size() >= 2 && one[0] == name && one[1] == '=') return std::string(one.substr(2));
    message.remove_prefix(std::min(message.size(), one.size() + 1));
  }
  return std::nullopt;
}

std::string digest_of(std::string_view mechanism) {
  if (mechanism == "SCRAM-SHA-1") return "SHA1";
  return mechanism == "SCRAM-SHA-512" ? "SHA512" : "SHA256";
}

}  // namespace

ScramClient::ScramClient(std::string_view mechanism, std::string username, std::string password,
                         std::string nonce)
    : digest_(digest_of(mechanism)),
      username_(std::move(username)),
      password_(std::move(password)),
      nonce_(std::move(nonce)) {}

std::string ScramClient::hmac(const std::string& key, std::string_view text) const {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  HMAC(EVP_get_digestbyname(digest_.c_str()), key.data(), static_cast<int>(key.size()), bytes(text),
       text.size(), bytes(out), &size);
  out.resize(size);
  return out;
}

std::string ScramClient::hash(std::string_view text) const {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), bytes(out), &size, EVP_get_digestbyname(digest_.c_str()), nullptr);
  out.resize(size);
  return out;
}

std::string ScramClient::first() {
  header_ = authorization_.empty() ? "n,," : "n,a=" + escaped(authorization_) + ",";
  bare_ = "n=" + escaped(username_) + ",r=" + nonce_;
  return header_ + bare_;
}

std::optional<std::string> ScramClient::final(std::string_view server_first,
                                              const std::string& salted_password) {
  const auto nonce = attribute(server_first, 'r');
  const auto salt = attribute(server_first, 's');
  const auto count = attribute(server_first, 'i');
  if (!nonce || !salt || !count || !nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) return {};
  salt_ = from_base64(*salt);
  std::from_chars(count->data(), count->data() + count->size(), iterations_);
  const EVP_MD* digest = EVP_get_digestbyname(digest_.c_str());
  salted_password_ = salted_password;
  if (salted_password_.empty()) {
    salted_password_.resize(static_cast<size_t>(EVP_MD_get_size(digest)));
    PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()), bytes(salt_),
                      static_cast<int>(salt_.size()), iterations_, digest,
                      static_cast<int>(salted_password_.size()), bytes(salted_password_));
  }
  const std::string without_proof = "c=" + to_base64(header_) + ",r=" + *nonce;
  all_messages_ = bare_ + "," + std::string(server_first) + "," + without_proof;
  std::string proof = hmac(salted_password_, "Client Key");
  const std::string signature = hmac(hash(proof), all_messages_);
  for (size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  return without_proof + ",p=" + to_base64(proof);
}

bool ScramClient::trusts(std::string_view server_final) const {
  return attribute(server_final, 'v') == to_base64(hmac(hmac(salted_password_, "Server Key"), all_messages_));
}

}  // namespace mctenant::support
