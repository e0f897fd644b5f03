#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/enum_set.h"

namespace mctenant::tenant {

// What a credential may do with its tenant's cache.
enum class Capability : uint8_t {
  read,   // see values, sizes and whether there is an item
  write,  // change items: store, delete, touch, count
  flush,  // empty the cache
  api,    // administer it
};

inline constexpr std::array<std::string_view, 4> kCapabilityNames{"read", "write", "flush", "api"};

[[nodiscard]] constexpr std::string_view name_of(Capability capability) {
  return kCapabilityNames[static_cast<size_t>(capability)];
}

using Capabilities = base::EnumSet<Capability>;

// Of a credential that says nothing else: all that a client library can ask for. Administration is given by
// name only, so that no password which is spread among applications has it unnoticed.
inline constexpr Capabilities kDefaultCapabilities{Capability::read, Capability::write, Capability::flush};

}  // namespace mctenant::tenant
