#include "net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/block.h"
#include "net/address.h"

namespace mctenant::net {
namespace {

constexpr uint8_t kHandshakeRecord = 22;
// What is gathered into one record: a medium block's worth, nearly the most that a record holds.
constexpr size_t kRecord = base::kMediumBlock;
constexpr int kMaxGather = 64;

}  // namespace

// OpenSSL's way to the socket: as its own, but that a write to a closed one raises no signal, and that the
// first byte of the conversation is remembered.
struct SocketBio {
  static int write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    const auto* session = static_cast<TlsSession*>(BIO_get_data(bio));
    const ssize_t sent = send(session->fd_, data, static_cast<size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }
  static int read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    auto* session = static_cast<TlsSession*>(BIO_get_data(bio));
    const ssize_t got = recv(session->fd_, data, static_cast<size_t>(size), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    if (got > 0 && !std::exchange(session->first_byte_known_, true)) {
      session->first_byte_ = static_cast<uint8_t>(data[0]);
    }
    return static_cast<int>(got);
  }
  static long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }
  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mctenant socket");
      BIO_meth_set_write(method, write);
      BIO_meth_set_read(method, read);
      BIO_meth_set_ctrl(method, control);
      return method;
    }();
    return made;
  }
};

TlsSession::TlsSession(const TlsContext& context, int fd) : fd_(fd), ssl_(SSL_new(context.get())) {
  BIO* bio = BIO_new(SocketBio::method());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    SSL_free(ssl_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

TlsSession::Result TlsSession::shake_hands() {
  ERR_clear_error();
  return settle(SSL_do_handshake(ssl_));
}

TlsSession::Result TlsSession::read(const iovec* places, int count, size_t& got) {
  got = 0;
  for (int i = 0; i < count; ++i) {
    auto* to = static_cast<char*>(places[i].iov_base);
    size_t room = places[i].iov_len;
    while (room > 0) {
      ERR_clear_error();
      size_t size = 0;
      if (const int result = SSL_read_ex(ssl_, to, room, &size); result != 1) {
        const Result settled = settle(result);
        more_ = settled != Result::wants_read;
        return got > 0 ? Result::done : settled;
      }
      got += size;
      to += size;
      room -= size;
      // What OpenSSL holds is no whole record perhaps; then the next call finds out.
      more_ = SSL_has_pending(ssl_) != 0;
      if (!more_) return Result::done;
    }
  }
  return Result::done;
}

TlsSession::Result TlsSession::write(base::OutputQueue& output) {
  iovec pieces[kMaxGather];
  const int count = output.gather(pieces, kMaxGather);
  // A record that could not be written is offered again, with more behind it perhaps: it must not become
  // shorter, which holds since both the queue and its first pieces only grow until they are consumed.
  size_t size = 0;
  for (int i = 0; i < count && size < kRecord; ++i) size += std::min(pieces[i].iov_len, kRecord - size);
  const void* record = pieces[0].iov_base;
  base::BlockRef gathered;
  if (pieces[0].iov_len < size) {
    gathered = base::BlockRef(base::Block::take(kRecord));
    record = gathered->data();
    size_t copied = 0;
    for (int i = 0; copied < size; ++i) {
      const size_t here = std::min(pieces[i].iov_len, size - copied);
      std::memcpy(gathered->data() + copied, pieces[i].iov_base, here);
      copied += here;
    }
  }
  ERR_clear_error();
  size_t written = 0;
  if (const int result = SSL_write_ex(ssl_, record, size, &written); result != 1) return settle(result);
  output.consume(written);
  return Result::done;
}

TlsSession::Result TlsSession::say_farewell() {
  if (failed_ || SSL_in_init(ssl_) != 0) return Result::done;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_);
  // Whether the peer says farewell, too, is of no interest.
  return result >= 0 ? Result::done : settle(result);
}

TlsSession::Result TlsSession::settle(int result) {
  if (result == 1) return Result::done;
  const int error = errno;
  if (failed_) return Result::failed;
  const bool shaking_hands = SSL_is_init_finished(ssl_) == 0;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Result::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Result::wants_write;
    case SSL_ERROR_ZERO_RETURN:
      return shaking_hands ? fail(TlsFault::lost, nullptr) : Result::ended;
    case SSL_ERROR_SSL: {
      const unsigned long code = ERR_peek_error();
      const TlsFault fault = fault_of(ERR_GET_REASON(code));
      return fail(fault, fault == TlsFault::bad_certificate
                             ? X509_verify_cert_error_string(SSL_get_verify_result(ssl_))
                             : ERR_reason_error_string(code));
    }
    default:
      return fail(TlsFault::lost, error != 0 ? std::strerror(error) : nullptr);
  }
}

TlsSession::Result TlsSession::fail(TlsFault fault, const char* detail) {
  failed_ = true;
  fault_ = fault;
  peer_ = peer_text(fd_);
  if (fault == TlsFault::lost && SSL_is_init_finished(ssl_) != 0) {
    error_ = detail != nullptr ? detail : "the connection was lost";
    return Result::failed;
  }
  error_ = kTlsFaultMeanings[static_cast<size_t>(fault)];
  if (fault != TlsFault::plain_text && detail != nullptr) error_ += std::string(" (") + detail + ")";
  return Result::failed;
}

TlsFault TlsSession::fault_of(int reason) const {
  if (first_byte_known_ && first_byte_ != kHandshakeRecord) return TlsFault::plain_text;
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return TlsFault::version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return TlsFault::cipher;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsFault::no_certificate;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return TlsFault::bad_certificate;
    default:
      // Reasons from there on are alerts of the peer.
      return reason >= SSL_AD_REASON_OFFSET ? TlsFault::alert : TlsFault::malformed;
  }
}

bool TlsSession::resumed() const { return SSL_session_reused(ssl_) != 0; }

bool TlsSession::version_1_3() const { return SSL_version(ssl_) == TLS1_3_VERSION; }

namespace {

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

std::vector<std::string> common_names(const X509* certificate) {
  std::vector<std::string> names;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size >= 0) names.emplace_back(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
    OPENSSL_free(utf8);
  }
  return names;
}

std::vector<std::string> alternative_names(const X509* certificate, int kind) {
  std::vector<std::string> names;
  auto* all =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type == kind) names.push_back(text_of(name->d.ia5));  // all three kinds are IA5 strings
  }
  GENERAL_NAMES_free(all);
  return names;
}

}  // namespace

std::vector<std::string> TlsSession::peer_names(CertificateField field) const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_);
  // A resumed session was verified when it was new.
  if (certificate == nullptr || X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) return {};
  switch (field) {
    case CertificateField::cn:
      return common_names(certificate);
    case CertificateField::san_dns:
      return alternative_names(certificate, GEN_DNS);
    case CertificateField::san_email:
      return alternative_names(certificate, GEN_EMAIL);
    case CertificateField::san_uri:
      return alternative_names(certificate, GEN_URI);
  }
  return {};
}

}  // namespace mctenant::net
