// Any two client keys under two prefixes: server keys are ones that memcached takes, name their tenant, and
// never meet unless both prefix and key are the same.
// Input: namespace selector, two ids, two generations (a byte each), then two keys divided in the middle.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tenant/namespace.h"

namespace {

using namespace mctenant::tenant;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string server_key(std::string_view prefix, std::string_view client_key) {
  char room[kMaxServerKey];
  const size_t size = write_server_key(prefix, client_key, room);
  require(size <= kMaxServerKey);
  const std::string key(room, size);
  for (const char c : key) require(static_cast<unsigned char>(c) > 0x20 && c != 0x7f);
  require(key.starts_with(prefix));
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 5;
  if (size < kHead + 2) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + kHead, size - kHead);
  if (rest.size() / 2 > 65'535) return 0;
  const std::string_view one_key = rest.substr(0, rest.size() / 2);
  const std::string_view other_key = rest.substr(rest.size() / 2);
  (void)valid_namespace(one_key);

  const std::string one_prefix = make_prefix((data[0] & 1) != 0 ? "a" : "a1", data[1], data[2]);
  const std::string other_prefix = make_prefix((data[0] & 2) != 0 ? "a" : "a1", data[3], data[4]);
  const std::string one = server_key(one_prefix, one_key);
  const std::string other = server_key(other_prefix, other_key);
  require((one == other) == (one_prefix == other_prefix && one_key == other_key));
  require(one_prefix == other_prefix || !one.starts_with(other_prefix));
  return 0;
}
