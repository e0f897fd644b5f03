#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/input_buffer.h"
#include "base/output_queue.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/timer.h"
#include "net/tls_session.h"

namespace mctenant::net {

// A connected socket: bytes in, bytes out. What many callers append to output() in one turn of the loop
// leaves in one write at its end.
//
//   connecting ──┐
//   handshaking ─┴► open ─► finishing (output, then FIN, then what the peer still sends is dropped) ─► ended
//        └───────────┴─────────────── error, peer's end, abort() ─────────────────────────────────────┘
//
// With TLS, input and output are what is inside the records: as many small pieces of output as fit go into
// one.
// Belongs to its loop's thread. When it has ended, the owner hands it to EventLoop::discard().
class Stream final : public Discardable, private EndOfTurn {
 public:
  class Handler {
   public:
    // The connection stands: of connect(), or one whose TLS handshake is done.
    virtual void on_connected() {}
    // Bytes arrived: takes whole frames from `in`, and tells it what the next one needs
    // (InputBuffer::expect).
    virtual void on_input(base::InputBuffer& in) = 0;
    // The peer will send no more. What it sent before has been given to on_input().
    virtual void on_input_end() = 0;
    // output() has become smaller than what notify_below() asked for.
    virtual void on_output_drained() {}
    // Nothing will come any more; the last call. `error` is empty if both sides were done.
    virtual void on_ended(const std::string& error) = 0;

   protected:
    ~Handler() = default;
  };

  // Takes the connected, non-blocking `fd`. The handler must outlive the stream or its on_ended(). With a TLS
  // context the stream is the server's side of it, and begins with the handshake.
  Stream(EventLoop& loop, int fd, Handler& handler, const TlsContext* tls = nullptr);
  // Begins to connect. A failure at once comes through on_ended() at the end of the turn.
  [[nodiscard]] static std::unique_ptr<Stream> connect(EventLoop& loop, const SocketAddress& address,
                                                       Handler& handler);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // What is to be sent. After appending, call flush().
  [[nodiscard]] base::OutputQueue& output() { return output_; }
  // Writes at the end of this turn; much of it at once, while it is in the cache.
  void flush() {
    if (output_.size() >= kWriteAtOnce) write_ahead();
    gathers_ ? loop_.after_gathering(*this) : loop_.at_end_of_turn(*this);
  }
  // From now on flush() also waits for what else is at hand (EventLoop::after_gathering): for a stream that
  // many share.
  void gather_output() { gathers_ = true; }
  // From now on a read may bring more at once, and large values wait in pipes (InputBuffer): likewise.
  void read_in_bulk() { input_.read_in_bulk(); }
  // One call of on_output_drained() as soon as fewer than `bytes` wait.
  void notify_below(size_t bytes) { notify_below_ = bytes; }

  // How many bytes one read may bring; small while the peer is not trusted.
  void set_read_limit(size_t bytes) { read_limit_ = bytes; }
  // Leaves bytes in the kernel. Those already read wait in the input buffer.
  void pause_reading() { reading_ = false; }
  // Reads again, after on_input() with what waited: at the end of this turn, never from inside.
  void resume_reading();
  [[nodiscard]] bool reading() const { return reading_; }

  // The other side's address, for a log; empty for a unix socket, and once it has ended otherwise than by
  // TLS.
  [[nodiscard]] std::string peer() const { return fd_ < 0 ? (tls_ ? tls_->peer() : "") : peer_text(fd_); }
  // Null without TLS.
  [[nodiscard]] const TlsSession* tls() const { return tls_.get(); }
  // The TLS handshake is not done yet.
  [[nodiscard]] bool handshaking() const { return state_ == State::handshaking; }
  // TLS has failed, as tls()->fault() says.
  [[nodiscard]] bool tls_failed() const { return tls_failed_; }

  // Sends what is in output(), then FIN, then waits for the peer's end for a second at most, so that no reset
  // destroys the last reply on its way. on_input() is not called any more.
  void finish();
  // Ends at once; on_ended() comes at the end of the turn.
  void abort(std::string error);

 private:
  enum class State { connecting, handshaking, open, finishing, ended };

  static constexpr size_t kWriteAtOnce = size_t{16} * 1024;

  void set_state(State state);
  void on_end_of_turn() override;
  void on_readable();
  void on_writable();
  void drop_input();
  void deliver(size_t size);
  void read_into_pipe();
  void write_now();
  void write_ahead();
  // False if the stream has ended by it.
  [[nodiscard]] bool write_out() { return tls_ ? write_records() : write_plain(); }
  [[nodiscard]] bool write_plain();
  void watch_writable(bool on);

  // With TLS (stream_tls.cc).
  void shake_hands();
  void read_records();
  void read_on();
  void read_next_turn();
  [[nodiscard]] bool write_records();
  [[nodiscard]] bool farewell_said();
  void wait_for_writable();
  void go_on_reading();
  void fail_tls();

  EventLoop& loop_;
  Handler& handler_;
  int fd_;
  State state_;
  bool reading_ = true;
  bool redeliver_ = false;
  bool input_ended_ = false;
  bool read_armed_ = false;
  bool gathers_ = false;
  bool fin_sent_ = false;
  bool end_told_ = false;
  bool read_wants_write_ = false;  // TLS has to write before it can read on
  bool read_next_turn_ = false;    // though the socket need not be readable
  bool tls_failed_ = false;
  size_t read_limit_;
  size_t notify_below_ = 0;
  std::string error_;
  base::InputBuffer input_;
  base::OutputQueue output_;
  event* read_event_ = nullptr;
  event* write_event_ = nullptr;  // made when a write would block for the first time
  std::unique_ptr<Timer> linger_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace mctenant::net
