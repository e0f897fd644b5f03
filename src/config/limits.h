#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "config/reader.h"
#include "session/options.h"

namespace mctenant::config {

// One key under "limits". The default is what session::Limits begins with.
struct LimitRow {
  using Size = uint64_t session::Limits::*;
  using Count = uint32_t session::Limits::*;
  using Time = base::Duration session::Limits::*;

  std::string_view key;
  std::variant<Size, Count, Time> field;
  uint64_t min;  // bytes, number or nanoseconds
  uint64_t max;
  bool live = true;  // a reload may change it

  [[nodiscard]] std::string_view type() const;  // "size", "number" or "duration"
  [[nodiscard]] std::string default_text() const;
  [[nodiscard]] std::string range_text() const;  // "1KiB to 1GiB"
};

// Every key that there is: a new limit is a member of session::Limits and a row here.
[[nodiscard]] std::span<const LimitRow> limit_table();

void parse_limits(const Value& value, session::Limits& limits);

}  // namespace mctenant::config
