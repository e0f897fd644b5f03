// Any line of a server's dump or watch: a key has 1 to 250 bytes and lies in the buffer that was given, the
// order of the fields plays no part, and a line with an end in it is no item. Input: the line.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/metadump.h"
#include "protocol/watch_line.h"

namespace {

using namespace mctenant::protocol;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_key(std::string_view key, const KeyBuffer& buffer) {
  require(!key.empty() && key.size() <= buffer.size());
  require(key.data() == buffer.data());
}

// The words from the last to the first, if none is there twice.
std::string reversed(std::string_view line) {
  std::vector<std::string_view> words;
  std::vector<std::string_view> names;
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    for (const std::string_view name : names) {
      if (name == field_of(word).name) return {};
    }
    names.push_back(field_of(word).name);
    words.push_back(word);
  }
  std::string turned;
  while (!words.empty()) {
    turned.append(words.back()).append(" ");
    words.pop_back();
  }
  return turned;
}

void dump(std::string_view line) {
  KeyBuffer buffer;
  DumpedItem item;
  if (parse_dump_line(line, buffer, item) != DumpLine::item) return;
  require_key(item.key, buffer);
  require(item.expiry >= 0);
  const std::string turned = reversed(line);
  if (turned.empty()) return;
  KeyBuffer other_buffer;
  DumpedItem other;
  require(parse_dump_line(turned, other_buffer, other) == DumpLine::item);
  require(other.key == item.key && other.expiry == item.expiry && other.cas == item.cas &&
          other.size == item.size && other.last_access == item.last_access && other.fetched == item.fetched);
}

void watch(std::string_view line) {
  KeyBuffer buffer;
  EvictedItem item;
  if (parse_watch_line(line, buffer, item) == WatchLine::evicted) require_key(item.key, buffer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  dump(line);
  watch(line);
  return 0;
}
