#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "upstream/server_check.h"

namespace mctenant::upstream {

// A server whose every byte the test writes.
class ScriptedTcpServer {
 public:
  ScriptedTcpServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, length) != 0 || listen(listener_, 16) != 0 ||
        getsockname(listener_, generic, &length) != 0) {
      throw std::runtime_error("listen");
    }
    port_ = ntohs(address.sin_port);
  }
  ~ScriptedTcpServer() {
    hang_up();
    close(listener_);
  }
  ScriptedTcpServer(const ScriptedTcpServer&) = delete;
  ScriptedTcpServer& operator=(const ScriptedTcpServer&) = delete;

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Waits for the next connection, which takes the place of the one before it.
  [[nodiscard]] bool accept() {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 10'000) != 1) return false;
    hang_up();
    peer_ = ::accept(listener_, nullptr, nullptr);
    const timeval limit{10, 0};
    setsockopt(peer_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return peer_ >= 0;
  }
  // … and answers the questions of the check.
  [[nodiscard]] bool accept_and_introduce(std::string_view version = "1.6.18",
                                          int64_t started = 1'795'000'000) {
    if (!accept() || read(ServerCheck::kQuestions.size()) != ServerCheck::kQuestions) return false;
    send("VERSION " + std::string(version) + "\r\nSTAT pid 1\r\nSTAT uptime 5\r\nSTAT time " +
         std::to_string(started + 5) +
         "\r\nEND\r\nSTAT item_size_max 1048576\r\nSTAT cas_enabled yes\r\nEND\r\n");
    return true;
  }
  [[nodiscard]] std::string read(size_t size) const {
    std::string bytes(size, '\0');
    size_t got = 0;
    while (got < size) {
      const ssize_t n = recv(peer_, bytes.data() + got, size - got, 0);
      if (n <= 0) break;
      got += static_cast<size_t>(n);
    }
    bytes.resize(got);
    return bytes;
  }
  [[nodiscard]] bool readable() const {
    pollfd arrived{peer_, POLLIN, 0};
    return poll(&arrived, 1, 0) == 1;
  }
  void send(std::string_view bytes) const { (void)!::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void hang_up() {
    if (peer_ >= 0) close(std::exchange(peer_, -1));
  }

 private:
  int listener_;
  int peer_ = -1;
  uint16_t port_ = 0;
};

}  // namespace mctenant::upstream
