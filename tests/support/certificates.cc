#include "support/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <stdexcept>

namespace mctenant::support {
namespace {

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string result(text, static_cast<size_t>(size));
  BIO_free(bio);
  return result;
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) throw std::runtime_error("no such extension: " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

Certificate::Certificate(const CertificateWish& wish, const Certificate* issuer)
    : Certificate(wish, issuer, false) {}

Certificate::Certificate(const CertificateWish& wish, const Certificate* issuer, bool is_authority)
    : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), certificate_(X509_new(), &X509_free) {
  static long serial = 0;
  X509* made = certificate_.get();
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
  X509_time_adj_ex(X509_getm_notBefore(made), wish.from_day, 0, nullptr);
  X509_time_adj_ex(X509_getm_notAfter(made), wish.to_day, 0, nullptr);
  X509_set_pubkey(made, key_.get());
  for (const std::string& name : wish.common_names) {
    X509_NAME_add_entry_by_NID(X509_get_subject_name(made), NID_commonName, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
  }
  X509* signer = issuer != nullptr ? issuer->certificate_.get() : made;
  X509_set_issuer_name(made, X509_get_subject_name(signer));
  if (is_authority) add_extension(made, signer, NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.alternative_names.empty()) {
    add_extension(made, signer, NID_subject_alt_name, wish.alternative_names);
  }
  X509_sign(made, issuer != nullptr ? issuer->key_.get() : key_.get(), EVP_sha256());

  BIO* certificate = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate, made);
  pem_ = text_of(certificate);
  BIO* key = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  key_pem_ = text_of(key);
}

Certificate Certificate::authority(const std::string& name) {
  return Certificate({.common_names = {name}}, nullptr, true);
}

void Certificate::write(const TempFolder& folder, const std::string& name) const {
  for (const auto& [suffix, text] : {std::pair{".pem", pem_}, std::pair{"-key.pem", key_pem_}}) {
    const std::string next = folder.write(name + suffix + ".next", text);
    std::filesystem::permissions(next,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::rename(next, folder.file(name + suffix));
  }
}

}  // namespace mctenant::support
