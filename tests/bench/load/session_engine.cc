#include "load/session_engine.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "client/frame.h"
#include "client/time.h"
#include "support/scram_client.h"

// A session:  closed → connecting → signing in ⟲ → getting → closed
//                                             ↘ held
// Without users "signing in" is left out; a refused sign-in begins another, or a new connection where the
// server closed.
namespace mctenant::bench {
namespace {

constexpr uint64_t kTickNs = 100'000'000;
constexpr uint64_t kPatienceNs = 10'000'000'000;

}  // namespace

struct SessionEngine::Session {
  enum State { kClosed, kConnecting, kSigningIn, kGetting, kHeld };
  State state = kClosed;
  int fd = -1;
  uint64_t from = 0;
  std::string partial;
  std::optional<support::ScramClient> scram;
  bool proved = false;  // its proof is on its way, or was right
  std::string user;
};

SessionEngine::SessionEngine(const LoadOptions& load, const SessionOptions& options)
    : load_(load), options_(options), maker_(load), buffer_(size_t{64} << 10) {}

SessionEngine::~SessionEngine() {
  for (const auto& session : sessions_) {
    if (session->fd >= 0) close(session->fd);
  }
}

void SessionEngine::begin() {
  started_ = last_progress_ = now_ns();
  const size_t count = options_.after == After::kHold ? options_.total : options_.parallel;
  for (size_t i = 0; i < count; ++i) sessions_.push_back(std::make_unique<Session>());
}

bool SessionEngine::warm() const { return now_ns() - started_ >= seconds_to_ns(options_.warmup); }

void SessionEngine::measure() {
  measured_from_ = now_ns();
  const std::string error = std::move(result_.first_error);
  result_ = {};
  result_.first_error = error;
}

bool SessionEngine::more() const { return options_.total == 0 || begun_ < options_.total; }

bool SessionEngine::finished() const {
  const uint64_t now = now_ns();
  if (options_.total > 0) return settled_ >= options_.total || now - last_progress_ > kPatienceNs;
  return now - measured_from_ >= seconds_to_ns(options_.seconds);
}

void SessionEngine::finish() {
  result_.seconds = static_cast<double>(now_ns() - measured_from_) / 1e9;
  if (options_.total > settled_) {
    result_.errors += options_.total - settled_;
    if (result_.first_error.empty()) result_.first_error = "the server stopped answering";
  }
}

void SessionEngine::step() {
  if (opening_ < options_.parallel && more()) {
    for (const auto& session : sessions_) {
      if (opening_ >= options_.parallel || !more()) break;
      if (session->state == Session::kClosed) open(*session);
    }
  }
  for (const epoll_event& event : poller_.wait(kTickNs)) serve(*static_cast<Session*>(event.data.ptr));
}

void SessionEngine::open(Session& session) {
  auto fd = start_connect(load_.address);
  ++begun_;
  ++opening_;
  session.from = now_ns();
  if (!fd) return fail(session, fd.error().message);
  session.fd = *fd;
  session.state = Session::kConnecting;
  session.partial.clear();
  poller_.add(*fd, EPOLLIN | EPOLLOUT, &session);
}

void SessionEngine::serve(Session& session) {
  if (session.state == Session::kClosed) return;
  if (session.state != Session::kConnecting) return receive(session);
  if (const int error = connect_result(session.fd); error != 0) return fail(session, std::strerror(error));
  poller_.change(session.fd, EPOLLIN, &session);
  load_.users.empty() ? on_signed_in(session) : sign_in(session);
}

void SessionEngine::sign_in(Session& session) {
  session.state = Session::kSigningIn;
  User user = load_.users[next_user_++ % load_.users.size()];
  if (options_.wrong_password) user.password += "-" + std::to_string(next_user_);
  std::string message = plain_response(user);
  session.scram.reset();
  if (options_.mechanism != "PLAIN") {
    session.user = user.name;
    session.proved = false;
    message = session.scram.emplace(options_.mechanism, user.name, user.password).first();
  }
  out_.clear();
  append_frame(out_, {.opcode = Opcode::kSaslAuth, .key = options_.mechanism, .value = message});
  send_all(session, out_);
}

void SessionEngine::step_sign_in(Session& session, std::string_view challenge) {
  std::string message;
  if (!session.scram) return fail(session, "the server asked for another step");
  if (session.proved) {
    if (!session.scram->trusts(challenge)) return fail(session, "the server's signature is not right");
  } else {
    std::string& salted = salted_passwords_[session.user];
    auto proof = session.scram->final(challenge, options_.wrong_password ? std::string(32, 'x') : salted);
    if (!proof) return fail(session, "the server's SCRAM message was not understood");
    if (salted.empty()) salted = session.scram->salted_password();
    message = *std::move(proof);
    session.proved = true;
  }
  out_.clear();
  append_frame(out_, {.opcode = Opcode::kSaslStep, .key = options_.mechanism, .value = message});
  send_all(session, out_);
}

void SessionEngine::get(Session& session) {
  session.state = Session::kGetting;
  out_.clear();
  maker_.append_get(out_, next_user_ % load_.keys, 0);
  send_all(session, out_);
}

void SessionEngine::send_all(Session& session, const std::string& bytes) {
  const ssize_t count = send(session.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count != static_cast<ssize_t>(bytes.size())) fail(session, "a request could not be sent");
}

// Replies here are small and come one at a time: whole once the header says so, or "END" in text.
void SessionEngine::receive(Session& session) {
  const ssize_t count = recv(session.fd, buffer_.data(), buffer_.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    // A close behind refused sign-ins is what a careful server does.
    if (options_.wrong_password && count == 0) {
      --begun_;
      return shut(session);
    }
    return fail(session, "the server closed the connection");
  }
  session.partial.append(buffer_.data(), static_cast<size_t>(count));
  if (load_.protocol == Protocol::kText) {
    if (session.partial.ends_with("END\r\n")) complete(session);
    return;
  }
  if (session.partial.size() < kHeaderSize) return;
  const ReplyHeader header = parse_reply_header(session.partial.data());
  if (header.magic != kReplyMagic) return fail(session, "the reply was not understood");
  if (session.partial.size() < kHeaderSize + header.body_length) return;
  const std::string reply = std::exchange(session.partial, {});
  if (session.state == Session::kSigningIn && header.status == kAuthContinue) {
    step_sign_in(session, std::string_view(reply).substr(kHeaderSize));
  } else if (session.state == Session::kSigningIn) {
    header.status == kOk ? on_signed_in(session) : on_refused(session, header.status);
  } else if (header.status == kOk || header.status == kNotFound) {
    complete(session);
  } else {
    fail(session, "the get was refused with status " + std::to_string(header.status));
  }
}

void SessionEngine::on_signed_in(Session& session) {
  last_progress_ = now_ns();
  if (options_.after == After::kGetAndEnd) return get(session);
  if (options_.after == After::kEnd) return complete(session);
  record(session);
  if (options_.after == After::kHold) {
    session.state = Session::kHeld;
    --opening_;
  } else if (more()) {
    ++begun_;
    session.from = now_ns();
    sign_in(session);
  } else {
    shut(session);
  }
}

void SessionEngine::on_refused(Session& session, uint16_t status) {
  const bool busy = status == kTemporaryFailure;
  if (!busy && !options_.wrong_password) {
    return fail(session, "the sign-in was refused with status " + std::to_string(status));
  }
  ++(busy ? result_.busy : result_.refused);
  last_progress_ = now_ns();
  if (!busy) record(session);
  if (!busy) ++begun_;
  session.from = now_ns();
  more() || busy ? sign_in(session) : shut(session);
}

void SessionEngine::complete(Session& session) {
  record(session);
  shut(session);
}

void SessionEngine::record(Session& session) {
  ++result_.done;
  ++settled_;
  result_.latency.add(now_ns() - session.from);
}

void SessionEngine::fail(Session& session, std::string why) {
  ++result_.errors;
  ++settled_;
  if (result_.first_error.empty()) result_.first_error = std::move(why);
  shut(session);
}

void SessionEngine::shut(Session& session) {
  if (session.state != Session::kHeld) --opening_;
  if (session.fd >= 0) close(session.fd);
  session.fd = -1;
  session.state = Session::kClosed;
}

uint64_t SessionEngine::hold() {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  uint64_t closed = 0;
  for (const auto& session : sessions_) {
    if (session->fd >= 0 && recv(session->fd, &byte, 1, MSG_DONTWAIT) == 0) ++closed;
  }
  return closed;
}

}  // namespace mctenant::bench
