#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "support/process.h"
#include "support/tls_client.h"

namespace mctenant::support {

// How the other side of a connection stands.
enum class Peer { open, closed, reset };

// A blocking stream socket with a time limit on everything.
class Connection {
 public:
  // "127.0.0.1:PORT", or the path of a unix socket. Throws std::runtime_error if refused.
  explicit Connection(const std::string& address);
  // With TLS, once the handshake is done. Throws, too, if that fails.
  Connection(const std::string& address, const TlsWish& wish);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;

  // Sends all; false if the peer is gone or takes nothing for 10 seconds.
  bool send(std::string_view bytes);
  // Reads what is there, at most 64 KiB, waiting up to `limit` for the first byte; false on none or the end.
  bool read_some(Milliseconds limit);
  // What was read and not yet taken.
  [[nodiscard]] std::string_view unread() const { return std::string_view(buffer_).substr(taken_); }
  void take(size_t bytes);
  // Reads until `end` has been read and returns all up to it, `end` included. Throws if it doesn't come.
  std::string read_until(std::string_view end, Milliseconds limit = 5s);

  // Tells the peer that nothing more comes.
  void finish_sending() const;
  // Keeps the kernel from holding more than about this much for us, both ways. Before the first send.
  void shrink_buffers(int bytes) const;
  // Reads and drops all until the peer closes or resets; Peer::open if it does neither within `limit`.
  Peer wait_for_end(Milliseconds limit);
  [[nodiscard]] Peer peer() const { return peer_; }
  [[nodiscard]] TlsClient& tls() { return *tls_; }

 private:
  bool send_raw(std::string_view bytes) const;

  int fd_ = -1;
  std::unique_ptr<TlsClient> tls_;
  std::string buffer_;
  size_t taken_ = 0;
  Peer peer_ = Peer::open;
};

// One GET over HTTP/1.1. Throws std::runtime_error if there is no answer.
struct HttpAnswer {
  int status;
  std::string headers;
  std::string body;
};
HttpAnswer http_get(const std::string& address, const std::string& path);

}  // namespace mctenant::support
