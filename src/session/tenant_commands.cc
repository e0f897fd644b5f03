#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/secret.h"
#include "session/client_session.h"

namespace mctenant::session {
namespace {

using protocol::Status;

// Dalli 2 takes an empty body of either for a broken reply.
constexpr std::string_view kAccepted = "Authenticated";
// Both begin as memcached's words for a wrong password, which clients know.
constexpr std::string_view kNotOffered = "Auth failure. This mechanism is not offered here";
constexpr std::string_view kNotOfferedLine =
    "CLIENT_ERROR authentication failure: passwords are not taken here";
constexpr std::string_view kBusy = "Too many sign-ins wait; try again";
constexpr std::string_view kTooMany = "Too many connections of this tenant";
constexpr std::string_view kBusyLine = "SERVER_ERROR too many sign-ins wait; try again";
constexpr std::string_view kTooManyLine = "SERVER_ERROR too many connections of this tenant";

// When a flush is to happen, in Unix seconds, as memcached takes its delay: up to 30 days it counts from now,
// and beyond it is the time itself.
int64_t flush_time(int64_t delay, int64_t now) {
  constexpr int64_t kLongestDelay = 60 * 60 * 24 * 30;
  return delay <= kLongestDelay ? now + delay : delay;
}

}  // namespace

bool ClientSession::pool_can_serve() const {
  return pool_ != nullptr ? pool_->can_serve() : context_.any_pool_can_serve();
}

void ClientSession::begin_sign_in(const protocol::ClientRequest& request) {
  sign_out();
  const base::Slice& message = request.request.value;
  start_sign_in(request, request.request.key, {message.data, message.size});
}

// memcached's own form has the name before the password, MemCachier's has it for a key. A password may have
// spaces, so the first word counts as a name only if it is one.
void ClientSession::begin_text_sign_in(const protocol::ClientRequest& request) {
  std::string_view username = request.request.key;
  std::string_view password{request.request.value.data, request.request.value.size};
  const size_t space = password.find(' ');
  if (space != password.npos && context_.directory().find_by_username(password.substr(0, space)) != nullptr) {
    username = password.substr(0, space);
    password.remove_prefix(space + 1);
  }
  char message[protocol::TextDecoder::kMaxLine + protocol::TextDecoder::kMaxSignIn];
  char* end = message;
  *end++ = '\0';  // nobody to act for
  end = std::copy(username.begin(), username.end(), end);
  *end++ = '\0';
  end = std::copy(password.begin(), password.end(), end);
  const auto size = static_cast<size_t>(end - message);
  start_sign_in(request, "PLAIN", {message, size});
  base::wipe(message, size);
}

void ClientSession::start_sign_in(const protocol::ClientRequest& request, std::string_view mechanism,
                                  std::string_view message) {
  barrier_row_ = request.row;
  barrier_opaque_ = request.opaque;
  sign_in_ = context_.authenticator->begin(transport_.offered());
  set_state(State::signing_in);
  const auth::Result result =
      sign_in_->start(mechanism, message, [this](const auth::Result& later) { on_sign_in(later); });
  if (result.verdict == auth::Verdict::not_offered) transport_.on_not_offered(mechanism);
  on_sign_in(result);
}

void ClientSession::step_sign_in(const protocol::ClientRequest& request) {
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
  protocol::ClientRequest request;
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
        context_.figures.sign_ins_by[static_cast<size_t>(result.mechanism)].add();
        conclude(request, Status::ok, kAccepted);
      } else {
        conclude(request, Status::temporary_failure, kTooMany, kTooManyLine);
      }
      break;
    case Verdict::busy:
      context_.figures.sign_ins_busy.add();
      conclude(request, Status::temporary_failure, kBusy, kBusyLine);
      break;
    case Verdict::not_offered:
      context_.figures.sign_ins_not_offered.add();
      conclude(request, Status::auth_error, kNotOffered, kNotOfferedLine);
      count_refusal();
      break;
    default:
      count_wrong_sign_in(result.claimed);
      conclude(request, Status::auth_error, text_of(Status::auth_error));
      count_refusal();
      break;
  }
  update_flow();
}

// After the verdict, and whether there is such a user or not.
void ClientSession::count_wrong_sign_in(std::string_view claimed) {
  context_.figures.sign_ins_refused.add();
  if (const tenant::Entry* entry = context_.directory().find_by_username(claimed)) {
    entry->tenant->shard(context_.worker).counters.auth_errors.add();
  }
}

bool ClientSession::enter(std::string_view username) {
  const tenant::Entry* entry = context_.directory().find_by_username(username);
  if (entry == nullptr) return false;
  upstream::Pool* pool = context_.pool(entry->plan.pool);
  quota::Ledger* ledger = context_.accounting->books().find(entry->tenant->id());
  if (pool == nullptr || ledger == nullptr || !entry->tenant->take_connection(entry->plan.max_connections))
    return false;
  tenant_ = entry->tenant;
  shard_ = &tenant_->shard(context_.worker);
  pool_ = pool;
  account_ = {tenant_.get(), shard_, ledger, pool};
  max_connections_ = entry->plan.max_connections;
  credential_ = context_.directory().find_credential(username);
  capabilities_ = credential_->capabilities;
  if (credential_->figures) {
    credential_->figures->sign_ins.fetch_add(1, std::memory_order_relaxed);
    credential_->figures->connections.fetch_add(1, std::memory_order_relaxed);
  }
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
  if (credential_->figures) credential_->figures->connections.fetch_sub(1, std::memory_order_relaxed);
  credential_.reset();
  capabilities_ = {};
  shard_ = nullptr;
  pool_ = nullptr;
  account_ = {};
  set_state(State::signed_out);
  if (!finished_) transport_.on_signed_out();
}

// A sign-in under way needs nothing here: the directory of the moment when it ends is what counts.
void ClientSession::on_directory_changed() {
  if (!tenant_) return;
  const tenant::Directory& directory = context_.directory();
  const tenant::Entry* entry = directory.find_tenant(tenant_->id());
  if (entry == nullptr) return close_when_answered(CloseReason::tenant_removed);
  auto now = directory.find_credential(credential_->username);
  const bool same = now != nullptr && keeps_password(*credential_, *now) &&
                    directory.find_by_username(now->username) == entry;
  if (!same) return close_when_answered(CloseReason::credential_changed);
  credential_ = std::move(now);  // and so the last directory can go
  capabilities_ = credential_->capabilities;
  max_connections_ = entry->plan.max_connections;
}

void ClientSession::abandon_sign_in() {
  if (state_ != State::signing_in) return;
  sign_in_.reset();
  set_state(State::signed_out);
}

void ClientSession::begin_flush(const protocol::ClientRequest& request) {
  if (!capabilities_.has(tenant::Capability::flush)) return deny_flush(request);
  barrier_row_ = request.row;
  barrier_opaque_ = request.opaque;
  set_state(State::flushing);
  if (!self_) self_ = std::make_shared<ClientSession*>(this);
  auto done = [self = self_](const base::Expected<tenant::Generation>& written) {
    if (!written) base::log::error("a flush failed: {}", written.error().message);
    if (*self != nullptr) (*self)->on_flushed(written.has_value());
  };
  const auto now =
      std::chrono::floor<std::chrono::seconds>(context_.clock->wall()).time_since_epoch().count();
  const int64_t at = flush_time(request.request.expiry, now);
  if (at <= now) return context_.generations->advance(tenant_, *context_.executor, std::move(done));
  context_.generations->schedule(tenant_, at, *context_.executor, std::move(done));
}

void ClientSession::on_flushed(bool written) {
  set_state(State::signed_in);
  // What was stored before leaves the sums before the client hears of it.
  account_.ledger->begin_generation(tenant_->generation());
  shard_->counters.cmd_flush.add();
  protocol::ClientRequest request;
  request.row = barrier_row_;
  request.opaque = barrier_opaque_;
  const Status status = written ? Status::ok : Status::temporary_failure;
  conclude(request, status, text_of(status));
  update_flow();
}

}  // namespace mctenant::session
