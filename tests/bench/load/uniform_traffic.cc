#include "load/uniform_traffic.h"

#include <algorithm>

namespace mctenant::bench {

UniformTraffic::UniformTraffic(const LoadOptions& options, uint64_t seed)
    : options_(options), random_(seed), zipf_(options.keys, options.zipf), maker_(options) {}

Sent UniformTraffic::append_next(std::string& out, uint32_t opaque) {
  const uint64_t key = zipf_(random_);
  if (!options_.gets_only && random_.one_in(options_.gets_per_set + 1)) return append_set(out, key, opaque);
  maker_.append_get(out, key, opaque);
  return {.key = key, .command = Command::kGet};
}

Sent UniformTraffic::append_set(std::string& out, uint64_t key, uint32_t opaque) {
  maker_.append_set(out, key, opaque);
  return {.key = key, .command = Command::kSet};
}

std::span<const Sent> UniformTraffic::append_batch(std::string& out, size_t size, uint32_t opaque) {
  batch_.clear();
  for (size_t i = 0; i < size; ++i) {
    const bool set = random_.one_in(options_.gets_per_set + 1) && !options_.gets_only;
    batch_.push_back({.key = zipf_(random_), .command = set ? Command::kSet : Command::kGet});
  }
  const auto gets = std::stable_partition(batch_.begin(), batch_.end(),
                                          [](const Sent& each) { return each.command == Command::kSet; });
  for (auto set = batch_.begin(); set != gets; ++set) maker_.append_set(out, set->key, opaque++);
  auto behind = static_cast<uint32_t>(batch_.end() - gets);
  if (behind > 0) maker_.append_multi_get(out, {gets, batch_.end()}, opaque);
  for (auto get = gets; get != batch_.end(); ++get) get->rest = --behind;
  return batch_;
}

const char* UniformTraffic::take(const Sent& sent, const LoadReply& reply) {
  if (sent.command == Command::kSet) return reply.kind == LoadReply::kStored ? nullptr : "a set was refused";
  if (reply.kind == LoadReply::kMiss) return nullptr;
  if (reply.kind != LoadReply::kHit) return "a get was refused";
  return reply.value_size == options_.value_size ? nullptr : "a value of the wrong size";
}

}  // namespace mctenant::bench
