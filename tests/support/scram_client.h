#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mctenant::support {

// The client's side of SCRAM (RFC 5802, RFC 7677), written from the standard alone, so that it shares no
// mistake with what it is to test. One conversation.
class ScramClient {
 public:
  // `mechanism` is SCRAM-SHA-1, SCRAM-SHA-256 or SCRAM-SHA-512. Name and password as they are, no SASLprep.
  ScramClient(std::string_view mechanism, std::string username, std::string password,
              std::string nonce = "fyko+d2lbbFgONRv9qkxdawL");

  // Who to act as; before first().
  void set_authorization(std::string name) { authorization_ = std::move(name); }

  [[nodiscard]] std::string first();
  // The answer to the server's first message, whose salt and iterations are then known. Nothing if it is not
  // one. Costs the PBKDF2, unless `salted_password` (of another conversation with that salt) is given.
  [[nodiscard]] std::optional<std::string> final(std::string_view server_first,
                                                 const std::string& salted_password = "");
  // Whether the server has shown that it knows the verifier.
  [[nodiscard]] bool trusts(std::string_view server_final) const;

  [[nodiscard]] const std::string& salt() const { return salt_; }
  [[nodiscard]] int iterations() const { return iterations_; }
  [[nodiscard]] const std::string& salted_password() const { return salted_password_; }

 private:
  [[nodiscard]] std::string hmac(const std::string& key, std::string_view text) const;
  [[nodiscard]] std::string hash(std::string_view text) const;

  std::string digest_;
  std::string username_;
  std::string password_;
  std::string nonce_;
  std::string authorization_;
  std::string header_;
  std::string bare_;
  std::string salt_;
  int iterations_ = 0;
  std::string salted_password_;
  std::string all_messages_;
};

}  // namespace mctenant::support
