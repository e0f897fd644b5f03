#include "quota/load/mixed_requests.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <ctime>

#include "client/time.h"

namespace mctenant::bench {
namespace {

// Of a tenant's keys, those that a part of all requests goes to.
constexpr uint64_t kHotKeys = 16;
// One of so many keys each is of a special kind: a counter, not text, too long for a server.
constexpr uint64_t kCounters = 8;
constexpr uint64_t kBinaryKeys = 97;
constexpr uint64_t kLongKeys = 101;
constexpr size_t kLongKeySize = 400;
constexpr size_t kLargestValue = 300000;
constexpr auto kFlush = static_cast<Opcode>(0x08);

using Extras = CommandShape::Extras;
constexpr CommandShape kCommands[] = {
    {"get", Opcode::kGet, Opcode::kGetQ, Extras::kNone, false, false},
    {"gets", Opcode::kGetK, Opcode::kGetKQ, Extras::kNone, false, false},
    {"set", Opcode::kSet, Opcode::kSetQ, Extras::kFlagsAndExpiry, true, false},
    {"cas", Opcode::kSet, Opcode::kSetQ, Extras::kFlagsAndExpiry, true, true},
    {"add", Opcode::kAdd, Opcode::kAddQ, Extras::kFlagsAndExpiry, true, false},
    {"replace", Opcode::kReplace, Opcode::kReplaceQ, Extras::kFlagsAndExpiry, true, false},
    {"append", Opcode::kAppend, Opcode::kAppendQ, Extras::kNone, true, false},
    {"prepend", Opcode::kPrepend, Opcode::kPrependQ, Extras::kNone, true, false},
    {"incr", Opcode::kIncrement, Opcode::kIncrementQ, Extras::kCount, false, false},
    {"decr", Opcode::kDecrement, Opcode::kDecrementQ, Extras::kCount, false, false},
    {"touch", Opcode::kTouch, Opcode::kTouch, Extras::kExpiry, false, false},
    {"gat", Opcode::kGat, Opcode::kGatQ, Extras::kExpiry, false, false},
    {"delete", Opcode::kDelete, Opcode::kDeleteQ, Extras::kNone, false, false},
    {"delete_cas", Opcode::kDelete, Opcode::kDeleteQ, Extras::kNone, false, true},
};

Weighted<const CommandShape*> commands_of(const MixedTenant& tenant) {
  Weighted<const CommandShape*> commands;
  for (const auto& [name, weight] : tenant.operations) commands.emplace_back(find_command(name), weight);
  return commands;
}

bool tells_cas(const WholeReply& reply) {
  return reply.header.status == kOk && reply.header.cas != 0 && reply.header.opcode != Opcode::kDelete;
}

}  // namespace

const CommandShape* find_command(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                         [&](const CommandShape& shape) { return shape.name == name; });
  return found == std::end(kCommands) ? nullptr : found;
}

MixedRequests::MixedRequests(const MixedTenant& tenant, const QuotaOptions& options, Limits& limits,
                             size_t index, bool may_flush)
    : tenant_(tenant),
      limits_(limits),
      random_(Random::mix(options.seed) + index),
      zipf_(tenant.keys, tenant.zipf),
      operations_(commands_of(tenant)),
      times_to_live_(tenant.times_to_live),
      text_(letters(2 * kLargestValue, options.seed)),
      keys_sent_(std::bit_ceil(size_t{options.depth} + 2)),
      flushes_(may_flush && tenant.flush_seconds > 0) {}

bool MixedRequests::next(std::string& out, uint32_t opaque) {
  if (over_ || limits_.over()) {
    over_ = true;
    return false;
  }
  if (flush_is_due()) {
    append_frame(out, {.opcode = kFlush, .opaque = opaque});
    last_was_quiet_ = false;
    return true;
  }
  const CommandShape& shape = *operations_.draw(random_);
  uint64_t key = draw_key();
  RequestFrame frame{.opcode = opcode_of(shape), .opaque = opaque};
  if (shape.needs_cas) {
    const Seen& seen = seen_[random_.below(seen_.size())];
    if (seen.cas != 0) {
      key = seen.key;
      frame.cas = seen.cas;
    }
  }
  fill(shape, key, frame);
  keys_sent_[opaque % keys_sent_.size()] = key;
  append_frame(out, frame);
  return true;
}

bool MixedRequests::flush_is_due() {
  if (!flushes_) return false;
  const uint64_t now = now_ns();
  const bool due = next_flush_ != 0 && now >= next_flush_;
  if (due || next_flush_ == 0) next_flush_ = now + seconds_to_ns(tenant_.flush_seconds);
  return due;
}

uint64_t MixedRequests::draw_key() {
  return random_.one_in(4) ? random_.below(std::min(kHotKeys, tenant_.keys)) : zipf_(random_);
}

const std::string& MixedRequests::key_text(uint64_t key) {
  const std::string digits = std::to_string(key);
  size_t size = tenant_.key_size;
  if (key % kLongKeys == 7) size = kLongKeySize;
  key_.assign(1, key % kBinaryKeys == 5 ? '\x01' : 'k');
  key_.append(digits.size() + 1 < size ? size - digits.size() - 1 : 0, '0');
  return key_.append(digits);
}

// Counters hold numbers of all lengths; other sizes fall off exponentially around the mean.
std::string_view MixedRequests::draw_value(uint64_t key) {
  if (key % kCounters == 3) {
    number_ = std::to_string(random_.next() >> random_.below(64));
    return number_;
  }
  const double size = -std::log(1 - random_.unit()) * static_cast<double>(tenant_.value_size);
  return std::string_view(text_).substr(random_.below(kLargestValue),
                                        std::min(kLargestValue, static_cast<size_t>(size)));
}

uint32_t MixedRequests::draw_expiry() {
  const TimeToLive& drawn = times_to_live_.draw(random_);
  const auto now = static_cast<uint32_t>(std::time(nullptr));
  switch (drawn.kind) {
    case TimeToLive::Kind::kAbsolute:
      return now + drawn.seconds;
    case TimeToLive::Kind::kPast:
      return now - drawn.seconds;
    case TimeToLive::Kind::kNegative:
      return ~drawn.seconds;
    case TimeToLive::Kind::kSeconds:
      break;
  }
  return drawn.seconds;
}

// A part of them quiet, never two in a row.
Opcode MixedRequests::opcode_of(const CommandShape& shape) {
  last_was_quiet_ = !last_was_quiet_ && random_.one_in(4) && shape.quiet != shape.opcode;
  return last_was_quiet_ ? shape.quiet : shape.opcode;
}

void MixedRequests::fill(const CommandShape& shape, uint64_t key, RequestFrame& frame) {
  frame.key = key_text(key);
  if (shape.has_value) frame.value = draw_value(key);
  extras_.clear();
  switch (shape.extras) {
    case Extras::kNone:
      break;
    case Extras::kFlagsAndExpiry:
      append_u32(extras_, random_.one_in(3) ? static_cast<uint32_t>(random_.between(1, 0xffff)) : 0);
      append_u32(extras_, draw_expiry());
      break;
    case Extras::kCount:
      append_u64(extras_, random_.next() >> random_.below(64));
      append_u64(extras_, random_.next() >> random_.below(64));
      append_u32(extras_, random_.one_in(2) ? 0xffffffff : draw_expiry());
      break;
    case Extras::kExpiry:
      append_u32(extras_, draw_expiry());
      break;
  }
  frame.extras = extras_;
}

void MixedRequests::on_reply(const WholeReply& reply) {
  if (reply.header.opcode == Opcode::kNoop || reply.header.opcode == Opcode::kSaslAuth) return;
  const uint16_t status = reply.header.status;
  ++tally().statuses[opcode_name(reply.header.opcode) + " " + std::to_string(status)];
  if (status == kTemporaryFailure || status == kUnknownCommand || status == kAuthError) {
    ++tally().refused;
    tally().fault(opcode_name(reply.header.opcode) + " was refused with " + std::to_string(status));
  }
  if (tells_cas(reply)) {
    const uint64_t key = keys_sent_[reply.header.opaque % keys_sent_.size()];
    seen_[random_.below(seen_.size())] = {key, reply.header.cas};
  }
}

}  // namespace mctenant::bench
