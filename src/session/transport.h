#pragma once

#include <cstddef>
#include <string_view>

#include "auth/mechanisms.h"
#include "base/output_queue.h"
#include "session/close_reason.h"

namespace mctenant::session {

// The connection under a session, as far as the session needs it.
class Transport {
 public:
  virtual ~Transport() = default;

  // Replies are appended here; flush() sends them at the end of the turn.
  [[nodiscard]] virtual base::OutputQueue& output() = 0;
  virtual void flush() = 0;
  // One call of ClientSession::on_output_drained() when less than `bytes` wait.
  virtual void notify_below(size_t bytes) = 0;

  // No more ClientSession::on_input() until resumed; what was read and not consumed comes again then, not
  // from inside resume_reading().
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  // How its client may sign in: the listener's policy, on a connection that is encrypted or not.
  [[nodiscard]] virtual auth::Mechanisms offered() const = 0;

  // Before sign-in a connection has a deadline, and little is read ahead.
  virtual void on_signed_in() = 0;
  virtual void on_signed_out() = 0;
  // The client has asked to sign in by what offered() has not; `mechanism` is any bytes.
  virtual void on_not_offered(std::string_view mechanism) = 0;

  // Sends what is in output(), then closes. The session gets no more calls but its destructor.
  virtual void finish(CloseReason reason) = 0;
};

}  // namespace mctenant::session
