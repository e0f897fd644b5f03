#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "auth/authenticator.h"
#include "base/input_buffer.h"
#include "protocol/client_decoder.h"
#include "session/context.h"
#include "session/operation.h"
#include "session/transport.h"
#include "tenant/tenant.h"

namespace mctenant::session {

// One client's conversation: bytes in, bytes out, no sockets.
//
//                 AUTH              accepted
//   signed_out ─────────► signing_in ─────────► signed_in ◄────► flushing
//       ▲  ▲                   │                    │      FLUSH, durable
//       │  └──── refused ──────┘                    │
//       └──────────────────── AUTH again ───────────┘
//   from any of them: closing (no more is taken; once all is answered, the transport is told to finish)
//
// Replies leave in the order of the commands. Commands take effect in their order for each key, since a key's
// commands share one server connection; while one needs several requests to its server (append, prepend), no
// other is taken.
class ClientSession {
 public:
  // Both must outlive the session.
  ClientSession(Context& context, Transport& transport);
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  // Before any input: the connection itself says who it is, as one of a listener that is bound to a
  // credential. False if there is no such user, or no room for its connection.
  [[nodiscard]] bool begin_signed_in(std::string_view username) { return enter(username); }

  // Takes whole frames from `in`, as many as may be taken now.
  void on_input(base::InputBuffer& in);
  // The client will send no more: what it asked is answered, then the connection is closed.
  void on_input_end();
  void on_output_drained() { update_flow(); }
  void on_sign_in_timeout();
  // The context has another directory: a client whose tenant or credential is not in it gets its last replies
  // and is gone.
  void on_directory_changed();
  // Takes no more requests, and closes when those taken are answered.
  void drain() { close_when_answered(CloseReason::drained); }

  [[nodiscard]] bool signed_in() const { return state_ == State::signed_in || state_ == State::flushing; }
  // For the log; empty before sign-in.
  [[nodiscard]] std::string_view tenant_name() const {
    return tenant_ ? std::string_view(tenant_->name()) : "";
  }
  [[nodiscard]] std::string_view username() const {
    return credential_ ? std::string_view(credential_->username) : "";
  }

  // From the session's operations.
  void on_reply(Operation& operation, const protocol::Reply& reply);

 private:
  enum class State : uint8_t { signed_out, signing_in, signed_in, flushing };

  // Taking requests (client_session.cc).
  void take(const protocol::ClientRequest& request, base::InputBuffer& in);
  void take_local(const protocol::ClientRequest& request);
  void take_barrier(const protocol::ClientRequest& request);
  void refuse(const protocol::ClientRequest& request);
  void count_refusal();
  void close_when_answered(CloseReason reason);

  // Order and back-pressure (client_session.cc).
  Operation& push(const protocol::ClientRequest& request);
  void answer(Operation& operation, const protocol::Reply& reply);
  void write(const Operation& operation, const protocol::Reply& reply);
  void retire_head();
  // Binary: a packet. Text: the line that says so, or that of memcached for the status.
  void write_body(const protocol::ClientRequest& request, protocol::Status status, std::string_view key,
                  std::string_view body);
  void conclude(const protocol::ClientRequest& request, protocol::Status status, std::string_view body,
                std::string_view line = {});
  void sent(size_t bytes);
  // Bytes of requests and replies that may be held for this client.
  [[nodiscard]] uint64_t buffer() const;
  [[nodiscard]] bool may_take() const;
  void update_flow();

  // Commands that servers carry out (forwarding.cc).
  void forward(const protocol::ClientRequest& incoming, base::InputBuffer& in);
  void send(Operation& operation, const protocol::Request& request);
  [[nodiscard]] bool fits(const Operation& operation, uint64_t value, uint32_t flags) const;
  void reserve(Operation& operation, uint64_t bytes);
  void forward_store(Operation& operation, protocol::Request request);
  void refuse_store(Operation& operation);
  void begin_growing(Operation& operation, const protocol::Request& request);
  [[nodiscard]] bool grow_by_ledger(Operation& operation);
  void ask(Operation& operation, Operation::Step step, protocol::Command command);
  [[nodiscard]] bool may_grow(Operation& operation, const protocol::Reply& reply);
  void compare(Operation& operation);
  void on_compared(Operation& operation, const protocol::Reply& reply);
  void probe(Operation& operation);
  void on_probed(Operation& operation, const protocol::Reply& reply);
  void on_grown(Operation& operation, const protocol::Reply& reply);
  void finish_growing(Operation& operation, const protocol::Reply& reply);
  void finish(Operation& operation, const protocol::Reply& reply);

  // What the credential does not allow (capabilities.cc).
  void deny(const protocol::ClientRequest& request);
  void deny_flush(const protocol::ClientRequest& request);

  // Sign-in, flush (tenant_commands.cc).
  void begin_sign_in(const protocol::ClientRequest& request);
  void begin_text_sign_in(const protocol::ClientRequest& request);
  void start_sign_in(const protocol::ClientRequest& request, std::string_view mechanism,
                     std::string_view message);
  void step_sign_in(const protocol::ClientRequest& request);
  void on_sign_in(const auth::Result& result);
  void count_wrong_sign_in(std::string_view claimed);
  [[nodiscard]] bool enter(std::string_view username);
  void sign_out();
  // Nobody waits for the verdict any more.
  void abandon_sign_in();

  // Statistics (stats.cc).
  class StatsWriter;
  void write_stats(const protocol::ClientRequest& request);
  void write_general_stats(const protocol::ClientRequest& request);
  void write_settings(const protocol::ClientRequest& request);
  void write_item_stats(const protocol::ClientRequest& request);

  void begin_flush(const protocol::ClientRequest& request);
  void on_flushed(bool written);
  [[nodiscard]] bool pool_can_serve() const;

  void set_state(State state);

  Context& context_;
  Transport& transport_;
  protocol::ClientDecoder decoder_;
  State state_ = State::signed_out;
  bool paused_ = false;
  bool waits_for_idle_ = false;  // the next frame is a barrier
  bool finished_ = false;
  uint8_t growing_ = 0;  // operations of several steps under way: 0 or 1
  uint32_t refusals_ = 0;
  std::optional<CloseReason> closing_;

  // Commands without a reply, in their order.
  Operation* head_ = nullptr;
  Operation* tail_ = nullptr;
  uint32_t waiting_ = 0;
  size_t request_bytes_ = 0;  // values of waiting requests
  size_t reply_estimate_;     // what the next reply may bring: the largest of late, fading

  std::shared_ptr<tenant::Tenant> tenant_;
  std::shared_ptr<const tenant::Credential> credential_;  // that it signed in with
  tenant::Shard* shard_ = nullptr;
  upstream::Pool* pool_ = nullptr;
  Account account_;                    // the three above, and the ledger
  uint32_t max_connections_ = 0;       // of the plan
  tenant::Capabilities capabilities_;  // of the credential

  // A barrier under way: what it is to be answered with.
  const protocol::CommandRow* barrier_row_ = nullptr;
  uint32_t barrier_opaque_ = 0;
  std::unique_ptr<auth::SignIn> sign_in_;
  std::shared_ptr<ClientSession*> self_;  // for callbacks that may come after the session's end
};

}  // namespace mctenant::session
