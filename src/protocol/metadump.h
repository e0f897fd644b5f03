#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/words.h"

namespace mctenant::protocol {

// Asks a server for a line about every item that it stores.
inline constexpr std::string_view kMetadumpRequest = "lru_crawler metadump hash\r\n";

// An item as the server counts it.
struct DumpedItem {
  std::string_view key;     // in the caller's buffer
  int64_t expiry = 0;       // seconds since 1970 by the server's clock; 0: none
  int64_t last_access = 0;  // seconds since 1970; 0: not told
  uint64_t cas = 0;
  uint64_t size = 0;  // of the whole item, in bytes
  bool fetched = false;
};

enum class DumpLine : uint8_t {
  item,
  end,
  started,  // no item yet: newer servers say so first
  busy,     // a crawl, perhaps the server's own, is under way: ask again
  refused,  // the line says why
  broken,   // not what a server answers
};

// Reads one line of the answer to kMetadumpRequest, without its end (items end with \n, the others with
// \r\n). The fields of an item may come in any order, and with others. Pure.
[[nodiscard]] DumpLine parse_dump_line(std::string_view line, KeyBuffer& buffer, DumpedItem& item);

}  // namespace mctenant::protocol
