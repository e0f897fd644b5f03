#include "support/tls_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <stdexcept>

namespace mctenant::support {
namespace {

int number_of(TlsVersion version) {
  switch (version) {
    case TlsVersion::v1_0:
      return TLS1_VERSION;
    case TlsVersion::v1_2:
      return TLS1_2_VERSION;
    case TlsVersion::v1_3:
      return TLS1_3_VERSION;
    default:
      return 0;
  }
}

BIO* memory(std::string_view text) { return BIO_new_mem_buf(text.data(), static_cast<int>(text.size())); }

[[noreturn]] void fail() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  throw std::runtime_error(std::string("TLS: ") + (reason != nullptr ? reason : "the server closed"));
}

}  // namespace

TlsClient::TlsClient(const TlsWish& wish) : context_(SSL_CTX_new(TLS_client_method())) {
  const int version = number_of(wish.version);
  if (wish.version == TlsVersion::v1_0) SSL_CTX_set_security_level(context_, 0);
  SSL_CTX_set_min_proto_version(context_, version);
  SSL_CTX_set_max_proto_version(context_, version);
  if (!wish.trusted.empty()) {
    BIO* bio = memory(wish.trusted);
    while (X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), certificate);
      X509_free(certificate);
    }
    BIO_free(bio);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  }
  if (wish.own != nullptr) {
    BIO* bio = memory(wish.own->pem());
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = memory(wish.own->key_pem());
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ssl_ = SSL_new(context_);
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl_);
  if (wish.resume) SSL_set_session(ssl_, wish.resume.get());
}

TlsClient::~TlsClient() {
  SSL_set_quiet_shutdown(ssl_, 1);
  SSL_shutdown(ssl_);  // else the session is not to be resumed
  SSL_free(ssl_);
  SSL_CTX_free(context_);
}

void TlsClient::take(std::string_view bytes) {
  BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
}

std::string TlsClient::give() {
  BIO* out = SSL_get_wbio(ssl_);
  std::string bytes(BIO_ctrl_pending(out), '\0');
  if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

bool TlsClient::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return true;
  if (SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ) fail();
  return false;
}

void TlsClient::write(std::string_view text) {
  ERR_clear_error();
  if (text.empty()) return;
  if (SSL_write(ssl_, text.data(), static_cast<int>(text.size())) <= 0) fail();
}

std::string TlsClient::read() {
  std::string all;
  char chunk[16 * 1024];
  for (;;) {
    ERR_clear_error();
    const int got = SSL_read(ssl_, chunk, sizeof chunk);
    if (got > 0) {
      all.append(chunk, static_cast<size_t>(got));
      continue;
    }
    const int error = SSL_get_error(ssl_, got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) return all;
    fail();
  }
}

bool TlsClient::ended() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }

void TlsClient::say_farewell() { SSL_shutdown(ssl_); }

void TlsClient::renew_keys() { SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED); }

bool TlsClient::resumed() const { return SSL_session_reused(ssl_) != 0; }

std::string TlsClient::version() const { return SSL_get_version(ssl_); }

std::shared_ptr<SSL_SESSION> TlsClient::session() const {
  return {SSL_get1_session(ssl_), &SSL_SESSION_free};
}

std::string TlsClient::server_certificate() const {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, SSL_get0_peer_certificate(ssl_));
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

}  // namespace mctenant::support
