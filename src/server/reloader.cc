#include "server/reloader.h"

#include <utility>

#include "base/log.h"

namespace mctenant::server {
namespace {

using std::chrono::milliseconds;

constexpr auto kLook = milliseconds(250);
// Longer than the tick in which file systems tell time.
constexpr auto kRest = milliseconds(50);
constexpr auto kPatience = milliseconds(400);

}  // namespace

Reloader::Reloader(net::EventLoop& loop, std::string file, config::FileSet read, Target& target,
                   ReloadFigures& figures)
    : loop_(loop),
      file_(std::move(file)),
      target_(target),
      figures_(figures),
      read_(std::move(read)),
      seen_(read_),
      timer_(loop, [this] { look(); }),
      thread_(base::WorkThread::AtEnd::drop) {}

void Reloader::start() {
  stopped_ = false;
  look();
}

void Reloader::stop() {
  stopped_ = true;
  timer_.stop();
}

void Reloader::reload() {
  asked_ = true;
  look();
}

void Reloader::look() {
  if (stopped_ || state_ != State::watching) return;
  timer_.start(kLook);
  const bool at_rest = rests();
  if (seen_ == read_ && !asked_) {
    unread_since_ = {};
    return;
  }
  if (unread_since_ == base::TimePoint()) unread_since_ = loop_.now();
  if (!at_rest && loop_.now() - unread_since_ < kPatience) return timer_.start(kRest);
  read();
}

bool Reloader::rests() {
  config::FileSet now = read_.now();
  if (!(now == seen_)) {
    seen_ = std::move(now);
    seen_since_ = loop_.now();
  }
  return loop_.now() - seen_since_ >= kRest;
}

void Reloader::read() {
  state_ = State::reading;
  asked_ = false;
  unread_since_ = {};
  timer_.stop();
  thread_.post([this, known = target_.directory()] {
    auto parsed = std::make_shared<config::Parsed>(config::load(file_, known.get()));
    loop_.post([this, parsed] { on_read(*parsed); });
  });
}

void Reloader::on_read(config::Parsed& parsed) {
  if (stopped_) return;
  read_ = std::move(parsed.files);
  for (const config::Finding& warning : parsed.warnings) base::log::warn("{}", warning.format(file_));
  if (!parsed.config) return refuse(parsed.faults);
  state_ = State::applying;
  target_.apply(*std::move(parsed.config),
                [this](const std::vector<config::Finding>& faults) { on_applied(faults); });
}

void Reloader::on_applied(const std::vector<config::Finding>& faults) {
  if (!faults.empty()) return refuse(faults);
  figures_.succeeded.add();
  state_ = State::watching;
  look();
}

void Reloader::refuse(const std::vector<config::Finding>& faults) {
  for (const config::Finding& fault : faults) base::log::error("{}", fault.format(file_));
  base::log::error("the configuration was not reloaded: the one before stays in force");
  figures_.failed.add();
  state_ = State::watching;
  look();
}

}  // namespace mctenant::server
