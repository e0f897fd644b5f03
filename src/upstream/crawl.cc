#include "upstream/crawl.h"

#include <algorithm>
#include <utility>

#include "base/units.h"

namespace mctenant::upstream {

Crawl::Crawl(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& pool,
             const net::Address& address, ServerState& state, Handler& handler, const CrawlOptions& options)
    : loop_(loop),
      state_(state),
      handler_(handler),
      options_(options),
      dialogue_(loop, resolver, pool, address, *this),
      back_off_(options.busy_min, options.busy_max),
      retry_(loop, [this] { ask(); }),
      silence_(loop, [this] { watch_silence(); }) {}

void Crawl::start() { dialogue_.start(); }

void Crawl::on_checked(const ServerInfo& info) {
  const uint16_t incarnation = state_.identify(info.pid, info.started);
  state_.set_limit_maxbytes(info.limit_maxbytes);
  begun_ = loop_.now();
  // Before the server is asked: what is stored from now on may escape the walk, and bears the new number.
  handler_.on_begun(incarnation, state_.begin_crawl());
  ask();
}

void Crawl::ask() {
  asked_ = loop_.now();
  dialogue_.send(protocol::kMetadumpRequest);
  silence_.start(options_.silence);
}

void Crawl::on_line(std::string_view line) {
  using protocol::DumpLine;
  protocol::KeyBuffer buffer;
  protocol::DumpedItem item;
  switch (protocol::parse_dump_line(line, buffer, item)) {
    case DumpLine::item:
      ++items_;
      return handler_.on_item(item);
    case DumpLine::end:
      return finish(Outcome::Kind::done, "");
    case DumpLine::started:
      return;
    case DumpLine::busy:
      return be_patient();
    case DumpLine::refused:
      return finish(Outcome::Kind::failed, "it refuses to list its items: " + std::string(line));
    case DumpLine::broken:
      return finish(Outcome::Kind::failed, "it lists what is no item");
  }
}

void Crawl::be_patient() {
  silence_.stop();
  if (loop_.now() - begun_ < options_.patience) return retry_.start(back_off_.next());
  finish(Outcome::Kind::busy, "it crawls for somebody else");
}

void Crawl::watch_silence() {
  const base::Duration silent = loop_.now() - std::max(asked_, dialogue_.heard());
  if (silent < options_.silence) return silence_.start(options_.silence - silent);
  finish(Outcome::Kind::failed, "no item for " + base::format_duration(options_.silence));
}

void Crawl::cancel() {
  finished_ = true;
  close();
}

void Crawl::close() {
  retry_.stop();
  silence_.stop();
  dialogue_.end("");
}

void Crawl::finish(Outcome::Kind kind, std::string reason) {
  if (std::exchange(finished_, true)) return;
  close();
  handler_.on_finished({kind, items_, std::move(reason)});
}

void Crawl::on_ended(const std::string& reason) { finish(Outcome::Kind::failed, reason); }

}  // namespace mctenant::upstream
