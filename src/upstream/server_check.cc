#include "upstream/server_check.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/units.h"

namespace mctenant::upstream {
namespace {

// The first release whose meta protocol has all that is used.
constexpr std::array<uint32_t, 3> kOldest{1, 6, 13};

// What an item takes beside the client's key and value, at most: header, CAS, flags, ends, the longest
// prefix.
constexpr uint64_t kItemRoom = 128;

// To stats, and to stats settings.
constexpr int kAnswersWithEnd = 2;

// What takes items from a server without a line for its watchers, or is such a line that was dropped.
constexpr std::array<std::string_view, 4> kUntold{"log_worker_dropped", "slab_reassign_evictions_nomem",
                                                  "slab_reassign_busy_deletes", "cmd_flush"};

template <class Number>
void read_number(std::string_view text, Number& out) {
  std::from_chars(text.data(), text.data() + text.size(), out);
}

std::array<uint32_t, 3> parse_version(std::string_view text) {
  std::array<uint32_t, 3> parts{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (uint32_t& part : parts) {
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc()) break;
    at = next;
    if (at == end || *at != '.') break;
    ++at;
  }
  return parts;
}

}  // namespace

base::Expected<ServerCheck::Outcome> ServerCheck::take(std::string_view line) {
  if (line.starts_with("VERSION ")) {
    info_.version = line.substr(8);
    return Outcome::more;
  }
  if (line == "END") {
    if (++ends_ < kAnswersWithEnd) return Outcome::more;
    if (uptime_ >= 0) info_.started = time_ - uptime_;
    return Outcome::finished;
  }
  if (!line.starts_with("STAT ")) {
    return base::fail(
        "it does not answer as a memcached that speaks the text protocol without sign-in (no -S, -Y, -B "
        "binary)");
  }
  line.remove_prefix(5);
  const size_t space = line.find(' ');
  const std::string_view name = line.substr(0, space);
  take_figure(name, space == line.npos ? std::string_view() : line.substr(space + 1));
  return Outcome::more;
}

void ServerCheck::take_figure(std::string_view name, std::string_view value) {
  if (name == "item_size_max") {
    read_number(value, info_.item_size_max);
  } else if (name == "pid") {
    read_number(value, info_.pid);
  } else if (name == "time") {
    read_number(value, time_);
  } else if (name == "uptime") {
    read_number(value, uptime_);
  } else if (std::find(kUntold.begin(), kUntold.end(), name) != kUntold.end()) {
    uint64_t count = 0;
    read_number(value, count);
    info_.untold += count;
  } else if (name == "limit_maxbytes") {
    read_number(value, info_.limit_maxbytes);
  } else if (name == "cas_enabled") {
    cas_ = value == "yes";
  } else if (name == "lru_crawler") {
    crawler_ = value == "yes";
  } else if (name == "dump_enabled") {
    dump_ = value == "yes";
  }
}

std::vector<std::string> ServerCheck::faults() const {
  std::vector<std::string> faults;
  if (parse_version(info_.version) < kOldest) {
    faults.push_back("it is memcached " + info_.version + ": install 1.6.13 or later");
  }
  if (!cas_) faults.emplace_back("it has no CAS: start it without -C (--disable-cas)");
  if (info_.item_size_max == 0) faults.emplace_back("it does not tell its item_size_max");
  if (info_.pid == 0 || info_.started <= 0) {
    faults.emplace_back("it does not tell its pid, time and uptime");
  }
  return faults;
}

std::vector<std::string> ServerCheck::warnings(uint64_t item_size) const {
  std::vector<std::string> warnings;
  if (item_size + kItemRoom > info_.item_size_max) {
    warnings.push_back("its items end at " + base::format_byte_size(info_.item_size_max) +
                       ", so that the largest that clients may store (" + base::format_byte_size(item_size) +
                       ") are refused on it: start it with -I 2m or more");
  }
  if (!crawler_)
    warnings.emplace_back(
        "it has no LRU crawler: start it without -o no_lru_crawler, so that its items can be counted");
  if (!dump_)
    warnings.emplace_back(
        "it refuses to list its items: start it without -X (--disable-dumping), so that they can be counted");
  return warnings;
}

}  // namespace mctenant::upstream
