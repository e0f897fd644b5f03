#pragma once

#include <memory>

#include "net/stream.h"
#include "net/timer.h"
#include "session/client_session.h"

namespace mctenant::session {

// A client session on its socket. Belongs to its worker's thread.
class ClientConnection final : public net::Discardable, private net::Stream::Handler, private Transport {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The connection has ended: let go of it, through EventLoop::discard().
    virtual void on_connection_ended(ClientConnection& connection) = 0;
  };

  // Takes the connected, non-blocking `fd`. The context and the owner must outlive the connection.
  ClientConnection(net::EventLoop& loop, int fd, Context& context, Owner& owner);
  ~ClientConnection() override;

  // Answers what it has taken, then ends.
  void drain() { session_.drain(); }
  // The context has another directory.
  void on_directory_changed() { session_.on_directory_changed(); }

  // For the owner's list.
  ClientConnection* previous = nullptr;
  ClientConnection* next = nullptr;

 private:
  void on_input(base::InputBuffer& in) override { session_.on_input(in); }
  void on_input_end() override { session_.on_input_end(); }
  void on_output_drained() override { session_.on_output_drained(); }
  void on_ended(const std::string& error) override;

  base::OutputQueue& output() override { return stream_->output(); }
  void flush() override { stream_->flush(); }
  void notify_below(size_t bytes) override { stream_->notify_below(bytes); }
  void pause_reading() override { stream_->pause_reading(); }
  void resume_reading() override { stream_->resume_reading(); }
  void on_signed_in() override;
  void on_signed_out() override;
  void finish(CloseReason reason) override;

  net::EventLoop& loop_;
  Context& context_;
  Owner& owner_;
  CloseReason reason_ = CloseReason::connection_lost;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<net::Timer> sign_in_deadline_;  // only while signed out
  ClientSession session_;
};

}  // namespace mctenant::session
