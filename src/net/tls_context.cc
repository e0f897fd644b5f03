#include "net/tls_context.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/secret.h"

namespace mctenant::net {
namespace {

constexpr size_t kMaxFile = 1024 * 1024;
// How long a session may be resumed, in seconds.
constexpr long kTicketLifetime = 2 * 60 * 60;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

// A file's content, overwritten at the end: it may be a private key.
struct PemFile {
  std::string text;
  bool open_to_others = false;

  PemFile() = default;
  PemFile(PemFile&& other) noexcept = default;
  PemFile(const PemFile&) = delete;
  PemFile& operator=(const PemFile&) = delete;
  PemFile& operator=(PemFile&&) = delete;
  ~PemFile() { base::wipe(text); }
  [[nodiscard]] Owned<BIO> bio() const {
    return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  }
};

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

base::Expected<PemFile> read_pem(const std::string& path) {
  const auto cannot = [&path] { return base::fail(path + " can't be read: " + std::strerror(errno)); };
  // Not blocking, since it might be a pipe.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (file.fd < 0 || fstat(file.fd, &status) != 0) return cannot();
  if (!S_ISREG(status.st_mode)) return base::fail(path + " is not a file");
  if (static_cast<uint64_t>(status.st_size) > kMaxFile) return base::fail(path + " is larger than 1MiB");
  PemFile result;
  result.open_to_others = (status.st_mode & (S_IROTH | S_IWOTH)) != 0;
  result.text.resize(static_cast<size_t>(status.st_size));
  size_t size = 0;
  while (size < result.text.size()) {
    const ssize_t got = read(file.fd, result.text.data() + size, result.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot();
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  result.text.resize(size);
  return result;
}

// Never asks at the terminal: a key with a passphrase can't be read.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

// All certificates of a PEM text; none if one of them is broken.
std::vector<Owned<X509>> parse_certificates(const PemFile& file) {
  std::vector<Owned<X509>> certificates;
  const Owned<BIO> bio = file.bio();
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    certificates.emplace_back(certificate);
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) certificates.clear();
  ERR_clear_error();
  return certificates;
}

std::string time_text(const ASN1_TIME* time) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

// Name, HMAC key and AES key, of this process.
std::array<char, 80> ticket_keys() {
  static const auto keys = [] {
    std::array<char, 80> made{};
    base::random_bytes(made.data(), made.size());
    return made;
  }();
  return keys;
}

}  // namespace

class TlsContext::Loader {
 public:
  explicit Loader(const TlsOptions& options)
      : options_(options), context_(new TlsContext(SSL_CTX_new(TLS_server_method()))) {}

  Loaded load() {
    configure();
    load_certificate();
    load_key();
    if (!options_.client_ca.empty()) load_client_ca();
    ERR_clear_error();
    if (loaded_.faults.empty()) {
      context_->client_identity_ = options_.client_identity;
      loaded_.context = std::shared_ptr<const TlsContext>(std::move(context_));
    }
    return std::move(loaded_);
  }

 private:
  [[nodiscard]] SSL_CTX* get() const { return context_->context_; }
  void fault(Part part, std::string message) { loaded_.faults.push_back({part, std::move(message)}); }
  void warn(Part part, std::string message) { loaded_.warnings.push_back({part, std::move(message)}); }

  void configure() {
    SSL_CTX_set_min_proto_version(get(), TLS1_2_VERSION);
    // A peer that goes without a word of farewell is an ordinary end: our frames tell their lengths.
    SSL_CTX_set_options(get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(get(), 1);
    // Tickets alone: nothing is shared between threads. One is enough, since it may be used again.
    SSL_CTX_set_session_cache_mode(get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(get(), 1);
    SSL_CTX_set_timeout(get(), kTicketLifetime);
    auto keys = ticket_keys();
    SSL_CTX_set_tlsext_ticket_keys(get(), keys.data(), keys.size());
    base::wipe(keys.data(), keys.size());
    set_session_id_context("");
    SSL_CTX_set_default_passwd_cb(get(), no_passphrase);
  }

  // A ticket is good only where its holder would be let in without it, too.
  void set_session_id_context(std::string_view client_ca) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(client_ca.data(), client_ca.size(), digest.data(), &size, EVP_sha256(), nullptr);
    SSL_CTX_set_session_id_context(get(), digest.data(), SSL_MAX_SID_CTX_LENGTH);
  }

  void load_certificate() {
    const auto file = read_pem(options_.certificate);
    if (!file) return fault(Part::certificate, file.error().message);
    auto chain = parse_certificates(*file);
    if (chain.empty()) return fault(Part::certificate, options_.certificate + " holds no certificate in PEM");
    if (SSL_CTX_use_certificate(get(), chain.front().get()) != 1) {
      return fault(Part::certificate,
                   options_.certificate + " holds a certificate that can't be used: " + reason());
    }
    for (size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(get(), chain[i].get());
    warn_of_dates(Part::certificate, options_.certificate, chain.front().get());
  }

  void warn_of_dates(Part part, const std::string& path, const X509* certificate) {
    const ASN1_TIME* end = X509_get0_notAfter(certificate);
    const ASN1_TIME* begin = X509_get0_notBefore(certificate);
    if (X509_cmp_current_time(end) < 0) {
      warn(part, "the certificate in " + path + " has expired on " + time_text(end));
    } else if (X509_cmp_current_time(begin) > 0) {
      warn(part, "the certificate in " + path + " is not valid before " + time_text(begin));
    }
  }

  void load_key() {
    const auto file = read_pem(options_.private_key);
    if (!file) return fault(Part::private_key, file.error().message);
    bool asked = false;
    const Owned<BIO> bio = file->bio();
    const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &asked));
    if (!key && asked) {
      return fault(
          Part::private_key,
          options_.private_key + " asks for a passphrase; take it off: `openssl pkey -in KEY -out NEW`");
    }
    if (!key) return fault(Part::private_key, options_.private_key + " holds no private key in PEM");
    if (file->open_to_others) {
      warn(Part::private_key,
           "anybody on this machine may read or write " + options_.private_key + ": chmod 600 it");
    }
    const X509* certificate = SSL_CTX_get0_certificate(get());
    if (certificate == nullptr) return;  // told already
    if (X509_check_private_key(certificate, key.get()) != 1) {
      return fault(Part::private_key,
                   options_.private_key + " is not the key of the certificate in " + options_.certificate);
    }
    if (SSL_CTX_use_PrivateKey(get(), key.get()) != 1) {
      fault(Part::private_key, options_.private_key + " holds a key that can't be used: " + reason());
    }
  }

  void load_client_ca() {
    const auto file = read_pem(options_.client_ca);
    if (!file) return fault(Part::client_ca, file.error().message);
    const auto authorities = parse_certificates(*file);
    if (authorities.empty())
      return fault(Part::client_ca, options_.client_ca + " holds no certificate in PEM");
    X509_STORE* store = SSL_CTX_get_cert_store(get());
    // What stands in the file is trusted as it stands, be it an authority's own certificate or one below it.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    for (const auto& authority : authorities) {
      X509_STORE_add_cert(store, authority.get());
      SSL_CTX_add_client_CA(get(), authority.get());
      warn_of_dates(Part::client_ca, options_.client_ca, authority.get());
    }
    SSL_CTX_set_verify(get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    set_session_id_context(file->text);
  }

  static std::string reason() {
    const char* text = ERR_reason_error_string(ERR_peek_last_error());
    return text != nullptr ? text : "unknown reason";
  }

  const TlsOptions& options_;
  std::unique_ptr<TlsContext> context_;
  Loaded loaded_;
};

TlsContext::Loaded TlsContext::load(const TlsOptions& options) { return Loader(options).load(); }

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

}  // namespace mctenant::net
