#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "protocol/message.h"
#include "quota/expiry.h"
#include "quota/item_limit.h"
#include "upstream/pool.h"

// A memcached that is executed step by step, as far as the ledger can tell it from a real one, and a
// connection to it on which requests and replies wait until they are let on.
namespace mctenant::session::model {

using protocol::Command;
using protocol::Status;

struct Item {
  std::string value;
  uint32_t flags = 0;
  uint64_t cas = 0;
  uint32_t expiry = 0;  // Unix seconds; 0: none
};

// An append or prepend between its two steps.
struct Growth {
  uint8_t opcode = 0;
  uint64_t cas = 0;  // the client's
  std::string key;   // the client's
  std::string value;
  int attempts = 0;
};

struct Sent {
  protocol::Request request;  // without key and value, which are below
  std::string key;
  std::string value;
  upstream::Call* call = nullptr;
  std::optional<Growth> growth;
};

struct Answer {
  Sent sent;
  protocol::Reply reply;
  std::string value;
};

// With MCTENANT_MODEL_TRACE in the environment every step is told.
inline bool tracing() {
  static const bool wanted = std::getenv("MCTENANT_MODEL_TRACE") != nullptr;
  return wanted;
}
inline void trace_line(const char* what, size_t server, const std::string& key, uint64_t cas, uint32_t expiry,
                       uint32_t now) {
  if (!tracing()) return;
  std::printf("%u %s: server %zu :%s cas %llu expiry %u\n", now % 1000, what, server, key.c_str(),
              static_cast<unsigned long long>(cas), expiry % 1000);
}
inline void trace(const char* what, size_t observer, const Answer& answer, uint32_t now) {
  if (!tracing()) return;
  static const char* const kNames[] = {"get",       "gat",    "touch",   "set",    "add",
                                       "replace",   "append", "prepend", "delete", "increment",
                                       "decrement", "mg",     "mg T",    "me",     "probe"};
  const protocol::Request& request = answer.sent.request;
  std::printf("%u %s o%zu %s %s if %llu ttl %lld '%s' -> %d cas %llu number %llu exp %lld\n", now % 1000,
              what, observer, answer.sent.key.c_str(), kNames[static_cast<int>(request.command)],
              static_cast<unsigned long long>(request.cas), static_cast<long long>(request.expiry),
              answer.sent.value.c_str(), static_cast<int>(answer.reply.status),
              static_cast<unsigned long long>(answer.reply.cas),
              static_cast<unsigned long long>(answer.reply.number),
              static_cast<long long>(answer.reply.expiry));
}

class Memcached {
 public:
  Memcached(const base::Clock& clock, uint16_t source) : clock_(clock), source_(source) {}

  [[nodiscard]] uint32_t now() const {
    return static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count());
  }
  [[nodiscard]] uint16_t source() const { return source_; }
  [[nodiscard]] uint8_t crawl() const { return crawl_; }
  [[nodiscard]] bool crawling() const { return crawling_; }
  void set_crawling(bool crawling) { crawling_ = crawling; }
  uint8_t begin_crawl() { return crawl_ = static_cast<uint8_t>(crawl_ % 255 + 1); }
  // Another process: empty, and its CAS begin again.
  void restart(uint16_t source) {
    items_.clear();
    last_cas_ = 0;
    source_ = source;
  }
  [[nodiscard]] static uint32_t size(const std::string& key, const Item& item) {
    return static_cast<uint32_t>(quota::item_bytes(key.size(), item.value.size(), item.flags));
  }
  // Those that have not expired.
  [[nodiscard]] std::map<std::string, Item>& items() {
    std::erase_if(items_,
                  [&](const auto& item) { return item.second.expiry != 0 && item.second.expiry <= now(); });
    return items_;
  }

  [[nodiscard]] Answer execute(Sent sent) {
    Answer answer{std::move(sent), {}, {}};
    answer.reply.status = carry_out(answer);
    return answer;
  }

 private:
  [[nodiscard]] Status carry_out(Answer& answer) {
    const protocol::Request& request = answer.sent.request;
    const auto found = items().find(answer.sent.key);
    Item* item = found == items_.end() ? nullptr : &found->second;
    switch (request.command) {
      case Command::get:
      case Command::get_and_touch:
      case Command::touch:
      case Command::probe:
        return item == nullptr ? Status::not_found : read(answer, *item);
      case Command::remove:
        if (item == nullptr) return Status::not_found;
        if (request.cas != 0 && request.cas != item->cas) return Status::exists;
        items_.erase(found);
        return Status::ok;
      case Command::increment:
      case Command::decrement:
        return item == nullptr ? create(answer) : count(answer, *item);
      default:
        return store(answer, item);
    }
  }

  [[nodiscard]] Status read(Answer& answer, Item& item) const {
    const protocol::Request& request = answer.sent.request;
    answer.reply.cas = item.cas;
    answer.reply.flags = item.flags;
    if (request.command == Command::probe) {
      answer.reply.expiry = item.expiry == 0 ? -1 : int64_t{item.expiry} - now();
    }
    answer.reply.number = item.value.size();
    if (request.command == Command::get || request.command == Command::get_and_touch)
      answer.value = item.value;
    if (request.command == Command::get_and_touch || request.command == Command::touch) {
      item.expiry = quota::expiry_time(request.expiry, now());
      if (request.command == Command::touch) answer.reply.flags = 0;  // not asked for
    }
    return Status::ok;
  }

  [[nodiscard]] Status store(Answer& answer, Item* item) {
    const protocol::Request& request = answer.sent.request;
    const Command command = request.command;
    const bool grows = command == Command::append || command == Command::prepend;
    if (command == Command::add && item != nullptr) return Status::exists;
    if (command == Command::replace && item == nullptr) return Status::not_found;
    if (grows && item == nullptr) return Status::not_stored;
    if (request.cas != 0 && item == nullptr) return Status::not_found;
    if (request.cas != 0 && request.cas != item->cas) return Status::exists;
    if (grows) {
      item->value =
          command == Command::append ? item->value + answer.sent.value : answer.sent.value + item->value;
      item->cas = answer.reply.cas = ++last_cas_;
      return Status::ok;
    }
    items_[answer.sent.key] = {answer.sent.value, request.flags, ++last_cas_,
                               quota::expiry_time(request.expiry, now())};
    answer.reply.cas = last_cas_;
    return Status::ok;
  }

  [[nodiscard]] Status create(Answer& answer) {
    const protocol::Request& request = answer.sent.request;
    if (!request.create) return Status::not_found;
    answer.reply.number = request.initial;
    items_[answer.sent.key] = {std::to_string(request.initial), 0, ++last_cas_,
                               quota::expiry_time(request.expiry, now())};
    answer.reply.cas = last_cas_;
    return Status::ok;
  }

  [[nodiscard]] Status count(Answer& answer, Item& item) {
    const protocol::Request& request = answer.sent.request;
    uint64_t number = 0;
    for (const char digit : item.value) {
      if (digit == ' ') break;
      if (digit < '0' || digit > '9') return Status::non_numeric;
      number = number * 10 + static_cast<uint64_t>(digit - '0');
    }
    number = request.command == Command::increment ? number + request.delta
                                                   : number - std::min(number, request.delta);
    // A number that is not longer is written into the old item, and padded.
    std::string digits = std::to_string(number);
    if (digits.size() < item.value.size()) digits.resize(item.value.size(), ' ');
    item.value = digits;
    item.cas = answer.reply.cas = ++last_cas_;
    answer.reply.number = number;
    return Status::ok;
  }

  const base::Clock& clock_;
  uint16_t source_;
  uint8_t crawl_ = 0;
  bool crawling_ = false;
  uint64_t last_cas_ = 0;
  std::map<std::string, Item> items_;
};

// One observer's connection to one server.
class Connection final : public upstream::Server {
 public:
  Connection(Memcached& server, size_t observer)
      : server_(server), observer_(observer), source_(server.source()) {}

  [[nodiscard]] bool ready() const override { return ready_; }
  [[nodiscard]] uint64_t item_size_max() const override { return uint64_t{1} << 20; }
  [[nodiscard]] uint16_t incarnation() const override { return source_; }
  [[nodiscard]] uint8_t crawl() const override { return server_.crawl(); }
  [[nodiscard]] bool crawling() const override { return server_.crawling(); }
  void send(const protocol::Request& request, std::string_view server_key, upstream::Call& call) override {
    Sent sent{request, std::string(server_key), {}, &call, {}};
    if (request.value.data != nullptr) sent.value.assign(request.value.data, request.value.size);
    sent.request.value = {};
    sent.request.key = {};
    requests_.push_back(std::move(sent));
  }

  [[nodiscard]] Sent& last_sent() { return requests_.back(); }
  // The server carries out the next request; false if there is none.
  bool execute() {
    if (requests_.empty() || broken_) return false;
    answers_.push_back(server_.execute(std::move(requests_.front())));
    requests_.pop_front();
    trace("executed", observer_, answers_.back(), server_.now());
    return true;
  }
  // The next reply is taken, or the end of the connection noticed. Gives what was answered, if anything was.
  std::optional<Answer> deliver() {
    if (answers_.empty()) {
      if (broken_) reconnect();
      return std::nullopt;
    }
    Answer answer = std::move(answers_.front());
    answers_.pop_front();
    answer.reply.value = {{}, answer.value.data(), answer.value.size()};
    trace("delivered", observer_, answer, server_.now());
    answer.sent.call->on_reply(answer.reply);
    return answer;
  }
  // No more replies than those on the way. Returns the requests that the server may still read.
  std::deque<Sent> lose() {
    broken_ = true;
    return requests_;
  }
  [[nodiscard]] bool idle() const { return requests_.empty() && answers_.empty() && !broken_; }

 private:
  void reconnect() {
    std::deque<Sent> lost;
    lost.swap(requests_);
    ready_ = false;
    for (const Sent& sent : lost) sent.call->on_reply({});
    ready_ = true;
    broken_ = false;
    source_ = server_.source();
  }

  Memcached& server_;
  const size_t observer_;
  uint16_t source_;
  bool ready_ = true;
  bool broken_ = false;
  std::deque<Sent> requests_;
  std::deque<Answer> answers_;
};

}  // namespace mctenant::session::model
