#include "load/mixed_traffic.h"

#include <algorithm>
#include <cmath>

#include "client/frame.h"

namespace mctenant::bench {
namespace {

constexpr std::string_view kSmallValue = "x";
constexpr std::string_view kCounterStart = "1";
// Of misses not stored yet a connection remembers no more.
constexpr size_t kMostMissed = 64;

std::string tenant_name(size_t number) {
  return {static_cast<char>('a' + number / 26 % 26), static_cast<char>('a' + number % 26)};
}

bool changes_sizes(const MixTenant& tenant) {
  return std::any_of(tenant.operations.begin(), tenant.operations.end(), [](const auto& each) {
    return each.first == Command::kAppend || each.first == Command::kPrepend;
  });
}

std::string_view verb(Command command) {
  switch (command) {
    case Command::kGet:
      return "get ";
    case Command::kGets:
      return "gets ";
    case Command::kSet:
      return "set ";
    case Command::kAdd:
      return "add ";
    case Command::kCas:
      return "cas ";
    case Command::kAppend:
      return "append ";
    case Command::kPrepend:
      return "prepend ";
    case Command::kIncrement:
      return "incr ";
    case Command::kDelete:
      return "delete ";
  }
  return {};
}

Opcode opcode(Command command) {
  switch (command) {
    case Command::kGet:
    case Command::kGets:
      return Opcode::kGet;
    case Command::kSet:
    case Command::kCas:
      return Opcode::kSet;
    case Command::kAdd:
      return Opcode::kAdd;
    case Command::kAppend:
      return Opcode::kAppend;
    case Command::kPrepend:
      return Opcode::kPrepend;
    case Command::kIncrement:
      return Opcode::kIncrement;
    case Command::kDelete:
      return Opcode::kDelete;
  }
  return Opcode::kNoop;
}

bool lengthens(Command command) { return command == Command::kAppend || command == Command::kPrepend; }

}  // namespace

MixedTraffic::MixedTraffic(const MixTenant& tenant, size_t number, Protocol protocol, std::string_view text,
                           uint64_t seed)
    : tenant_(tenant),
      speaks_text_(protocol == Protocol::kText),
      text_(text),
      name_(tenant_name(number)),
      sizes_change_(changes_sizes(tenant)),
      random_(seed),
      zipf_(tenant.keys, tenant.zipf),
      operations_(tenant.operations),
      times_to_live_(tenant.times_to_live) {}

Sent MixedTraffic::append_next(std::string& out, uint32_t opaque) {
  if (!missed_.empty()) {
    const uint64_t key = missed_.front();
    missed_.pop_front();
    return append_set(out, key, opaque);
  }
  Sent sent{.key = zipf_(random_), .command = operations_.draw(random_)};
  // Counters have keys of their own, behind the others.
  if (sent.command == Command::kIncrement) sent.key += tenant_.keys;
  if (sent.command == Command::kCas && cas_ != 0) sent.key = cas_key_;
  append(out, sent, opaque);
  return sent;
}

Sent MixedTraffic::append_set(std::string& out, uint64_t key, uint32_t opaque) {
  const Sent sent{.key = key, .command = Command::kSet};
  append(out, sent, opaque);
  return sent;
}

void MixedTraffic::append(std::string& out, const Sent& sent, uint32_t opaque) {
  speaks_text_ ? append_text(out, sent) : append_binary(out, sent, opaque);
}

void MixedTraffic::append_text(std::string& out, const Sent& sent) {
  out.append(verb(sent.command)).append(key_text(sent.key));
  if (sent.command == Command::kIncrement) {
    out.append(" 1");
  } else if (!is_get(sent.command) && sent.command != Command::kDelete) {
    const std::string_view stored = lengthens(sent.command) ? kSmallValue : value(sent.key);
    out.append(" 0 ").append(std::to_string(times_to_live_.draw(random_)));
    out.append(" ").append(std::to_string(stored.size()));
    // A CAS that nobody has, where none was told yet.
    if (sent.command == Command::kCas) out.append(" ").append(std::to_string(cas_ != 0 ? cas_ : 1));
    out.append("\r\n").append(stored);
  }
  out.append("\r\n");
}

void MixedTraffic::append_binary(std::string& out, const Sent& sent, uint32_t opaque) {
  RequestFrame frame{.opcode = opcode(sent.command), .key = key_text(sent.key), .opaque = opaque};
  extras_.clear();
  if (sent.command == Command::kIncrement) {
    append_u64(extras_, 1);
    append_u64(extras_, 0);
    append_u32(extras_, 0xffffffff);
  } else if (lengthens(sent.command)) {
    frame.value = kSmallValue;
  } else if (!is_get(sent.command) && sent.command != Command::kDelete) {
    append_u32(extras_, 0);
    append_u32(extras_, times_to_live_.draw(random_));
    frame.value = value(sent.key);
    if (sent.command == Command::kCas) frame.cas = cas_ != 0 ? cas_ : 1;
  }
  frame.extras = extras_;
  append_frame(out, frame);
}

const char* MixedTraffic::take(const Sent& sent, const LoadReply& reply) {
  if (reply.kind == LoadReply::kError) return "a request was refused";
  if (is_get(sent.command)) {
    if (reply.kind == LoadReply::kMiss) {
      if (missed_.size() < kMostMissed) missed_.push_back(sent.key);
      return nullptr;
    }
    if (reply.kind != LoadReply::kHit) return "a get was answered as something else";
    if (sent.command == Command::kGets) {
      cas_key_ = sent.key;
      cas_ = reply.cas;
    }
    const bool as_stored = reply.value_size == value_size(sent.key);
    return as_stored || sizes_change_ ? nullptr : "a value of the wrong size";
  }
  if (reply.kind == LoadReply::kHit || reply.kind == LoadReply::kMiss)
    return "a value that was not asked for";
  if (sent.command == Command::kSet && reply.kind != LoadReply::kStored) return "a set was not stored";
  if (sent.command == Command::kIncrement && reply.kind == LoadReply::kNo && missed_.size() < kMostMissed)
    missed_.push_back(sent.key);
  return nullptr;
}

// The same whenever the key is stored.
size_t MixedTraffic::value_size(uint64_t key) const {
  Random random(Random::mix(key));
  const double size = -std::log(1 - random.unit()) * static_cast<double>(tenant_.value_size);
  return std::clamp(static_cast<size_t>(size), size_t{1}, kLargestValue);
}

std::string_view MixedTraffic::value(uint64_t key) const {
  return is_counter(key) ? kCounterStart : text_.substr(0, value_size(key));
}

const std::string& MixedTraffic::key_text(uint64_t key) {
  key_.assign(name_).append(1, is_counter(key) ? 'c' : 'k').resize(tenant_.key_size, '0');
  uint64_t number = is_counter(key) ? key - tenant_.keys : key;
  for (size_t at = key_.size(); number > 0; number /= 10) key_[--at] = static_cast<char>('0' + number % 10);
  return key_;
}

}  // namespace mctenant::bench
