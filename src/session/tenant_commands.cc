#include <unistd.h>

#include <charconv>
#include <utility>

#include "base/log.h"
#include "session/client_session.h"

namespace mctenant::session {
namespace {

using protocol::Status;

// Dalli 2 takes an empty body of either for a broken reply.
constexpr std::string_view kAccepted = "Authenticated";
constexpr std::string_view kBusy = "Too many sign-ins wait; try again";
constexpr std::string_view kTooMany = "Too many connections of this tenant";

}  // namespace

bool ClientSession::pool_can_serve() const {
  return pool_ != nullptr ? pool_->can_serve() : context_.any_pool_can_serve();
}

void ClientSession::begin_sign_in(const protocol::BinaryRequest& request) {
  sign_out();
  barrier_row_ = request.row;
  barrier_opaque_ = request.opaque;
  sign_in_ = context_.authenticator->begin();
  set_state(State::signing_in);
  const base::Slice& message = request.request.value;
  on_sign_in(sign_in_->start(request.request.key, {message.data, message.size},
                             [this](const auth::Result& result) { on_sign_in(result); }));
}

void ClientSession::step_sign_in(const protocol::BinaryRequest& request) {
  barrier_row_ = request.row;
  barrier_opaque_ = request.opaque;
  if (!sign_in_) return on_sign_in({});
  set_state(State::signing_in);
  const base::Slice& message = request.request.value;
  on_sign_in(sign_in_->step({message.data, message.size},
                            [this](const auth::Result& result) { on_sign_in(result); }));
}

void ClientSession::on_sign_in(const auth::Result& result) {
  using auth::Verdict;
  if (result.verdict == Verdict::pending) return;
  protocol::BinaryRequest request;
  request.row = barrier_row_;
  request.opaque = barrier_opaque_;
  // A step without a beginning leaves a tenant signed in.
  if (state_ == State::signing_in) set_state(State::signed_out);
  if (result.verdict != Verdict::challenge) sign_in_.reset();
  switch (result.verdict) {
    case Verdict::challenge:
      write_body(request, Status::auth_continue, {}, result.challenge);
      break;
    case Verdict::accepted:
      if (enter(result.username)) {
        write_body(request, Status::ok, {}, kAccepted);
      } else {
        write_body(request, Status::temporary_failure, {}, kTooMany);
      }
      break;
    case Verdict::busy:
      context_.figures.sign_ins_busy.add();
      write_body(request, Status::temporary_failure, {}, kBusy);
      break;
    default:
      context_.figures.sign_ins_refused.add();
      write_body(request, Status::auth_error, {}, text_of(Status::auth_error));
      if (++refusals_ >= context_.limits.sign_in_refusals) close_when_answered(CloseReason::refusals);
      break;
  }
  update_flow();
}

bool ClientSession::enter(std::string_view username) {
  const tenant::Entry* entry = context_.directory().find_by_username(username);
  if (entry == nullptr) return false;
  upstream::Pool* pool = context_.pool(entry->plan.pool);
  if (pool == nullptr || !entry->tenant->take_connection(entry->plan.max_connections)) return false;
  tenant_ = entry->tenant;
  shard_ = &tenant_->shard(context_.worker);
  pool_ = pool;
  memory_limit_ = entry->plan.memory;
  refusals_ = 0;
  context_.figures.sign_ins_accepted.add();
  context_.figures.signed_in.add();
  shard_->counters.auth_cmds.add();
  shard_->counters.curr_connections.add();
  shard_->counters.total_connections.add();
  set_state(State::signed_in);
  transport_.on_signed_in();
  return true;
}

void ClientSession::sign_out() {
  sign_in_.reset();
  if (!tenant_) return;
  context_.figures.signed_in.subtract();
  shard_->counters.curr_connections.subtract();
  tenant_->give_back_connection();
  tenant_.reset();
  shard_ = nullptr;
  pool_ = nullptr;
  set_state(State::signed_out);
  if (!finished_) transport_.on_signed_out();
}

void ClientSession::abandon_sign_in() {
  if (state_ != State::signing_in) return;
  sign_in_.reset();
  set_state(State::signed_out);
}

void ClientSession::write_stats(const protocol::BinaryRequest& request) {
  const std::string_view group = request.request.key;
  if (group == "reset") {
    tenant_->reset_stats();
    return write_body(request, Status::ok, {}, {});
  }
  if (!group.empty()) return write_body(request, Status::not_found, {}, text_of(Status::not_found));
  const auto line = [&](std::string_view name, uint64_t value) {
    char digits[20];
    const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    write_body(request, Status::ok, name, {digits, static_cast<size_t>(end - digits)});
  };
  const auto seconds = [](auto duration) {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
  };
  line("pid", static_cast<uint64_t>(getpid()));
  line("uptime", seconds(context_.clock->now() - context_.started));
  line("time", seconds(context_.clock->wall().time_since_epoch()));
  write_body(request, Status::ok, "version", kVersion);
  line("pointer_size", sizeof(void*) * 8);
  line("threads", context_.workers);
  line("max_connections", context_.limits.max_connections);
  line("limit_maxbytes", memory_limit_);
  const tenant::Totals totals = tenant_->totals_since_reset();
#define X(name) line(#name, totals.name);
  MCTENANT_TENANT_COUNTERS(X)
#undef X
  write_body(request, Status::ok, {}, {});
}

void ClientSession::begin_flush(const protocol::BinaryRequest& request) {
  if (request.request.expiry != 0) {
    return write_body(request, Status::invalid, {},
                      "A delayed flush is not supported; flush without a delay");
  }
  barrier_row_ = request.row;
  barrier_opaque_ = request.opaque;
  set_state(State::flushing);
  if (!self_) self_ = std::make_shared<ClientSession*>(this);
  context_.generations->advance(tenant_, *context_.executor,
                                [self = self_](const base::Expected<tenant::Generation>& moved) {
                                  if (!moved) base::log::error("a flush failed: {}", moved.error().message);
                                  if (*self != nullptr) (*self)->on_flushed(moved.has_value());
                                });
}

void ClientSession::on_flushed(bool moved) {
  set_state(State::signed_in);
  shard_->counters.cmd_flush.add();
  protocol::BinaryRequest request;
  request.row = barrier_row_;
  request.opaque = barrier_opaque_;
  const Status status = moved ? Status::ok : Status::temporary_failure;
  if (!silent(*barrier_row_, status)) write_body(request, status, {}, text_of(status));
  update_flow();
}

}  // namespace mctenant::session
