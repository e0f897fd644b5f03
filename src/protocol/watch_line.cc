#include "protocol/watch_line.h"

namespace mctenant::protocol {
namespace {

WatchLine read_event(std::string_view line, KeyBuffer& buffer, EvictedItem& item) {
  item = {};
  std::string_view type;
  std::string_view key;
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    const auto [name, value] = field_of(word);
    if (name == "type") {
      type = value;
    } else if (name == "key") {
      key = value;
    } else if (name == "size" && !read_number(value, item.size)) {
      return WatchLine::broken;
    }
  }
  if (type != "eviction") return type.empty() ? WatchLine::broken : WatchLine::other;
  const auto decoded = decode_key(key, buffer);
  if (!decoded) return WatchLine::broken;
  item.key = *decoded;
  return WatchLine::evicted;
}

}  // namespace

WatchLine parse_watch_line(std::string_view line, KeyBuffer& buffer, EvictedItem& item) {
  if (line.starts_with("ts=")) return read_event(line, buffer, item);
  if (line == "OK") return WatchLine::started;
  if (line.starts_with("skipped=") || line.starts_with("[skipped")) return WatchLine::skipped;
  const std::string_view word = take_word(line);
  if (word == "ERROR" || word == "CLIENT_ERROR" || word == "SERVER_ERROR") return WatchLine::refused;
  return WatchLine::broken;
}

}  // namespace mctenant::protocol
