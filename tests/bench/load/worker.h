#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/socket.h"
#include "load/connection.h"
#include "load/mixed_traffic.h"
#include "load/options.h"
#include "load/reply_reader.h"
#include "load/result.h"
#include "load/uniform_traffic.h"

namespace mctenant::bench {

// The measured time, set while the workers run: its edges are the moments at which the watched processes were
// read.
struct Window {
  std::atomic<uint64_t> from{UINT64_MAX};
  std::atomic<uint64_t> to{UINT64_MAX};

  bool holds(uint64_t time) const {
    return time >= from.load(std::memory_order_relaxed) && time < to.load(std::memory_order_relaxed);
  }
  bool over(uint64_t time) const { return time >= to.load(std::memory_order_relaxed); }
};

// The connections of one thread.
class Worker {
 public:
  // `index` of options.threads workers. The connections it opens are those whose number leaves this rest.
  Worker(const LoadOptions& options, const Window& window, size_t index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  base::Expected<void> connect();
  // Sets every key of every user or tenant once, hot ones last; replies that are not "stored" are errors.
  void preload();
  // Loads from `start` (now_ns) until the window is over, and counts what falls into it.
  void run(uint64_t start);

  const LoadResult& result() const { return result_; }

 private:
  enum class Phase { kPreload, kLoad, kDrain };

  void serve(Connection& connection, uint32_t events);
  void receive(Connection& connection);
  void on_reply(Connection& connection, const LoadReply& reply, uint64_t now);
  void on_multi_get_reply(Connection& connection, const LoadReply& reply, uint64_t now);
  void answer(Connection& connection, const LoadReply& reply, uint64_t now);
  void count(const Sent& sent, const LoadReply& reply, const char* wrong);
  base::Expected<void> connect_tenants();
  base::Expected<void> open(const User* user, Traffic& traffic);
  void refill(Connection& connection, uint64_t now);
  void refill_preload(Connection& connection, uint64_t now);
  void send_due(uint64_t now);
  void append_request(Connection& connection, uint64_t at);
  void append_batch(Connection& connection, uint64_t at);
  // Writes a request: `write(opaque)` appends it and tells which.
  template <class Write>
  void append(Connection& connection, uint64_t at, Write&& write);
  void flush(Connection& connection);
  void lose(Connection& connection, const char* why);
  void drain(uint64_t deadline);
  uint64_t due_time(uint64_t arrival) const;

  const LoadOptions& options_;
  const Window& window_;
  const size_t index_;
  // Of all connections, or of one each in a mixed load.
  UniformTraffic uniform_;
  std::string text_;
  std::vector<std::unique_ptr<MixedTraffic>> mixed_;
  Poller poller_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<char> buffer_;
  LoadResult result_;

  Phase phase_ = Phase::kLoad;
  size_t busy_ = 0;
  uint64_t start_ = 0;
  uint64_t next_arrival_ = 0;
};

}  // namespace mctenant::bench
