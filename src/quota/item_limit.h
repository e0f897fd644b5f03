#pragma once

#include <cstdint>

namespace mctenant::quota {

// What memcached counts beside key and value in an item's size: header, CAS, the key's and the value's ends,
// and the flags where there are any (seen in 1.6.18; larger ones are refused by its item_size_max).
[[nodiscard]] constexpr uint64_t item_overhead(uint32_t flags) {
  return 48 + 8 + 1 + 2 + (flags != 0 ? 4 : 0);
}

// The whole size of an item as memcached counts it.
[[nodiscard]] constexpr uint64_t item_bytes(uint64_t server_key, uint64_t value, uint32_t flags) {
  return item_overhead(flags) + server_key + value;
}

// The largest item that can be stored, decided before anything is sent: a server that refuses a store drops
// the old value with it.
struct ItemLimit {
  uint64_t item_size;        // client key + value, the tenant's limit
  uint64_t server_item_max;  // the whole item, the server's limit

  [[nodiscard]] constexpr bool fits(uint64_t client_key, uint64_t server_key, uint64_t value,
                                    uint32_t flags) const {
    return client_key + value <= item_size && item_bytes(server_key, value, flags) <= server_item_max;
  }
};

}  // namespace mctenant::quota
