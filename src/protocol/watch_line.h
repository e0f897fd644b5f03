#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/words.h"

namespace mctenant::protocol {

// Turns a connection into one that tells each eviction, for as long as it stands.
inline constexpr std::string_view kWatchRequest = "watch evictions\r\n";

struct EvictedItem {
  std::string_view key;  // in the caller's buffer
  uint64_t size = 0;     // of the value, in bytes; 0 if not told
};

enum class WatchLine : uint8_t {
  evicted,
  skipped,  // lines were lost here, since the reader was too slow
  started,
  other,    // about something else
  refused,  // the line says why
  broken,   // not what a server writes
};

// Reads one line of the answer to kWatchRequest, without its end. The fields may come in any order, and with
// others. Pure.
[[nodiscard]] WatchLine parse_watch_line(std::string_view line, KeyBuffer& buffer, EvictedItem& item);

}  // namespace mctenant::protocol
