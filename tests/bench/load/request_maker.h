#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "load/options.h"
#include "load/traffic.h"

namespace mctenant::bench {

// Writes gets and sets in the protocol that was asked for.
class RequestMaker {
 public:
  explicit RequestMaker(const LoadOptions& options);

  void append_get(std::string& out, uint64_t key, uint32_t opaque);
  void append_set(std::string& out, uint64_t key, uint32_t opaque);
  // One `get` of all these keys or, in binary, quiet gets and a noop behind them.
  void append_multi_get(std::string& out, std::span<const Sent> gets, uint32_t opaque);

 private:
  // The key's text, valid until the next call: "k", then its number with zeros before it up to the size asked
  // for.
  const std::string& key_text(uint64_t key);

  const Protocol protocol_;
  const std::string value_;
  // Flags and expiry of a binary set; the rest of the command line of a text one.
  std::string extras_;
  std::string line_end_;
  std::string key_;
};

}  // namespace mctenant::bench
