#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/temp_folder.h"

struct evp_pkey_st;
struct x509_st;

namespace mctenant::support {

// What a certificate is to say.
struct CertificateWish {
  std::vector<std::string> common_names = {"localhost"};
  std::string alternative_names = {};  // as openssl's configuration has it: "DNS:localhost,email:a@b"
  int from_day = -1;                   // relative to now
  int to_day = 30;
};

// A key and its certificate, both also in PEM. Keys are P-256, which are made in no time.
class Certificate {
 public:
  // Signed by `issuer`, or by itself.
  explicit Certificate(const CertificateWish& wish, const Certificate* issuer = nullptr);

  // An authority of that name.
  static Certificate authority(const std::string& name);

  [[nodiscard]] const std::string& pem() const { return pem_; }
  [[nodiscard]] const std::string& key_pem() const { return key_pem_; }
  // Writes <name>.pem and <name>-key.pem, each whole at any moment.
  void write(const TempFolder& folder, const std::string& name) const;

 private:
  Certificate(const CertificateWish& wish, const Certificate* issuer, bool is_authority);

  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
  std::string pem_;
  std::string key_pem_;
};

}  // namespace mctenant::support
