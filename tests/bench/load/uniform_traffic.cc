#include "load/uniform_traffic.h"

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

const char* UniformTraffic::take(const Sent& sent, const LoadReply& reply) {
  if (sent.command == Command::kSet) return reply.kind == LoadReply::kStored ? nullptr : "a set was refused";
  if (reply.kind == LoadReply::kMiss) return nullptr;
  if (reply.kind != LoadReply::kHit) return "a get was refused";
  return reply.value_size == options_.value_size ? nullptr : "a value of the wrong size";
}

}  // namespace mctenant::bench
