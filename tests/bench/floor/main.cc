// mcfloor: the least that a proxy between these two protocols can cost. One thread; one read and one write a
// client and look, one of each for the server and turn, and nothing else: no tenants, no passwords (any is
// right), no ledger, no errors, no limits. What it costs is the system's part; what mctenant costs above it
// is mctenant's own.
//
//   mcfloor LISTEN_PORT SERVER_PORT      binary protocol in (SASL, get, set), meta out; loopback only

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr size_t kHeader = 24;

struct Connection {
  int fd = -1;
  std::string in;
  std::string out;
  bool dirty = false;
};

struct Question {
  Connection* client;
  uint8_t opcode;
  uint32_t opaque;
};

class Floor {
 public:
  Floor(uint16_t listen_port, uint16_t server_port) : scratch_(size_t{2} << 20) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in at = loopback(listen_port);
    const sockaddr_in to = loopback(server_port);
    server_.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
        listen(listener_, 1024) != 0 ||
        connect(server_.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      std::perror("mcfloor");
      std::exit(1);
    }
    watch(listener_, nullptr);
    adopt(server_);
  }

  void run() {
    for (;;) {
      asked_ = 0;
      look(-1);
      // As mctenant's event loop does, so that they differ in what it does itself.
      for (uint32_t looks = 0, before = 1; looks < 2 && asked_ > before && asked_ < 128; ++looks) {
        before = asked_;
        look(0);
      }
      if (server_.dirty) flush(server_);
    }
  }

 private:
  static sockaddr_in loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void watch(int fd, void* what) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = what;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  void adopt(Connection& connection) const {
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(connection.fd, &connection);
  }

  void look(int patience) {
    const int count = epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), patience);
    for (int i = 0; i < count; ++i) serve(static_cast<Connection*>(events_[static_cast<size_t>(i)].data.ptr));
    for (Connection* connection : dirty_) flush(*connection);
    dirty_.clear();
  }

  void serve(Connection* connection) {
    if (connection == nullptr) {
      for (int fd = 0; (fd = accept4(listener_, nullptr, nullptr, 0)) >= 0;) {
        clients_.push_back(std::make_unique<Connection>());
        clients_.back()->fd = fd;
        adopt(*clients_.back());
      }
      return;
    }
    const ssize_t got = recv(connection->fd, scratch_.data(), scratch_.size(), MSG_DONTWAIT);
    if (got <= 0) {
      if (got == 0 && connection == &server_) std::exit(0);
      if (got == 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, connection->fd, nullptr);
      return;
    }
    // What is whole is taken from where it was read.
    std::string_view bytes(scratch_.data(), static_cast<size_t>(got));
    if (!connection->in.empty()) bytes = connection->in.append(bytes);
    const std::string_view left =
        connection == &server_ ? take_replies(bytes) : take_requests(*connection, bytes);
    connection->in = std::string(left);
  }

  void mark(Connection& connection) {
    if (connection.dirty) return;
    connection.dirty = true;
    dirty_.push_back(&connection);
  }
  static void flush(Connection& connection) {
    std::string_view left = connection.out;
    while (!left.empty()) {
      const ssize_t sent = send(connection.fd, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      left.remove_prefix(static_cast<size_t>(sent));
    }
    connection.out.clear();
    connection.dirty = false;
  }

  std::string_view take_requests(Connection& client, std::string_view in) {
    while (in.size() >= kHeader) {
      uint16_t key_size = 0;
      uint32_t body = 0;
      Question question{&client, static_cast<uint8_t>(in[1]), 0};
      std::memcpy(&key_size, in.data() + 2, 2);
      std::memcpy(&body, in.data() + 8, 4);
      std::memcpy(&question.opaque, in.data() + 12, 4);
      key_size = be16toh(key_size);
      body = be32toh(body);
      const auto extras = static_cast<uint8_t>(in[4]);
      if (in.size() < kHeader + body) break;
      const std::string_view key = in.substr(kHeader + extras, key_size);
      const std::string_view value = in.substr(kHeader + extras + key_size, body - extras - key_size);
      ask(question, key, value);
      in.remove_prefix(kHeader + body);
    }
    return in;
  }

  void ask(const Question& question, std::string_view key, std::string_view value) {
    std::string& out = server_.out;
    if (question.opcode == 0x00) {
      out.append("mg ").append(key).append(" v f c\r\n");
    } else if (question.opcode == 0x01) {
      out.append("ms ").append(key).append(" ").append(std::to_string(value.size())).append(" c\r\n");
      out.append(value).append("\r\n");
    } else {
      return reply(question, 0, {}, {});
    }
    questions_.push_back(question);
    ++asked_;
    server_.dirty = true;
  }

  std::string_view take_replies(std::string_view in) {
    while (!in.empty()) {
      const size_t end = in.find("\r\n");
      if (end == in.npos) break;
      size_t whole = end + 2;
      size_t size = 0;
      std::string_view value;
      if (in.starts_with("VA ")) {
        std::from_chars(in.data() + 3, in.data() + end, size);
        value = in.substr(whole, size);
        whole += size + 2;
        if (in.size() < whole) break;
      }
      const Question question = questions_.front();
      questions_.pop_front();
      const bool get = question.opcode == 0x00;
      const bool found = !get || in.starts_with("VA ");
      reply(question, found ? 0 : 1, get && found ? std::string_view("\0\0\0\0", 4) : "", value);
      in.remove_prefix(whole);
    }
    return in;
  }

  void reply(const Question& question, uint16_t status, std::string_view extras, std::string_view value) {
    char header[kHeader] = {};
    header[0] = static_cast<char>(0x81);
    header[1] = static_cast<char>(question.opcode);
    header[4] = static_cast<char>(extras.size());
    status = htobe16(status);
    const uint32_t body = htobe32(static_cast<uint32_t>(extras.size() + value.size()));
    std::memcpy(header + 6, &status, 2);
    std::memcpy(header + 8, &body, 4);
    std::memcpy(header + 12, &question.opaque, 4);
    question.client->out.append(header, kHeader).append(extras).append(value);
    mark(*question.client);
  }

  const int epoll_ = epoll_create1(0);
  int listener_ = -1;
  Connection server_;
  std::vector<char> scratch_;
  std::vector<std::unique_ptr<Connection>> clients_;
  std::vector<epoll_event> events_{256};
  std::vector<Connection*> dirty_;  // clients
  uint32_t asked_ = 0;              // in this turn
  std::deque<Question> questions_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "mcfloor LISTEN_PORT SERVER_PORT\n");
    return 2;
  }
  Floor(static_cast<uint16_t>(std::atoi(argv[1])), static_cast<uint16_t>(std::atoi(argv[2]))).run();
}
