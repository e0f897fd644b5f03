#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/output_queue.h"
#include "net/tls_context.h"

struct ssl_st;
struct bio_st;

namespace mctenant::net {

// Why TLS has failed on a connection. X(name, what it means)
#define MCTENANT_TLS_FAULTS(X)                                                       \
  X(plain_text, "the client does not speak TLS")                                     \
  X(lost, "the client went away before the TLS handshake was done")                  \
  X(version, "client and server have no TLS version in common")                      \
  X(cipher, "client and server have no cipher, group or signature in common")        \
  X(no_certificate, "the client shows no certificate")                               \
  X(bad_certificate, "the client's certificate is not of client_ca, or has expired") \
  X(alert, "the client refuses with an alert: it may not trust our certificate")     \
  X(malformed, "the client sends a TLS record or message that is broken")

enum class TlsFault : uint8_t {
#define X(name, meaning) name,
  MCTENANT_TLS_FAULTS(X)
#undef X
};

#define X(name, meaning) meaning,
inline constexpr std::string_view kTlsFaultMeanings[] = {MCTENANT_TLS_FAULTS(X)};
#undef X

#define X(name, meaning) +1
inline constexpr size_t kTlsFaults = 0 MCTENANT_TLS_FAULTS(X);
#undef X

inline constexpr std::array<std::string_view, kTlsFaults> kTlsFaultNames{
#define X(name, meaning) #name,
    MCTENANT_TLS_FAULTS(X)
#undef X
};

[[nodiscard]] constexpr std::string_view name_of(TlsFault fault) {
  return kTlsFaultNames[static_cast<size_t>(fault)];
}

// The server's side of one TLS connection, straight on a non-blocking socket. Between records it holds no
// buffers. Used on one thread.
class TlsSession {
 public:
  enum class Result {
    done,         // what was asked for
    wants_read,   // go on when the socket is readable
    wants_write,  // go on when the socket is writable
    ended,        // the peer sends no more
    failed,       // fault() tells why; nothing more can be done but to close
  };

  // The socket stays the caller's, and must be open as long as functions are called.
  TlsSession(const TlsContext& context, int fd);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Until done.
  [[nodiscard]] Result shake_hands();
  // Fills the `count` places one after the other, as far as there is something to read, and says with how
  // many bytes. If there are any, the result is done; what stands behind them shows in the next call.
  [[nodiscard]] Result read(const iovec* places, int count, size_t& got);
  // There may be more to read, though the socket need not be readable.
  [[nodiscard]] bool more_to_read() const { return more_; }
  // Writes one record, of as much of `output` as it takes, and consumes that from it.
  [[nodiscard]] Result write(base::OutputQueue& output);
  // Tells the peer that no more comes.
  [[nodiscard]] Result say_farewell();

  // After failed.
  [[nodiscard]] TlsFault fault() const { return fault_; }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] const std::string& peer() const { return peer_; }  // as peer_text()

  // After the handshake.
  [[nodiscard]] bool resumed() const;
  [[nodiscard]] bool version_1_3() const;
  // What stands in this field of the client's certificate, as it stands there; nothing without a certificate,
  // or if it has expired since it was verified.
  [[nodiscard]] std::vector<std::string> peer_names(CertificateField field) const;

 private:
  friend struct SocketBio;

  Result settle(int result);
  Result fail(TlsFault fault, const char* detail);
  [[nodiscard]] TlsFault fault_of(int reason) const;

  int fd_;
  bool more_ = true;
  bool failed_ = false;
  bool first_byte_known_ = false;
  uint8_t first_byte_ = 0;
  TlsFault fault_ = TlsFault::malformed;
  std::string error_;
  std::string peer_;
  ssl_st* ssl_;
};

}  // namespace mctenant::net
