#include "verify/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "client/time.h"

namespace mctenant::bench {
namespace {

constexpr size_t kReadSize = size_t{256} << 10;
constexpr size_t kLargestBody = size_t{64} << 20;
constexpr uint64_t kPauseNs = 20'000'000;

}  // namespace

Channel::~Channel() {
  if (fd_ >= 0) close(fd_);
}

base::Expected<void> Channel::connect(const Address& address) {
  auto fd = connect_now(address);
  if (!fd) return tl::unexpected(fd.error());
  fd_ = *fd;
  watched_ = EPOLLIN;
  poller_.add(fd_, watched_, owner_);
  return {};
}

// Half of the writes are whole; the others end within a header, or anywhere.
size_t Channel::piece(size_t there) {
  switch (random_.below(4)) {
    case 0:
      return std::min<size_t>(there, random_.between(1, 30));
    case 1:
      return std::min<size_t>(there, random_.between(1, 65536));
    default:
      return there;
  }
}

void Channel::flush() {
  if (unsent() > 0 && usable_) {
    const ssize_t count = ::send(fd_, out_.data() + out_at_, piece(unsent()), MSG_NOSIGNAL);
    // A connection that is over is noticed by its reading side, which first reads what was answered.
    if (count > 0) out_at_ += static_cast<size_t>(count);
    if (count < 0 && errno != EAGAIN && errno != EINTR) out_at_ = out_.size();
  }
  if (unsent() == 0) {
    out_.clear();
    out_at_ = 0;
  }
  watch();
}

bool Channel::read_once() {
  if (paused_until_ > 0) return true;
  const size_t wanted = random_.one_in(8) ? random_.between(1, 100) : kReadSize;
  const size_t before = in_.size();
  in_.resize(before + wanted);
  const ssize_t count = recv(fd_, in_.data() + before, wanted, 0);
  const int error = errno;
  in_.resize(before + static_cast<size_t>(std::max<ssize_t>(0, count)));
  if (count == 0) why_ = "the server closed the connection";
  if (count < 0 && error != EAGAIN && error != EINTR) why_ = std::strerror(error);
  if (random_.one_in(2000)) {
    paused_until_ = now_ns() + kPauseNs;
    watch();
  }
  return why_.empty();
}

size_t Channel::frame_size() {
  const size_t there = in_.size() - at_;
  if (there < kHeaderSize) return 0;
  const ReplyHeader header = parse_reply_header(in_.data() + at_);
  if (header.magic != kReplyMagic || header.body_length > kLargestBody ||
      size_t{header.extras_length} + header.key_length > header.body_length) {
    usable_ = false;
    why_ = "no frame, but " + std::to_string(there) + " bytes that don't begin like one";
    return 0;
  }
  const size_t size = kHeaderSize + header.body_length;
  return there < size ? 0 : size;
}

Reply Channel::front(size_t size) const {
  const ReplyHeader header = parse_reply_header(in_.data() + at_);
  const std::string_view body(in_.data() + at_ + kHeaderSize, size - kHeaderSize);
  return {header, body.substr(0, header.extras_length), body.substr(header.extras_length, header.key_length),
          body.substr(size_t{header.extras_length} + header.key_length)};
}

void Channel::compact() {
  if (at_ == in_.size()) {
    in_.clear();
    at_ = 0;
  } else if (at_ > kReadSize) {
    in_.erase(0, at_);
    at_ = 0;
  }
}

void Channel::wake(uint64_t now) {
  if (paused_until_ == 0 || now < paused_until_) return;
  paused_until_ = 0;
  watch();
}

void Channel::watch() {
  const uint32_t wanted =
      (paused_until_ == 0 ? uint32_t{EPOLLIN} : 0U) | (unsent() > 0 ? uint32_t{EPOLLOUT} : 0U);
  if (wanted == watched_) return;
  watched_ = wanted;
  poller_.change(fd_, wanted, owner_);
}

}  // namespace mctenant::bench
