#include "session/first_bytes.h"

#include <algorithm>

#include "protocol/binary_decoder.h"

namespace mctenant::session {
namespace {

constexpr uint8_t kTlsHandshake = 22;
constexpr std::string_view kVersion = " HTTP/";

// "POST /x HTTP/1.1", "OPTIONS * HTTP/1.1", "GET http://x/ HTTP/1.1", "CONNECT x:1 HTTP/1.1", as far as it
// has come: a word in capitals, a space, and something behind it.
bool begins_like_http(std::string_view line) {
  const auto word_end = std::find_if_not(
      line.begin(), line.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; });
  const auto size = static_cast<size_t>(word_end - line.begin());
  return size > 0 && line.size() > size + 1 && line[size] == ' ' && line[size + 1] != '\r' &&
         line[size + 1] != '\n';
}

// Whatever stands before it: a page may choose the method's name.
bool ends_like_http(std::string_view line) {
  const size_t version = line.rfind(kVersion);
  return version != std::string_view::npos &&
         line.find_first_not_of("0123456789. \r", version + kVersion.size()) == std::string_view::npos;
}

}  // namespace

FirstBytes judge_first_byte(std::string_view bytes) {
  return static_cast<uint8_t>(bytes.front()) == kTlsHandshake ? FirstBytes::tls : FirstBytes::client;
}

FirstBytes judge_first_line(std::string_view bytes) {
  if (static_cast<uint8_t>(bytes.front()) == protocol::kBinaryRequestMagic) return FirstBytes::client;
  if (begins_like_http(bytes)) return FirstBytes::http;
  const size_t end = bytes.find('\n');
  if (end != std::string_view::npos) {
    return ends_like_http(bytes.substr(0, end)) ? FirstBytes::http : FirstBytes::client;
  }
  return bytes.size() > kLongestFirstLine ? FirstBytes::http : FirstBytes::undecided;
}

}  // namespace mctenant::session
