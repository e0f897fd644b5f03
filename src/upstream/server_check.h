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
};

// The questions asked of a server before it gets any request, and the judgement of its answers. Pure.
class ServerCheck {
 public:
  // To be sent first.
  static constexpr std::string_view kQuestions = "version\r\nstats settings\r\n";

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
  ServerInfo info_;
  bool cas_ = true;
  bool crawler_ = true;
  bool dump_ = true;
};

}  // namespace mctenant::upstream
