#pragma once

#include <cstdint>
#include <string>

#include "load/command.h"
#include "load/reply_reader.h"

namespace mctenant::bench {

// A request under way.
struct Sent {
  // When it was written or, at a fixed rate, was due.
  uint64_t at = 0;
  uint64_t key = 0;
  Command command = Command::kGet;
  // In a multi-get: how many of its gets come behind this one.
  uint32_t rest = 0;
};

// What a connection asks, and what it makes of the replies. Used by one thread.
class Traffic {
 public:
  Traffic() = default;
  virtual ~Traffic() = default;
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  // Keys are the numbers below this.
  virtual uint64_t keys() const = 0;
  // Append a request to `out`: the next one, or a set of this key. The time is the caller's to put in.
  virtual Sent append_next(std::string& out, uint32_t opaque) = 0;
  virtual Sent append_set(std::string& out, uint64_t key, uint32_t opaque) = 0;
  // What is wrong with the reply; nullptr if nothing is. A miss is not.
  virtual const char* take(const Sent& sent, const LoadReply& reply) = 0;
};

}  // namespace mctenant::bench
