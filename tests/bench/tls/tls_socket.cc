#include "tls/tls_socket.h"

#include <openssl/err.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace mctenant::bench {

TlsContext make_tls_context(const std::string& version) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  const int number = version == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX_set_min_proto_version(context.get(), number);
  SSL_CTX_set_max_proto_version(context.get(), number);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

TlsSocket::TlsSocket(SSL_CTX* context, int fd) : fd_(fd), ssl_(SSL_new(context)) {
  SSL_set_fd(ssl_.get(), fd);
  SSL_set_connect_state(ssl_.get());
}

TlsSocket::~TlsSocket() { close(fd_); }

void TlsSocket::fail(std::string why) {
  state_ = State::kEnded;
  error_ = std::move(why);
}

void TlsSocket::wait_for(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      events_ = EPOLLIN;
      return;
    case SSL_ERROR_WANT_WRITE:
      events_ = EPOLLIN | EPOLLOUT;
      return;
    default:
      return fail("the server closed the connection, or TLS failed");
  }
}

void TlsSocket::advance() {
  if (state_ == State::kConnecting) {
    if (const int error = connect_result(fd_); error != 0) return fail(std::strerror(error));
    state_ = State::kShaking;
  }
  if (state_ != State::kShaking) return;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) return wait_for(result);
  state_ = State::kOpen;
  events_ = EPOLLIN;
}

void TlsSocket::send(std::string_view bytes) {
  unsent_ += bytes;
  flush();
}

void TlsSocket::flush() {
  events_ = EPOLLIN;
  while (state_ == State::kOpen && !unsent_.empty()) {
    ERR_clear_error();
    const int sent = SSL_write(ssl_.get(), unsent_.data(), static_cast<int>(unsent_.size()));
    if (sent <= 0) return wait_for(sent);
    unsent_.erase(0, static_cast<size_t>(sent));
  }
}

void TlsSocket::receive(std::string& into) {
  char bytes[16 * 1024];
  while (state_ == State::kOpen) {
    ERR_clear_error();
    const int got = SSL_read(ssl_.get(), bytes, sizeof bytes);
    if (got <= 0) {
      const uint32_t before = events_;
      wait_for(got);
      events_ |= before;
      return;
    }
    into.append(bytes, static_cast<size_t>(got));
    if (SSL_has_pending(ssl_.get()) == 0) return;
  }
}

}  // namespace mctenant::bench
