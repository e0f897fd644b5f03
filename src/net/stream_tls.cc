#include <event2/event.h>

#include <utility>

#include "net/stream.h"

// What a stream with TLS does otherwise than one without.
namespace mctenant::net {

using Result = TlsSession::Result;

void Stream::shake_hands() {
  if (!loop_.may_toil()) return read_next_turn();
  switch (tls_->shake_hands()) {
    case Result::done:
      set_state(State::open);
      handler_.on_connected();
      return read_on();
    case Result::wants_read:
      return;
    case Result::wants_write:
      return wait_for_writable();
    default:
      return fail_tls();
  }
}

void Stream::read_records() {
  if (!output_.empty()) loop_.at_end_of_turn(*this);  // TLS may have waited for this to write
  iovec places[2];
  const int count = input_.prepare(places, read_limit_);
  size_t got = 0;
  switch (tls_->read(places, count, got)) {
    case Result::done:
      deliver(got);
      return read_on();
    case Result::wants_read:
      return;
    case Result::wants_write:
      return wait_for_writable();
    case Result::ended:
      input_ended_ = true;
      event_del(read_event_);
      return handler_.on_input_end();
    case Result::failed:
      return fail_tls();
  }
}

// What TLS holds makes no socket readable.
void Stream::read_on() {
  if (state_ == State::open && reading_ && read_armed_ && tls_->more_to_read()) {
    read_next_turn();
  }
}

// Not by event_active() at once: the loop would call back in this turn, again and again.
void Stream::read_next_turn() {
  read_next_turn_ = true;
  loop_.at_end_of_turn(*this);
}

bool Stream::write_records() {
  while (!output_.empty()) {
    size_t piped = 0;
    if (output_.next_pipe(piped) != nullptr) output_.take_out_of_pipe();
    switch (tls_->write(output_)) {
      case Result::done:
        continue;
      case Result::wants_read:
        return true;  // goes on when something is read
      case Result::wants_write:
        output_.let_go();
        watch_writable(true);
        return true;
      default:
        fail_tls();
        return false;
    }
  }
  return true;
}

bool Stream::farewell_said() {
  const Result result = tls_->say_farewell();
  if (result == Result::wants_write) watch_writable(true);
  return result != Result::wants_write;
}

// Else a peer that sends and does not read would be readable again and again.
void Stream::wait_for_writable() {
  read_wants_write_ = true;
  event_del(read_event_);
  read_armed_ = false;
  watch_writable(true);
}

void Stream::go_on_reading() {
  read_wants_write_ = false;
  if (state_ != State::open && state_ != State::handshaking) return;
  if (state_ == State::handshaking || output_.empty()) watch_writable(false);
  event_add(read_event_, nullptr);
  read_armed_ = true;
  read_next_turn();
}

void Stream::fail_tls() {
  // A connection that is lost behind the handshake is lost as any other.
  tls_failed_ = state_ == State::handshaking || tls_->fault() != TlsFault::lost;
  abort(tls_->error());
}

}  // namespace mctenant::net
