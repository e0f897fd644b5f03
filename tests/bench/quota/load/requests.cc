#include "quota/load/requests.h"

#include <bit>
#include <chrono>
#include <thread>

#include "client/time.h"

namespace mctenant::bench {

bool Limits::over() const {
  return stored_bytes.load(std::memory_order_relaxed) >= bytes || (until != UINT64_MAX && now_ns() >= until);
}

ItemRequests::ItemRequests(What what, const QuotaOptions& options, Limits& limits, size_t index)
    : what_(what),
      options_(options),
      limits_(limits),
      items_("k", options.key_size, options.min_value, options.max_value),
      random_(Random::mix(options.seed) + index),
      next_number_(options.first + index),
      sent_(std::bit_ceil(size_t{options.depth} + 2)) {}

bool ItemRequests::draw(uint64_t& number) {
  if (limits_.over()) return false;
  if (options_.random) {
    number = options_.first + random_.next() % options_.keys;
    return true;
  }
  if (next_number_ >= options_.first + options_.keys) return false;
  number = next_number_;
  next_number_ += options_.connections;
  return true;
}

// With a rate, one request is under way at a time, so nothing waits while this sleeps.
void ItemRequests::keep_pace() {
  if (options_.rate <= 0) return;
  if (started_ == 0) started_ = now_ns();
  const double pause = 1e9 * static_cast<double>(options_.connections) / options_.rate;
  const uint64_t due = started_ + static_cast<uint64_t>(static_cast<double>(asked_) * pause);
  const uint64_t now = now_ns();
  if (due > now) std::this_thread::sleep_for(std::chrono::nanoseconds(due - now));
}

bool ItemRequests::next(std::string& out, uint32_t opaque) {
  static const std::string kExtras(8, '\0');
  uint64_t number = 0;
  keep_pace();
  if (over_ || !draw(number)) {
    over_ = true;
    return false;
  }
  ++asked_;
  sent_[opaque % sent_.size()] = {number, now_ns()};
  if (what_ == What::kRead) {
    append_frame(out, {.opcode = Opcode::kGet, .key = items_.key(number), .opaque = opaque});
  } else {
    append_frame(out, {.opcode = Opcode::kSet,
                       .extras = kExtras,
                       .key = items_.key(number),
                       .value = items_.value(number),
                       .opaque = opaque});
  }
  return true;
}

void ItemRequests::on_reply(const WholeReply& reply) {
  if (reply.header.opcode == Opcode::kNoop || reply.header.opcode == Opcode::kSaslAuth) return;
  const Sent& sent = sent_[reply.header.opaque % sent_.size()];
  tally().latency.add(now_ns() - sent.at);
  what_ == What::kRead ? on_read(reply, sent) : on_stored(reply, sent);
}

void ItemRequests::on_stored(const WholeReply& reply, const Sent& sent) {
  if (reply.header.status != kOk) {
    ++tally().refused;
    tally().fault("a store was refused with " + std::to_string(reply.header.status));
    return;
  }
  const size_t size = items_.value(sent.number).size();
  ++tally().stored;
  tally().stored_bytes += size;
  limits_.stored_bytes.fetch_add(size, std::memory_order_relaxed);
}

void ItemRequests::on_read(const WholeReply& reply, const Sent& sent) {
  if (reply.header.status == kNotFound) {
    ++tally().misses;
  } else if (reply.header.status != kOk) {
    ++tally().refused;
    tally().fault("a get was refused with " + std::to_string(reply.header.status));
  } else if (reply.value == items_.value(sent.number)) {
    ++tally().hits;
  } else {
    ++tally().wrong;
    tally().fault("item " + std::to_string(sent.number) + " has another value");
  }
}

}  // namespace mctenant::bench
