#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "support/certificates.h"

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace mctenant::support {

enum class TlsVersion { any, v1_0, v1_2, v1_3 };

struct TlsWish {
  std::string trusted = {};          // PEM; the server's certificate has to be of these. Empty: any
  const Certificate* own = nullptr;  // shown if the server asks
  TlsVersion version = TlsVersion::any;
  std::shared_ptr<ssl_session_st> resume = {};
};

// The client's side of TLS without a socket: bytes in, bytes out, so that a test can do with them what it
// likes.
class TlsClient {
 public:
  explicit TlsClient(const TlsWish& wish = {});
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // What the server sent.
  void take(std::string_view bytes);
  // What is to be sent to it.
  [[nodiscard]] std::string give();

  // Goes on with the handshake; true once it is done. Throws if it fails.
  bool shake_hands();
  void write(std::string_view text);
  // What has come; empty if nothing has.
  [[nodiscard]] std::string read();
  // The server has said that it sends no more.
  [[nodiscard]] bool ended() const;
  void say_farewell();
  // Renews its own keys with the next bytes, and asks the server to renew its own. TLS 1.3 only.
  void renew_keys();

  [[nodiscard]] bool resumed() const;
  [[nodiscard]] std::string version() const;
  // The latest one that the server gave a ticket for; null without. To be asked after something was read.
  [[nodiscard]] std::shared_ptr<ssl_session_st> session() const;
  // PEM.
  [[nodiscard]] std::string server_certificate() const;

 private:
  ssl_ctx_st* context_;
  ssl_st* ssl_;
};

}  // namespace mctenant::support
