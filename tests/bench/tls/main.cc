// mctls: loads a server over TLS, by the binary protocol with sign-in, or makes handshakes one after the
// other. Prints one line of JSON. See README.md.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <vector>

#include "client/credentials.h"
#include "client/frame.h"
#include "client/time.h"
#include "tls/tls_socket.h"

namespace mctenant::bench {
namespace {

constexpr uint64_t kTickNs = 50'000'000;

struct Options {
  std::string server;
  std::string version = "1.3";
  bool handshakes = false;
  size_t connections = 50;
  size_t depth = 1;
  size_t value_size = 100;
  size_t keys = 10'000;
  double seconds = 3;
  double warmup = 0.5;
};

// Counts from the end of the warm-up.
struct Tally {
  uint64_t from = 0;
  uint64_t done = 0;
  uint64_t errors = 0;
  std::string first_error;
};

class Client {
 public:
  Client(const Options& options, const Address& address, SSL_CTX* context, std::vector<User> users)
      : options_(options),
        address_(address),
        context_(context),
        users_(std::move(users)),
        value_(options.value_size, 'v'),
        slots_(options.connections) {}

  Tally run() {
    for (Slot& slot : slots_) open(slot);
    const uint64_t start = now_ns();
    tally_.from = start + seconds_to_ns(options_.warmup);
    const uint64_t end = tally_.from + seconds_to_ns(options_.seconds);
    while (now_ns() < end) {
      for (const epoll_event& event : poller_.wait(kTickNs)) serve(*static_cast<Slot*>(event.data.ptr));
    }
    return tally_;
  }

 private:
  struct Slot {
    std::unique_ptr<TlsSocket> socket;
    std::string received;
    size_t waiting = 0;
    bool signed_in = false;
    uint32_t watched = 0;
  };

  void open(Slot& slot) {
    slot = Slot();
    const auto fd = start_connect(address_);
    if (!fd) return error(fd.error().message);
    slot.socket = std::make_unique<TlsSocket>(context_, *fd);
    slot.watched = slot.socket->events();
    poller_.add(*fd, slot.watched, &slot);
  }

  void error(std::string why) {
    ++tally_.errors;
    if (tally_.first_error.empty()) tally_.first_error = std::move(why);
  }

  void count(uint64_t number) {
    if (now_ns() >= tally_.from) tally_.done += number;
  }

  void serve(Slot& slot) {
    TlsSocket& socket = *slot.socket;
    if (socket.state() == TlsSocket::State::kOpen) {
      socket.flush();
      receive(slot);
    } else {
      socket.advance();
      if (socket.state() == TlsSocket::State::kOpen) on_open(slot);
    }
    if (slot.socket.get() != &socket) return;  // another connection by now
    if (socket.state() == TlsSocket::State::kEnded) {
      error(socket.error());
      return open(slot);
    }
    if (socket.events() != slot.watched) poller_.change(socket.fd(), slot.watched = socket.events(), &slot);
  }

  void on_open(Slot& slot) {
    if (options_.handshakes) {
      count(1);
      return open(slot);
    }
    std::string frame;
    append_frame(frame,
                 {.opcode = Opcode::kSaslAuth, .key = "PLAIN", .value = plain_response(users_.front())});
    slot.waiting = 1;
    slot.socket->send(frame);
  }

  void receive(Slot& slot) {
    slot.socket->receive(slot.received);
    std::string_view bytes = slot.received;
    uint64_t replies = 0;
    while (bytes.size() >= kHeaderSize) {
      const ReplyHeader header = parse_reply_header(bytes.data());
      if (bytes.size() < kHeaderSize + header.body_length) break;
      bytes.remove_prefix(kHeaderSize + header.body_length);
      if (header.status != kOk && header.status != kNotFound)
        error("status " + std::to_string(header.status));
      --slot.waiting;
      ++replies;
    }
    slot.received.erase(0, slot.received.size() - bytes.size());
    if (slot.signed_in) count(replies);
    if (slot.waiting > 0 || slot.socket->state() != TlsSocket::State::kOpen) return;
    slot.signed_in = true;
    ask(slot);
  }

  // `depth` requests in one write; one in ten is a set.
  void ask(Slot& slot) {
    out_.clear();
    for (size_t i = 0; i < options_.depth; ++i) {
      const std::string key = "key:" + std::to_string(sequence_ * 7919 % options_.keys);
      if (sequence_++ % 10 == 0) {
        append_frame(out_, {.opcode = Opcode::kSet,
                            .extras = std::string_view("\0\0\0\0\0\0\0\0", 8),
                            .key = key,
                            .value = value_});
      } else {
        append_frame(out_, {.opcode = Opcode::kGet, .key = key});
      }
    }
    slot.waiting = options_.depth;
    slot.socket->send(out_);
  }

  const Options& options_;
  const Address& address_;
  SSL_CTX* context_;
  std::vector<User> users_;
  std::string value_;
  Poller poller_;
  std::vector<Slot> slots_;
  std::string out_;
  uint64_t sequence_ = 0;
  Tally tally_;
};

int run(int argc, char** argv) {
  Options options;
  CLI::App app{"mctls: a load over TLS"};
  app.add_option("--server", options.server, "HOST:PORT")->required();
  app.add_option("--version", options.version)->check(CLI::IsMember({"1.2", "1.3"}))->capture_default_str();
  app.add_flag("--handshakes", options.handshakes, "connect, shake hands, close, again and again");
  app.add_option("--connections", options.connections)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--depth", options.depth, "requests in one write")->capture_default_str();
  app.add_option("--value-size", options.value_size, "bytes")->capture_default_str();
  app.add_option("--keys", options.keys)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds)->capture_default_str();
  app.add_option("--warmup", options.warmup, "seconds before, not measured")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  raise_descriptor_limit();
  const auto address = parse_address(options.server);
  const auto users = user_from_environment();
  if (!address || (users.empty() && !options.handshakes)) {
    std::fprintf(stderr, "mctls: %s\n",
                 address ? "MEMCACHE_USERNAME is not set" : address.error().message.c_str());
    return 1;
  }
  const TlsContext context = make_tls_context(options.version);
  const Tally tally = Client(options, *address, context.get(), users).run();
  std::printf("{\"per_second\": %.1f, \"errors\": %llu, \"first_error\": \"%s\"}\n",
              static_cast<double>(tally.done) / options.seconds,
              static_cast<unsigned long long>(tally.errors), tally.first_error.c_str());
  return tally.errors == 0 ? 0 : 1;
}

}  // namespace
}  // namespace mctenant::bench

int main(int argc, char** argv) { return mctenant::bench::run(argc, argv); }
