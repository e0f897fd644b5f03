#include "protocol/metadump.h"

namespace mctenant::protocol {
namespace {

bool read_item(std::string_view line, KeyBuffer& buffer, DumpedItem& item) {
  item = {};
  bool expiry = false;
  bool cas = false;
  bool size = false;
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    const auto [name, value] = field_of(word);
    if (name == "key") {
      const auto key = decode_key(value, buffer);
      if (!key) return false;
      item.key = *key;
    } else if (name == "exp") {
      if (!(expiry = read_number(value, item.expiry))) return false;
    } else if (name == "la") {
      if (!read_number(value, item.last_access)) return false;
    } else if (name == "cas") {
      if (!(cas = read_number(value, item.cas))) return false;
    } else if (name == "fetch") {
      item.fetched = value == "yes";
    } else if (name == "size") {
      if (!(size = read_number(value, item.size))) return false;
    }
  }
  if (item.expiry < 0) item.expiry = 0;  // -1 is none
  return !item.key.empty() && expiry && cas && size;
}

}  // namespace

DumpLine parse_dump_line(std::string_view line, KeyBuffer& buffer, DumpedItem& item) {
  if (read_item(line, buffer, item)) return DumpLine::item;
  if (line == "END") return DumpLine::end;
  if (line == "OK") return DumpLine::started;
  const std::string_view word = take_word(line);
  if (word == "BUSY") return DumpLine::busy;
  for (const std::string_view refusal : {"ERROR", "CLIENT_ERROR", "SERVER_ERROR", "BADCLASS", "NOTSTARTED"}) {
    if (word == refusal) return DumpLine::refused;
  }
  return DumpLine::broken;
}

}  // namespace mctenant::protocol
