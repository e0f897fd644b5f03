#include "upstream/dialogue.h"

#include <utility>

#include "base/units.h"

namespace mctenant::upstream {
namespace {

// Far longer than any line of a dump or a watch.
constexpr size_t kMaxLine = 4096;
// What one turn of the loop takes, so that much of it does not hold up what else the loop does.
constexpr size_t kReadLimit = size_t{256} * 1024;

}  // namespace

Dialogue::Dialogue(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& pool,
                   net::Address address, Handler& handler)
    : loop_(loop),
      resolver_(resolver),
      pool_(pool),
      address_(std::move(address)),
      handler_(handler),
      deadline_(loop, [this] {
        end(state_ == State::connecting ? "no connection in time" : "no answer to its check in time");
      }) {}

void Dialogue::start() {
  set_state(State::resolving);
  resolver_.resolve(address_, loop_,
                    [this, alive = std::weak_ptr(alive_)](const base::Expected<net::SocketAddress>& address) {
                      if (!alive.expired()) connect(address);
                    });
}

void Dialogue::connect(const base::Expected<net::SocketAddress>& address) {
  if (state_ == State::ended) return;
  if (!address) {
    set_state(State::ended);
    return handler_.on_ended(address.error().message);
  }
  set_state(State::connecting);
  stream_ = net::Stream::connect(loop_, *address, *this);
  stream_->set_read_limit(kReadLimit);
  deadline_.start(pool_.connect_timeout);
}

void Dialogue::on_connected() { ask(); }

void Dialogue::check() {
  ask();
  deadline_.start(pool_.timeout);
}

void Dialogue::ask() {
  set_state(State::checking);
  check_.emplace();
  stream_->output().append(ServerCheck::kQuestions);
  stream_->flush();
}

void Dialogue::send(std::string_view text) {
  stream_->output().append(text);
  stream_->flush();
}

void Dialogue::end(std::string reason) {
  if (state_ == State::ended) return;
  set_state(State::ended);
  deadline_.stop();
  if (stream_ != nullptr) stream_->abort(std::move(reason));
}

void Dialogue::on_input(base::InputBuffer& in) {
  heard_ = loop_.now();
  while (state_ != State::ended && !in.view().empty()) {
    const std::string_view view = in.view();
    const size_t end_of_line = view.find('\n');
    if (end_of_line == view.npos) {
      if (view.size() > kMaxLine) return end("it does not answer as a memcached");
      return in.expect(view.size() + 1);
    }
    std::string_view line = view.substr(0, end_of_line);
    if (line.ends_with('\r')) line.remove_suffix(1);
    take_line(line);
    in.consume(end_of_line + 1);
  }
}

void Dialogue::take_line(std::string_view line) {
  if (state_ == State::open) return handler_.on_line(line);
  const auto outcome = check_->take(line);
  if (!outcome) return end(outcome.error().message);
  if (*outcome != ServerCheck::Outcome::finished) return;
  if (const auto faults = check_->faults(); !faults.empty()) return end(faults.front());
  deadline_.stop();
  set_state(State::open);
  const ServerInfo info = check_->info();  // the handler may ask again
  handler_.on_checked(info);
}

void Dialogue::on_input_end() { end("it closed the connection"); }

void Dialogue::on_ended(const std::string& error) {
  set_state(State::ended);
  deadline_.stop();
  loop_.discard(std::move(stream_));
  handler_.on_ended(error);
}

}  // namespace mctenant::upstream
