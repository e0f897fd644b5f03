#include "net/stream.h"

#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mctenant::net {
namespace {

constexpr size_t kDefaultReadLimit = 2 * 1024 * 1024;
constexpr int kMaxGather = 64;
constexpr auto kFinish = std::chrono::seconds(10);  // for the last replies to be read
constexpr auto kLinger = std::chrono::seconds(1);   // for the peer's end after ours

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails on unix sockets, rightly
}

// One system call.
ssize_t send_next(int fd, const base::OutputQueue& output) {
  size_t piped = 0;
  if (base::Pipe* pipe = output.next_pipe(piped)) return pipe->send(fd, piped, output.size() > piped);
  const int flags = MSG_NOSIGNAL | (output.pipe_follows() ? MSG_MORE : 0);
  iovec pieces[kMaxGather];
  const int count = output.gather(pieces, kMaxGather);
  if (count == 1) return send(fd, pieces[0].iov_base, pieces[0].iov_len, flags);
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = static_cast<size_t>(count);
  return sendmsg(fd, &message, flags);
}

}  // namespace

Stream::Stream(EventLoop& loop, int fd, Handler& handler, const TlsContext* tls)
    : loop_(loop),
      handler_(handler),
      fd_(fd),
      state_(tls != nullptr ? State::handshaking : State::open),
      read_limit_(kDefaultReadLimit),
      tls_(tls != nullptr ? std::make_unique<TlsSession>(*tls, fd) : nullptr) {
  read_event_ = event_new(
      loop_.base(), fd_, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<Stream*>(self)->on_readable(); }, this);
  event_add(read_event_, nullptr);
  read_armed_ = true;
}

std::unique_ptr<Stream> Stream::connect(EventLoop& loop, const SocketAddress& address, Handler& handler) {
  const int fd = socket(address.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int error = fd < 0 ? errno : 0;
  set_no_delay(fd);
  auto stream = std::make_unique<Stream>(loop, fd, handler);
  stream->state_ = State::connecting;
  if (error == 0 && ::connect(fd, address.get(), address.length) != 0 && errno != EINPROGRESS) error = errno;
  if (error != 0) {
    stream->abort(std::strerror(error));
  } else {
    stream->watch_writable(true);
  }
  return stream;
}

Stream::~Stream() {
  if (read_event_ != nullptr) event_free(read_event_);
  if (write_event_ != nullptr) event_free(write_event_);
  if (fd_ >= 0) close(fd_);
}

void Stream::set_state(State state) {
  state_ = state;
  if (state != State::ended) return;
  event_del(read_event_);
  if (write_event_ != nullptr) event_del(write_event_);
  if (linger_) linger_->stop();
  output_.clear();
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  loop_.at_end_of_turn(*this);
}

void Stream::resume_reading() {
  if (reading_ || state_ != State::open) return;
  reading_ = true;
  redeliver_ = true;
  loop_.at_end_of_turn(*this);
}

void Stream::finish() {
  if (state_ == State::ended || state_ == State::finishing) return;
  if (state_ == State::connecting || state_ == State::handshaking) return abort("");
  set_state(State::finishing);
  linger_ = std::make_unique<Timer>(
      loop_, [this] { abort(fin_sent_ ? "" : "the peer does not read the last bytes"); });
  linger_->start(kFinish);
  loop_.at_end_of_turn(*this);
}

void Stream::abort(std::string error) {
  if (state_ == State::ended) return;
  error_ = std::move(error);
  set_state(State::ended);
}

void Stream::on_end_of_turn() {
  if (redeliver_) {
    redeliver_ = false;
    if (state_ == State::open && reading_) {
      if (!read_armed_) event_add(read_event_, nullptr);
      read_armed_ = true;
      deliver(0);
      if (tls_) read_on();
    }
  }
  if (state_ == State::open || state_ == State::finishing) write_now();
  if (std::exchange(read_next_turn_, false) && read_armed_ && state_ != State::ended) {
    event_active(read_event_, EV_READ, 0);
  }
  if (state_ == State::ended && !std::exchange(end_told_, true)) handler_.on_ended(error_);
}

void Stream::deliver(size_t size) {
  input_.commit(size, [this] {
    if (reading_ && state_ == State::open) handler_.on_input(input_);
  });
}

void Stream::on_readable() {
  if (state_ == State::finishing) return drop_input();
  if (state_ == State::connecting) on_writable();
  if (state_ == State::handshaking) return shake_hands();
  // What waits comes first: at the end of this turn, and the socket is still readable in the next.
  if (state_ != State::open || redeliver_) return;
  if (!reading_) {  // only now, so that a pause that ends within the turn costs no system call
    event_del(read_event_);
    read_armed_ = false;
    return;
  }
  if (tls_) return read_records();
  if (input_.missing_in_pipe() > 0) return read_into_pipe();
  iovec where[2];
  const int count = input_.prepare(where, read_limit_);
  const ssize_t got =
      count == 1 ? recv(fd_, where[0].iov_base, where[0].iov_len, 0) : readv(fd_, where, count);
  if (got > 0) return deliver(static_cast<size_t>(got));
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) abort(std::strerror(errno));
    return;
  }
  input_ended_ = true;
  event_del(read_event_);
  handler_.on_input_end();
}

// Once a turn: so a pipe that takes nothing, though the socket is readable, is full.
void Stream::read_into_pipe() {
  const ssize_t got = input_.pipe()->fill(fd_, input_.missing_in_pipe());
  if (got > 0) return deliver(0);
  if (got < 0) {
    if (errno != EINTR)
      input_.give_up_pipe();  // and if it is the socket that has failed, the next read tells
    return;
  }
  input_ended_ = true;
  event_del(read_event_);
  handler_.on_input_end();
}

void Stream::drop_input() {
  input_.clear();
  const base::BlockRef scratch = base::scratch_block();
  const ssize_t got = recv(fd_, scratch->data(), scratch->capacity(), 0);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
    input_ended_ = true;
    if (output_.empty()) return set_state(State::ended);
    event_del(read_event_);
  }
}

void Stream::on_writable() {
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return abort(std::strerror(error));
    watch_writable(false);
    set_state(State::open);
    return handler_.on_connected();
  }
  if (read_wants_write_) go_on_reading();
  loop_.at_end_of_turn(*this);
}

void Stream::watch_writable(bool on) {
  if (write_event_ == nullptr) {
    if (!on) return;
    write_event_ = event_new(
        loop_.base(), fd_, EV_WRITE | EV_PERSIST,
        [](evutil_socket_t, short, void* self) { static_cast<Stream*>(self)->on_writable(); }, this);
  }
  if (on) {
    event_add(write_event_, nullptr);
  } else {
    event_del(write_event_);
  }
}

// What else a write leads to waits for the end of the turn.
void Stream::write_ahead() {
  const bool blocked = write_event_ != nullptr && event_pending(write_event_, EV_WRITE, nullptr) != 0;
  if (state_ == State::open && !blocked) (void)write_out();
}

bool Stream::write_plain() {
  while (!output_.empty()) {
    const ssize_t sent = send_next(fd_, output_);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) {
        abort(std::strerror(errno));
        return false;
      }
      output_.let_go();
      watch_writable(true);
      break;
    }
    output_.consume(static_cast<size_t>(sent));
  }
  return true;
}

void Stream::write_now() {
  if (!write_out()) return;
  if (output_.size() < notify_below_) {
    notify_below_ = 0;
    handler_.on_output_drained();
    // What the handler appended asked for another end of turn.
  }
  if (!output_.empty()) return;
  if (write_event_ != nullptr && event_pending(write_event_, EV_WRITE, nullptr) != 0 && !read_wants_write_)
    watch_writable(false);
  if (state_ != State::finishing || fin_sent_) return;
  if (tls_ && !farewell_said()) return;
  fin_sent_ = true;
  if (input_ended_) return set_state(State::ended);
  shutdown(fd_, SHUT_WR);
  if (!read_armed_) event_add(read_event_, nullptr);
  read_armed_ = true;
  linger_->start(kLinger);
}

}  // namespace mctenant::net
