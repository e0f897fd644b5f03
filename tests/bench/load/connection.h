#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "load/options.h"
#include "load/reply_reader.h"
#include "load/traffic.h"

namespace mctenant::bench {

// Requests under way stand in a ring, oldest first.
struct Connection {
  // Requests of a connection under way while keys are preloaded.
  static constexpr size_t kPreloadDepth = 64;

  Connection(int descriptor, Traffic& traffic_in, const LoadOptions& options)
      : fd(descriptor),
        traffic(traffic_in),
        reader(options.protocol, options.multi_get),
        sent(std::max(options.depth, kPreloadDepth)) {}

  // Every `step`-th of `keys` is this connection's to preload, the first of them `from`.
  void deal(uint64_t from, uint64_t step, uint64_t keys) {
    preload_from = from;
    preload_step = step;
    preload_left = from < keys ? (keys - from + step - 1) / step : 0;
  }

  size_t under_way() const { return static_cast<size_t>(appended - answered); }

  int fd;
  Traffic& traffic;
  ReplyReader reader;
  std::vector<Sent> sent;
  uint64_t appended = 0;
  uint64_t answered = 0;
  // Of the multi-get whose hits are coming: gets that no hit has come for; nothing between two of them.
  std::optional<uint32_t> multi_get_left;
  std::string out;
  size_t out_at = 0;
  bool wants_write = false;
  // At a fixed rate: when requests that found the connection full were due.
  std::deque<uint64_t> late;
  // Of the keys to preload this connection's share, `left` of them, from the last one down.
  uint64_t preload_from = 0;
  uint64_t preload_step = 1;
  uint64_t preload_left = 0;
};

}  // namespace mctenant::bench
