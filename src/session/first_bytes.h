#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mctenant::session {

// What the first bytes of a connection say of who speaks.
enum class FirstBytes : uint8_t {
  client,     // may be a client of ours
  tls,        // TLS, where none is spoken
  http,       // a browser, or a request that somebody has made one send
  undecided,  // wait for more
};

// The longest first line that is waited for.
inline constexpr size_t kLongestFirstLine = 64 * 1024;

// Whether TLS is spoken shows in the first byte.
[[nodiscard]] FirstBytes judge_first_byte(std::string_view bytes);

// Whether HTTP is spoken (RFC 9112) shows in the first line: it begins with a method in capitals and a
// target, or ends with a version, whatever the method. memcached's commands do neither. The binary protocol
// shows in its first byte. A line that is longer than kLongestFirstLine is taken for HTTP: what it ends with
// can't be known.
[[nodiscard]] FirstBytes judge_first_line(std::string_view bytes);

}  // namespace mctenant::session
