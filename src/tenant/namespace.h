#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mctenant::tenant {

using TenantId = uint32_t;
using Generation = uint64_t;

// The longest key that memcached takes.
inline constexpr size_t kMaxServerKey = 250;
// Bytes of base64url(SHA-256), without padding.
inline constexpr size_t kDigestLength = 43;
// A namespace is 1 to 16 characters of A-Z a-z 0-9.
inline constexpr size_t kMaxNamespace = 16;

[[nodiscard]] bool valid_namespace(std::string_view text);

// The beginning of all keys of one generation of one tenant: <namespace>.<id>.<generation>:
// None of the three parts can hold a '.' or ':', so no prefix is the beginning of another, and every server
// key names its tenant.
[[nodiscard]] std::string make_prefix(std::string_view key_namespace, TenantId id, Generation generation);

// A server key, taken apart.
struct ServerKeyParts {
  TenantId id = 0;
  Generation generation = 0;
  std::string_view tail;  // what stands behind the prefix, at least a byte
};
// Nothing if the key does not begin with a prefix that make_prefix() makes for this namespace.
[[nodiscard]] std::optional<ServerKeyParts> parse_server_key(std::string_view key_namespace,
                                                             std::string_view server_key);

// Whether a client key can stand in a server key as it is.
[[nodiscard]] bool readable(std::string_view prefix, std::string_view client_key);

// Writes the server key of `client_key` to `out`, which has room for kMaxServerKey bytes, and returns its
// length.
//   prefix + client key                          if that is text-safe, at most 250 bytes, and doesn't begin
//   with '~' prefix + '~' + base64url(SHA-256(client key))  otherwise
// The client key has 1 to 65,535 bytes, any of them.
[[nodiscard]] size_t write_server_key(std::string_view prefix, std::string_view client_key, char* out);

}  // namespace mctenant::tenant
