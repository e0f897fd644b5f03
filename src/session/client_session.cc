#include "session/client_session.h"

#include <algorithm>
#include <utility>

#include "protocol/binary_encoder.h"
#include "protocol/text_commands.h"
#include "protocol/text_encoder.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using protocol::Dialect;
using protocol::Handling;
using protocol::Status;

// Before the first replies tell how large a client's values are.
constexpr size_t kFirstReplyEstimate = 32 * 1024;
constexpr size_t kReplyFrame = 64;
// What a client that has not signed in may leave unread, in bytes.
constexpr uint64_t kStrangersBuffer = 4 * 1024;

}  // namespace

ClientSession::ClientSession(Context& context, Transport& transport)
    : context_(context),
      transport_(transport),
      decoder_(context.limits.item_size),
      reply_estimate_(kFirstReplyEstimate) {}

ClientSession::~ClientSession() {
  finished_ = true;
  if (self_) *self_ = nullptr;
  while (head_ != nullptr) {
    Operation* operation = std::exchange(head_, head_->next);
    if (operation->answered) {
      operation->drop();
    } else {
      operation->session = nullptr;
    }
  }
  sign_out();
}

void ClientSession::set_state(State state) {
  state_ = state;
  decoder_.set_signed_in(signed_in());
}

void ClientSession::on_input(base::InputBuffer& in) {
  using Outcome = protocol::Decoded::Outcome;
  while (!in.view().empty() && may_take()) {
    const auto result = decoder_.decode(in.view());
    if (result.outcome == Outcome::incomplete) return in.expect(result.needed);
    if (result.outcome == Outcome::broken) {
      refuse(result.request);
      close_when_answered(CloseReason::malformed);
      return;
    }
    if (result.outcome == Outcome::foreign) return close_when_answered(CloseReason::other_protocol);
    if (result.outcome == Outcome::request) {
      if (result.request.row->handling == Handling::barrier && head_ != nullptr &&
          result.request.fault == Status::ok) {
        waits_for_idle_ = true;  // the frame stays where it is
        break;
      }
      take(result.request, in);
    }
    if (shard_ != nullptr) shard_->counters.bytes_read.add(result.consumed);
    in.consume(result.consumed);
  }
  update_flow();
}

void ClientSession::take(const protocol::ClientRequest& request, base::InputBuffer& in) {
  context_.figures.requests.add();
  if (request.fault == Status::too_large && state_ == State::signed_in) return forward(request, in);
  if (request.fault != Status::ok) return refuse(request);
  switch (request.row->handling) {
    case Handling::forwarded:
      return forward(request, in);
    case Handling::local:
      return take_local(request);
    case Handling::barrier:
      return take_barrier(request);
    case Handling::refused:
      return refuse(request);
  }
}

void ClientSession::refuse(const protocol::ClientRequest& request) {
  // A sign-in that is refused for its size is a failed one, and a failed one signs out.
  if (request.row->command == Command::sasl_auth) sign_out();
  protocol::Reply reply;
  reply.status = request.fault;
  reply.value = {{}, request.words.data(), request.words.size()};
  answer(push(request), reply);
  if (request.fault != Status::auth_error) return context_.figures.requests_malformed.add();
  context_.figures.commands_refused.add();
  count_refusal();
}

void ClientSession::count_refusal() {
  if (++refusals_ >= context_.limits.sign_in_refusals) close_when_answered(CloseReason::refusals);
}

void ClientSession::take_local(const protocol::ClientRequest& request) {
  protocol::Reply reply;
  reply.status = Status::ok;
  if (request.row->command == Command::version) {
    if (pool_can_serve()) {
      reply.value = {{}, kVersion.data(), kVersion.size()};
    } else {
      reply.status = Status::temporary_failure;
    }
  }
  answer(push(request), reply);
}

void ClientSession::take_barrier(const protocol::ClientRequest& request) {
  switch (request.row->command) {
    case Command::sasl_list:
      return write_body(request, Status::ok, {}, list_of(transport_.offered()));
    case Command::sasl_auth:
      return begin_sign_in(request);
    case Command::sasl_step:
      return step_sign_in(request);
    case Command::text_sign_in:
      return begin_text_sign_in(request);
    case Command::stat:
      return write_stats(request);
    case Command::flush:
      return begin_flush(request);
    case Command::quit:
      if (request.row->dialect == Dialect::binary && !request.row->quiet)
        write_body(request, Status::ok, {}, {});
      return close_when_answered(CloseReason::client_quit);
    default:
      return refuse(request);
  }
}

void ClientSession::on_sign_in_timeout() {
  abandon_sign_in();
  close_when_answered(CloseReason::sign_in_timeout);
}

void ClientSession::on_input_end() {
  abandon_sign_in();
  close_when_answered(CloseReason::client_closed);
}

void ClientSession::close_when_answered(CloseReason reason) {
  if (!closing_) closing_ = reason;
  update_flow();
}

Operation& ClientSession::push(const protocol::ClientRequest& request) {
  Operation* operation = Operation::make(*this, *context_.accounting, request);
  operation->shard = shard_;
  (tail_ == nullptr ? head_ : tail_->next) = operation;
  tail_ = operation;
  ++waiting_;
  return *operation;
}

// The head's reply goes straight into the output; another's waits for those before it.
void ClientSession::answer(Operation& operation, const protocol::Reply& reply) {
  operation.answered = true;
  request_bytes_ -= std::exchange(operation.request_bytes, 0);
  if (&operation != head_) return operation.keep_reply(reply);
  write(operation, reply);
  retire_head();
  while (head_ != nullptr && head_->answered) {
    write(*head_, head_->reply());
    retire_head();
  }
  transport_.flush();
}

void ClientSession::write(const Operation& operation, const protocol::Reply& reply) {
  const protocol::CommandRow& row = *operation.row;
  base::OutputQueue& out = transport_.output();
  size_t written = 0;
  switch (row.dialect) {
    case Dialect::binary:
      written = protocol::write_binary_reply(row, operation.opaque, operation.returned_key(), reply, out);
      break;
    case Dialect::text:
      written = protocol::write_text_reply(row, operation.place, operation.returned_key(), reply, out);
      break;
    case Dialect::meta:
      written = protocol::write_meta_reply(
          operation.made ? meta_row(row.command, false) : row, operation.wanted,
          operation.wanted.key ? operation.returned_key() : std::string_view(), reply, out);
      break;
  }
  if (operation.shard != nullptr) operation.shard->counters.bytes_written.add(written);
}

void ClientSession::retire_head() {
  Operation* operation = std::exchange(head_, head_->next);
  if (head_ == nullptr) tail_ = nullptr;
  --waiting_;
  operation->drop();
}

void ClientSession::write_body(const protocol::ClientRequest& request, Status status, std::string_view key,
                               std::string_view body) {
  sent(protocol::write_binary_body(*request.row, request.opaque, status, key, body, transport_.output()));
}

void ClientSession::conclude(const protocol::ClientRequest& request, Status status, std::string_view body,
                             std::string_view line) {
  if (request.row->dialect == Dialect::binary) {
    if (!silent(*request.row, status)) write_body(request, status, {}, body);
    return;
  }
  if (!line.empty()) return sent(protocol::write_text_line(line, transport_.output()));
  protocol::Reply reply;
  reply.status = status;
  sent(protocol::write_text_reply(*request.row, {}, {}, reply, transport_.output()));
}

void ClientSession::sent(size_t bytes) {
  if (shard_ != nullptr) shard_->counters.bytes_written.add(bytes);
  transport_.flush();
}

void ClientSession::on_reply(Operation& operation, const protocol::Reply& reply) {
  reply_estimate_ = std::max(reply.value.size + kReplyFrame, reply_estimate_ - reply_estimate_ / 8);
  switch (operation.step) {
    case Operation::Step::comparing:
      on_compared(operation, reply);
      break;
    case Operation::Step::probing:
      on_probed(operation, reply);
      break;
    case Operation::Step::growing:
      on_grown(operation, reply);
      break;
    default:
      finish(operation, reply);
      break;
  }
  update_flow();
}

uint64_t ClientSession::buffer() const {
  const uint64_t configured = context_.limits.connection_buffer;
  return tenant_ ? configured : std::min(configured, kStrangersBuffer);
}

bool ClientSession::may_take() const {
  if (closing_ || growing_ > 0 || (state_ != State::signed_out && state_ != State::signed_in)) return false;
  if (waits_for_idle_ && head_ != nullptr) return false;
  // Once stopped, half must be free before more is taken: stopping and going on cost system calls.
  const size_t part = paused_ ? 2 : 1;
  if (waiting_ >= (context_.limits.pipeline + part - 1) / part) return false;
  const size_t output = transport_.output().size();
  const size_t held = output + request_bytes_ + waiting_ * reply_estimate_;
  return held < buffer() / part || (waiting_ == 0 && output == 0);
}

// The one place that decides whether more is read, and whether it is time to close.
void ClientSession::update_flow() {
  if (finished_) return;
  if (closing_ && head_ == nullptr && state_ != State::signing_in && state_ != State::flushing) {
    finished_ = true;
    return transport_.finish(*closing_);
  }
  if (!may_take()) {
    if (!std::exchange(paused_, true)) transport_.pause_reading();
    const auto low = static_cast<size_t>(std::max<uint64_t>(buffer() / 2, 1));
    if (transport_.output().size() >= low) transport_.notify_below(low);
    return;
  }
  waits_for_idle_ = false;
  if (std::exchange(paused_, false)) transport_.resume_reading();
}

}  // namespace mctenant::session
