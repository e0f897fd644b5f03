#include "upstream/server_connection.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/units.h"
#include "protocol/meta_encoder.h"
#include "protocol/meta_reply_parser.h"

namespace mctenant::upstream {
namespace {

// A value of at least this size is passed on by reference; a smaller one is cheaper to copy.
constexpr size_t kShareFrom = 16 * 1024;
constexpr size_t kMaxCheckLine = 4096;

// Whether a request that may or may not have been carried out leaves it open what the server stores.
bool changes_items(protocol::Command command) {
  using protocol::Command;
  return command != Command::get && command != Command::meta_get && command != Command::describe &&
         command != Command::probe;
}

}  // namespace

ServerConnection::ServerConnection(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& pool,
                                   const ServerOptions& server, ServerState& state, bool spokesman)
    : loop_(loop),
      resolver_(resolver),
      pool_(pool),
      server_(server),
      server_state_(state),
      spokesman_(spokesman),
      deadline_(loop, [this] { on_deadline(); }),
      rest_(loop, [this] { resolve(); }),
      back_off_(pool.retry_min, pool.retry_max) {}

ServerConnection::~ServerConnection() {
  set_state(State::resting);  // nobody sends any more
  fail_calls();
}

void ServerConnection::start(std::function<void()> settled) {
  settled_ = std::move(settled);
  resolve();
}

void ServerConnection::set_state(State state) {
  state_ = state;
  figures_.ready.store(state == State::ready, std::memory_order_relaxed);
}

void ServerConnection::settle() {
  if (auto settled = std::exchange(settled_, nullptr)) settled();
}

void ServerConnection::resolve() {
  set_state(State::resolving);
  resolver_.resolve(server_.address, loop_,
                    [this, alive = std::weak_ptr(alive_)](const base::Expected<net::SocketAddress>& address) {
                      if (!alive.expired()) connect(address);
                    });
}

void ServerConnection::connect(const base::Expected<net::SocketAddress>& address) {
  if (!address) return fail(address.error().message);
  set_state(State::connecting);
  stream_ = net::Stream::connect(loop_, *address, *this);
  stream_->gather_output();
  stream_->read_in_bulk();
  deadline_.start(pool_.connect_timeout);
}

void ServerConnection::on_connected() {
  set_state(State::checking);
  check_.emplace();
  stream_->output().append(ServerCheck::kQuestions);
  stream_->flush();
}

void ServerConnection::send(const protocol::Request& request, std::string_view server_key, Call& call) {
  protocol::write_meta_request(request, server_key, stream_->output());
  stream_->flush();
  if (calls_.empty() && !deadline_.running()) deadline_.start(pool_.timeout);
  calls_.push(call, request.command, loop_.now());
  figures_.requests.add();
  figures_.in_flight.add();
}

void ServerConnection::on_input(base::InputBuffer& in) {
  heard_ = loop_.now();
  if (state_ == State::checking) return take_check_lines(in);
  take_replies(in);
}

void ServerConnection::take_check_lines(base::InputBuffer& in) {
  while (state_ == State::checking) {
    const std::string_view view = in.view();
    const size_t end = view.find("\r\n");
    if (end == view.npos) {
      if (view.size() > kMaxCheckLine) return stream_->abort("it does not answer as a memcached");
      return in.expect(view.size() + 1);
    }
    const auto outcome = check_->take(view.substr(0, end));
    if (!outcome) return stream_->abort(outcome.error().message);
    in.consume(end + 2);
    if (*outcome != ServerCheck::Outcome::finished) continue;
    if (!in.view().empty()) return stream_->abort("it sends what nobody asked for");
    return finish_check();
  }
}

void ServerConnection::finish_check() {
  if (const auto faults = check_->faults(); !faults.empty()) return stream_->abort(faults.front());
  const ServerInfo& info = check_->info();
  item_size_max_ = info.item_size_max;
  incarnation_ = server_state_.identify(info.pid, info.started);
  server_state_.set_limit_maxbytes(info.limit_maxbytes);
  deadline_.stop();
  set_state(State::ready);
  figures_.connects.add();
  if (spokesman_) {
    base::log::info("server {} of pool {} is up: memcached {}, items to {} bytes", server_.address.text(),
                    pool_.name, info.version, item_size_max_);
    for (const std::string& warning : check_->warnings(pool_.item_size)) {
      base::log::warn("server {} of pool {}: {}", server_.address.text(), pool_.name, warning);
    }
  }
  check_.reset();
  back_off_.reset();
  last_reason_.clear();
  settle();
}

void ServerConnection::take_replies(base::InputBuffer& in) {
  using Outcome = protocol::MetaReply::Outcome;
  while (!in.view().empty()) {
    if (calls_.empty()) return stream_->abort("it sends what nobody asked for");
    auto found = protocol::parse_meta_reply(calls_.front_command(), in.view(), item_size_max_, in.piped());
    if (found.outcome == Outcome::incomplete) return in.expect(found.needed, protocol::kBehindValue);
    if (found.outcome == Outcome::broken) return stream_->abort("it sends what is no answer to the question");
    auto& value = found.reply.value;
    if (value.size >= kShareFrom || in.piped() > 0) value = in.share({value.data, value.size});
    if (in.piped() > 0) figures_.piped_values.add();
    calls_.tell_first();
    figures_.in_flight.subtract();
    calls_.pop().on_reply(found.reply);
    value = {};  // lets go of the block before the buffer decides whether it is its own again
    in.consume(found.consumed);
  }
}

void ServerConnection::on_input_end() { stream_->abort("it closed the connection"); }

void ServerConnection::on_deadline() {
  if (state_ != State::ready) {
    figures_.timeouts.add();
    return stream_->abort("no connection within " + base::format_duration(pool_.connect_timeout));
  }
  if (calls_.empty()) return;
  const base::Duration silent = loop_.now() - std::max(calls_.front_sent(), heard_);
  if (silent < pool_.timeout) return deadline_.start(pool_.timeout - silent);
  figures_.timeouts.add();
  stream_->abort("no answer for " + base::format_duration(pool_.timeout));
}

void ServerConnection::on_ended(const std::string& error) {
  loop_.discard(std::move(stream_));
  fail(error);
}

void ServerConnection::fail(const std::string& reason) {
  const bool was_ready = state_ == State::ready;
  set_state(State::resting);
  deadline_.stop();
  figures_.failures.add();
  if (spokesman_ && (was_ready || reason != last_reason_)) {
    base::log::warn("server {} of pool {} is down: {}", server_.address.text(), pool_.name, reason);
  }
  last_reason_ = reason;
  rest_.start(back_off_.next());
  if (fail_calls()) server_state_.doubt();
  settle();
}

bool ServerConnection::fail_calls() {
  const protocol::Reply gone{};
  bool changes = false;
  CallQueue lost;
  std::swap(lost, calls_);
  while (!lost.empty()) {
    figures_.in_flight.subtract();
    figures_.failed_requests.add();
    changes = changes || changes_items(lost.front_command());
    lost.pop().on_reply(gone);
  }
  return changes;
}

}  // namespace mctenant::upstream
