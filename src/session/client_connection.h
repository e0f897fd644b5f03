#pragma once

#include <memory>
#include <string>

#include "net/stream.h"
#include "net/timer.h"
#include "session/client_session.h"
#include "session/listener_traits.h"

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

  // Takes the connected, non-blocking `fd`, which a listener with these traits has accepted. The context and
  // the owner must outlive the connection.
  ClientConnection(net::EventLoop& loop, int fd, std::shared_ptr<const ListenerTraits> traits,
                   Context& context, Owner& owner);
  ~ClientConnection() override;

  // Answers what it has taken, then ends.
  void drain() { session_.drain(); }
  // The context has another directory.
  void on_directory_changed() { session_.on_directory_changed(); }

  // For the owner's list.
  ClientConnection* previous = nullptr;
  ClientConnection* next = nullptr;

 private:
  void on_connected() override;
  void on_input(base::InputBuffer& in) override {
    if (first_bytes_awaited_ && !judge_first_bytes(in)) return;
    session_.on_input(in);
  }
  void on_input_end() override { session_.on_input_end(); }
  void on_output_drained() override { session_.on_output_drained(); }
  void on_ended(const std::string& error) override;

  base::OutputQueue& output() override { return stream_->output(); }
  void flush() override { stream_->flush(); }
  void notify_below(size_t bytes) override { stream_->notify_below(bytes); }
  void pause_reading() override { stream_->pause_reading(); }
  void resume_reading() override { stream_->resume_reading(); }
  [[nodiscard]] auth::Mechanisms offered() const override {
    return traits_->sign_in.offered(traits_->tls != nullptr);
  }
  void on_signed_in() override;
  void on_signed_out() override;
  void on_not_offered(std::string_view mechanism) override;
  void finish(CloseReason reason) override;

  [[nodiscard]] bool judge_first_bytes(base::InputBuffer& in);
  void on_deadline();
  // Signs in who needs no conversation for it, or ends.
  void sign_in_by_itself();
  [[nodiscard]] std::string_view find_identity();
  void count_handshake();
  void tell_tls_fault(const std::string& error);
  void log_stranger(std::string_view what);

  net::EventLoop& loop_;
  Context& context_;
  Owner& owner_;
  const std::shared_ptr<const ListenerTraits> traits_;
  CloseReason reason_ = CloseReason::connection_lost;
  bool first_bytes_awaited_ = true;
  bool handshake_settled_;
  std::unique_ptr<const std::string> peer_;  // for the log of closed connections; null where none is kept
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<net::Timer> sign_in_deadline_;  // only while signed out
  ClientSession session_;
};

}  // namespace mctenant::session
