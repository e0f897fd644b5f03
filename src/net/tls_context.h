#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

struct ssl_ctx_st;

namespace mctenant::net {

// Where a client certificate carries the name of whom it stands for.
enum class CertificateField { cn, san_dns, san_email, san_uri };

// What TLS is made of: paths of PEM files.
struct TlsOptions {
  std::string certificate;  // the server's, then those between it and the authority that clients know
  std::string private_key;
  std::string client_ca;  // empty: clients need no certificate. Otherwise they need one of these authorities
  std::optional<CertificateField> client_identity;  // with client_ca only

  bool operator==(const TlsOptions&) const = default;
};

// The server's side of TLS 1.2 and 1.3 for one listener: certificate, key, and whom it lets in. Never changed
// once loaded: any thread may begin sessions with it, and a session keeps what it needs of it.
//
// Cipher suites and groups are OpenSSL's defaults, the server's order first. Sessions are resumed by tickets,
// whose keys are made once for the process: a ticket is good for every worker and for later contexts of the
// same client_ca. Renegotiation, compression and early data are off.
class TlsContext {
 public:
  enum class Part { certificate, private_key, client_ca };
  struct Finding {
    Part part;
    std::string message;
  };
  struct Loaded {
    std::shared_ptr<const TlsContext> context;  // only without faults
    std::vector<Finding> faults;
    std::vector<Finding> warnings;  // expired, not valid yet, a key that others may read
  };

  // Reads all files; blocks on the disk. A key with a passphrase is a fault. Any thread.
  [[nodiscard]] static Loaded load(const TlsOptions& options);

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  [[nodiscard]] std::optional<CertificateField> client_identity() const { return client_identity_; }
  // For this room only.
  [[nodiscard]] ssl_ctx_st* get() const { return context_; }

 private:
  class Loader;

  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  ssl_ctx_st* context_;
  std::optional<CertificateField> client_identity_;
};

}  // namespace mctenant::net
