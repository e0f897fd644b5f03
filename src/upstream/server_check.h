#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mctenant::upstream {

// What a server says of itself.
struct ServerInfo {
  std::string version;
  uint64_t item_size_max = 0;
  // Which process it is, and its start in seconds since 1970: the same as long as the process lives, since
  // memcached reckons its clock from it.
  int64_t pid = 0;
  int64_t started = 0;
  uint64_t limit_maxbytes = 0;  // memory for items
  // What has happened to items that its watchers were not told of: evictions whose lines were dropped inside
  // it or that it does not write lines for, and flushes. Counts up; by how much means nothing.
  uint64_t untold = 0;
};

// The questions asked of a server before it gets any request, and the judgement of its answers. Pure.
class ServerCheck {
 public:
  // To be sent first.
  static constexpr std::string_view kQuestions = "version\r\nstats\r\nstats settings\r\n";

  enum class Outcome { more, finished };

  // Takes one line of the answers, without its end.
  [[nodiscard]] base::Expected<Outcome> take(std::string_view line);

  [[nodiscard]] const ServerInfo& info() const { return info_; }
  // What the server lacks that mctenant can't do without, or why it is no memcached; each names what to
  // change. Call when finished.
  [[nodiscard]] std::vector<std::string> faults() const;
  // What it lacks that costs a function. `item_size`: what clients may store, key and value together.
  [[nodiscard]] std::vector<std::string> warnings(uint64_t item_size = 0) const;

 private:
  void take_figure(std::string_view name, std::string_view value);

  ServerInfo info_;
  int ends_ = 0;
  int64_t time_ = 0;
  int64_t uptime_ = -1;
  bool cas_ = true;
  bool crawler_ = true;
  bool dump_ = true;
};

}  // namespace mctenant::upstream
