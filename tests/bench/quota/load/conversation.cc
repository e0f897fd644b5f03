#include "quota/load/conversation.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "client/time.h"

namespace mctenant::bench {
namespace {

constexpr size_t kReadSize = size_t{256} << 10;
constexpr size_t kUnsentEnough = size_t{1} << 20;
constexpr size_t kLargestBody = size_t{64} << 20;
constexpr int kPatienceMs = 30000;

}  // namespace

base::Expected<void> Conversation::connect() {
  disconnect();
  auto fd = connect_now(address_);
  if (!fd) return tl::unexpected(fd.error());
  fd_ = *fd;
  return sign_in();
}

void Conversation::disconnect() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  done_ = sent_;
  out_.clear();
  in_.clear();
  out_at_ = in_at_ = 0;
}

base::Expected<void> Conversation::sign_in() {
  if (user_.name.empty()) return {};
  bool asked = false;
  uint16_t status = kOk;
  auto answered = run(
      1,
      [&](std::string& out, uint32_t opaque) {
        if (asked) return false;
        append_frame(
            out,
            {.opcode = Opcode::kSaslAuth, .key = "PLAIN", .value = plain_response(user_), .opaque = opaque});
        return asked = true;
      },
      [&](const WholeReply& reply) {
        if (reply.header.opcode == Opcode::kSaslAuth) status = reply.header.status;
      });
  if (answered && status != kOk) return base::fail("sign-in refused, status " + std::to_string(status));
  return answered;
}

base::Expected<void> Conversation::run(uint32_t depth, const Next& next, const OnReply& on_reply) {
  more_ = true;
  closing_noop_ = false;
  heard_at_ = now_ns();
  while (true) {
    ask(depth, next);
    if (!more_ && under_way() == 0) return {};
    if (auto waited = wait(); !waited) return waited;
    if (auto sent = send_some(); !sent) return sent;
    if (auto received = receive(on_reply); !received) return received;
  }
}

// The last request may be a quiet one: the NOOP behind it tells when it is done.
void Conversation::ask(uint32_t depth, const Next& next) {
  if (under_way() == 0) heard_at_ = now_ns();
  while (more_ && under_way() < depth && out_.size() - out_at_ < kUnsentEnough) {
    more_ = next(out_, sent_);
    if (more_) ++sent_;
  }
  if (!more_ && under_way() > 0 && !closing_noop_) {
    append_frame(out_, {.opcode = Opcode::kNoop, .opaque = sent_++});
    closing_noop_ = true;
  }
}

base::Expected<void> Conversation::wait() {
  pollfd ready{fd_, static_cast<short>(POLLIN | (out_at_ < out_.size() ? POLLOUT : 0)), 0};
  const int count = poll(&ready, 1, kPatienceMs);
  if (count == 0) return base::fail("no reply within 30 s");
  if (count < 0 && errno != EINTR) return base::fail(std::string("poll: ") + std::strerror(errno));
  return {};
}

base::Expected<void> Conversation::send_some() {
  if (out_at_ < out_.size()) {
    const ssize_t count = send(fd_, out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return base::fail(std::strerror(errno));
    out_at_ += static_cast<size_t>(std::max<ssize_t>(0, count));
  }
  if (out_at_ == out_.size()) {
    out_.clear();
    out_at_ = 0;
  } else if (out_at_ > kUnsentEnough) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  return {};
}

base::Expected<void> Conversation::receive(const OnReply& on_reply) {
  const size_t before = in_.size();
  in_.resize(before + kReadSize);
  const ssize_t count = recv(fd_, in_.data() + before, kReadSize, 0);
  const int error = errno;
  in_.resize(before + static_cast<size_t>(std::max<ssize_t>(0, count)));
  if (count == 0) return base::fail("the server closed the connection");
  if (count < 0) {
    if (error != EAGAIN && error != EINTR) return base::fail(std::strerror(error));
    return {};
  }
  const uint64_t now = now_ns();
  longest_silence_ = std::max(longest_silence_, now - heard_at_);
  heard_at_ = now;
  while (true) {
    auto taken = take_reply(on_reply);
    if (!taken) return tl::unexpected(taken.error());
    if (*taken == 0) break;
    in_at_ += *taken;
  }
  in_.erase(0, in_at_);
  in_at_ = 0;
  return {};
}

// Its length, or 0 if it is not whole yet.
base::Expected<size_t> Conversation::take_reply(const OnReply& on_reply) {
  const std::string_view there = std::string_view(in_).substr(in_at_);
  if (there.size() < kHeaderSize) return size_t{0};
  const ReplyHeader header = parse_reply_header(there.data());
  const size_t before_value = size_t{header.extras_length} + header.key_length;
  if (header.magic != kReplyMagic || header.body_length > kLargestBody || before_value > header.body_length)
    return base::fail("what came is no reply");
  const size_t size = kHeaderSize + header.body_length;
  if (there.size() < size) return size_t{0};
  if (header.opaque - done_ >= under_way()) return base::fail("a reply to what was not asked");
  const std::string_view body = there.substr(kHeaderSize, header.body_length);
  on_reply({header, body.substr(0, header.extras_length),
            body.substr(header.extras_length, header.key_length), body.substr(before_value)});
  done_ = header.opaque + 1;
  return size;
}

}  // namespace mctenant::bench
