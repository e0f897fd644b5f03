#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "client/random.h"
#include "load/mix_plan.h"
#include "load/options.h"
#include "load/traffic.h"

namespace mctenant::bench {

// One connection of a tenant that uses its cache as programs do: a key that was missed is stored next. Keys
// of different tenants differ, so that a server that has no tenants can be loaded too.
class MixedTraffic : public Traffic {
 public:
  // `text` outlives this: values are parts of it. `number` is the tenant's.
  MixedTraffic(const MixTenant& tenant, size_t number, Protocol protocol, std::string_view text,
               uint64_t seed);

  uint64_t keys() const override { return tenant_.keys; }
  Sent append_next(std::string& out, uint32_t opaque) override;
  Sent append_set(std::string& out, uint64_t key, uint32_t opaque) override;
  const char* take(const Sent& sent, const LoadReply& reply) override;

  // Bytes that `text` must have.
  static constexpr size_t kLargestValue = size_t{512} << 10;

 private:
  [[nodiscard]] bool is_counter(uint64_t key) const { return key >= tenant_.keys; }
  [[nodiscard]] size_t value_size(uint64_t key) const;
  [[nodiscard]] std::string_view value(uint64_t key) const;
  const std::string& key_text(uint64_t key);
  void append(std::string& out, const Sent& sent, uint32_t opaque);
  void append_text(std::string& out, const Sent& sent);
  void append_binary(std::string& out, const Sent& sent, uint32_t opaque);

  const MixTenant& tenant_;
  const bool speaks_text_;
  const std::string_view text_;
  const std::string name_;
  const bool sizes_change_;
  Random random_;
  Zipf zipf_;
  Lot<Command> operations_;
  Lot<uint32_t> times_to_live_;
  // Keys that were missed and not yet stored.
  std::deque<uint64_t> missed_;
  // What the last `gets` told.
  uint64_t cas_key_ = 0;
  uint64_t cas_ = 0;
  std::string key_;
  std::string extras_;
};

}  // namespace mctenant::bench
