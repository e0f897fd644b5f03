#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/random.h"
#include "quota/load/conversation.h"
#include "quota/load/items.h"
#include "quota/load/options.h"
#include "quota/load/tally.h"

namespace mctenant::bench {

// What one connection asks, and what it makes of the replies.
class Requests {
 public:
  Requests() = default;
  virtual ~Requests() = default;
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // As Conversation::Next. Once it was false it stays so.
  virtual bool next(std::string& out, uint32_t opaque) = 0;
  virtual void on_reply(const WholeReply& reply) = 0;

  [[nodiscard]] Tally& tally() { return tally_; }

 private:
  Tally tally_;
};

// When to stop, shared by all connections.
struct Limits {
  uint64_t until = UINT64_MAX;  // now_ns()
  uint64_t bytes = UINT64_MAX;  // of stored values
  std::atomic<uint64_t> stored_bytes{0};

  [[nodiscard]] bool over() const;
};

// Sets or gets of numbered items: each number of the connection's share once, in order, or numbers drawn at
// random for as long as the limits allow.
class ItemRequests : public Requests {
 public:
  enum class What : uint8_t { kStore, kRead };
  // `index` of options.connections.
  ItemRequests(What what, const QuotaOptions& options, Limits& limits, size_t index);

  bool next(std::string& out, uint32_t opaque) override;
  void on_reply(const WholeReply& reply) override;

 private:
  struct Sent {
    uint64_t number;
    uint64_t at;
  };
  bool draw(uint64_t& number);
  void keep_pace();
  void on_stored(const WholeReply& reply, const Sent& sent);
  void on_read(const WholeReply& reply, const Sent& sent);

  const What what_;
  const QuotaOptions& options_;
  Limits& limits_;
  Items items_;
  Random random_;
  uint64_t next_number_;
  std::vector<Sent> sent_;  // a ring by opaque
  uint64_t asked_ = 0;
  uint64_t started_ = 0;
  bool over_ = false;
};

}  // namespace mctenant::bench
