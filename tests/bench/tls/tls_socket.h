#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "client/socket.h"

namespace mctenant::bench {

struct FreeTls {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTls>;

// A client's context that trusts everybody. `version` is "1.2" or "1.3".
TlsContext make_tls_context(const std::string& version);

// One non-blocking connection with TLS on it. Everything says what it still waits for by events().
class TlsSocket {
 public:
  enum class State { kConnecting, kShaking, kOpen, kEnded };

  TlsSocket(SSL_CTX* context, int fd);
  ~TlsSocket();
  TlsSocket(const TlsSocket&) = delete;
  TlsSocket& operator=(const TlsSocket&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] uint32_t events() const { return events_; }
  // Goes on with connecting and the handshake; what failed stands in error().
  void advance();
  // Sends all of it, now or with a later flush().
  void send(std::string_view bytes);
  void flush();
  // Appends what has come.
  void receive(std::string& into);
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  // What to wait for after an operation that is not done.
  void wait_for(int result);
  void fail(std::string why);

  int fd_;
  State state_ = State::kConnecting;
  uint32_t events_ = EPOLLOUT;
  std::unique_ptr<SSL, FreeTls> ssl_;
  std::string unsent_;
  std::string error_;
};

}  // namespace mctenant::bench
