#include "support/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace mctenant::support {
namespace {

int connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

int connect_tcp(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

Connection::Connection(const std::string& address) {
  const size_t colon = address.rfind(':');
  fd_ = address.starts_with('/')
            ? connect_unix(address)
            : connect_tcp(address.substr(0, colon), std::stoi(address.substr(colon + 1)));
  if (fd_ < 0) throw std::runtime_error("cannot connect to " + address + ": " + std::strerror(errno));
}

Connection::Connection(const std::string& address, const TlsWish& wish) : Connection(address) {
  tls_ = std::make_unique<TlsClient>(wish);
  try {
    while (!tls_->shake_hands()) {
      send_raw(tls_->give());
      if (!read_some(10s)) throw std::runtime_error("TLS: the server closed");
    }
  } catch (const std::runtime_error&) {
    send_raw(tls_->give());  // an alert, which tells the server why
    throw;
  }
  send_raw(tls_->give());
}

Connection::~Connection() {
  if (fd_ >= 0) close(fd_);
}

Connection::Connection(Connection&& other) noexcept { *this = std::move(other); }

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(tls_, other.tls_);
  std::swap(buffer_, other.buffer_);
  std::swap(taken_, other.taken_);
  std::swap(peer_, other.peer_);
  return *this;
}

bool Connection::send(std::string_view bytes) {
  if (!tls_) return send_raw(bytes);
  tls_->write(bytes);
  return send_raw(tls_->give());
}

bool Connection::send_raw(std::string_view bytes) const {
  while (!bytes.empty()) {
    pollfd ready{fd_, POLLOUT, 0};
    if (poll(&ready, 1, 10'000) <= 0) return false;
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool Connection::read_some(Milliseconds limit) {
  if (peer_ != Peer::open) return false;
  pollfd ready{fd_, POLLIN, 0};
  if (poll(&ready, 1, static_cast<int>(limit.count())) <= 0) return false;
  char chunk[65'536];
  const ssize_t got = recv(fd_, chunk, sizeof chunk, 0);
  if (got <= 0) {
    peer_ = got == 0 ? Peer::closed : Peer::reset;
    return false;
  }
  if (taken_ > buffer_.size() / 2) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  if (!tls_) {
    buffer_.append(chunk, static_cast<size_t>(got));
    return true;
  }
  tls_->take({chunk, static_cast<size_t>(got)});
  buffer_.append(tls_->read());
  return true;
}

void Connection::take(size_t bytes) { taken_ += bytes; }

std::string Connection::read_until(std::string_view end, Milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  size_t found = unread().find(end);
  while (found == std::string_view::npos) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= 0ms || !read_some(left)) {
      throw std::runtime_error("no '" + std::string(end) + "' in: " + std::string(unread().substr(0, 500)));
    }
    found = unread().find(end);
  }
  std::string text(unread().substr(0, found + end.size()));
  take(text.size());
  return text;
}

void Connection::finish_sending() const { shutdown(fd_, SHUT_WR); }

void Connection::shrink_buffers(int bytes) const {
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

Peer Connection::wait_for_end(Milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (peer_ == Peer::open) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= 0ms) break;
    read_some(left);
    take(unread().size());
  }
  return peer_;
}

HttpAnswer http_get(const std::string& address, const std::string& path) {
  Connection connection(address);
  connection.send("GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n\r\n");
  while (connection.read_some(5s)) {
  }
  const std::string text(connection.unread());
  const size_t split = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.") || split == std::string::npos) {
    throw std::runtime_error("no HTTP answer from " + address + path + ": " + text.substr(0, 200));
  }
  return {std::stoi(text.substr(9, 3)), text.substr(0, split), text.substr(split + 4)};
}

}  // namespace mctenant::support
