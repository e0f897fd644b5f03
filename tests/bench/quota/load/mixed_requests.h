#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/lot.h"
#include "quota/load/requests.h"

namespace mctenant::bench {

// How a command is written. `name` is what operation mixes call it.
struct CommandShape {
  enum class Extras : uint8_t { kNone, kFlagsAndExpiry, kCount, kExpiry };
  std::string_view name;
  Opcode opcode;
  Opcode quiet;  // the same as opcode where there is none
  Extras extras;
  bool has_value;
  bool needs_cas;
};

// nullptr if there is no such command.
[[nodiscard]] const CommandShape* find_command(std::string_view name);

// Every command that changes or reads items, as one tenant's program mixes them. All connections of the
// tenant draw from the same keys, a few of them hot, so that they meet there.
class MixedRequests : public Requests {
 public:
  // `index` differs between all connections; one of each tenant's `may_flush`.
  MixedRequests(const MixedTenant& tenant, const QuotaOptions& options, Limits& limits, size_t index,
                bool may_flush);

  bool next(std::string& out, uint32_t opaque) override;
  void on_reply(const WholeReply& reply) override;

 private:
  struct Seen {
    uint64_t key = 0;
    uint64_t cas = 0;
  };
  [[nodiscard]] bool flush_is_due();
  [[nodiscard]] uint64_t draw_key();
  [[nodiscard]] const std::string& key_text(uint64_t key);
  [[nodiscard]] std::string_view draw_value(uint64_t key);
  [[nodiscard]] uint32_t draw_expiry();
  [[nodiscard]] Opcode opcode_of(const CommandShape& shape);
  void fill(const CommandShape& shape, uint64_t key, RequestFrame& frame);

  const MixedTenant& tenant_;
  Limits& limits_;
  Random random_;
  Zipf zipf_;
  Lot<const CommandShape*> operations_;
  Lot<TimeToLive> times_to_live_;
  const std::string text_;
  std::string key_;
  std::string number_;
  std::string extras_;
  std::vector<uint64_t> keys_sent_;  // a ring by opaque
  std::array<Seen, 64> seen_{};
  bool last_was_quiet_ = false;
  bool flushes_;
  uint64_t next_flush_ = 0;
  bool over_ = false;
};

}  // namespace mctenant::bench
