#include "config/limits.h"

#include "base/units.h"

namespace mctenant::config {
namespace {

using base::Duration;
using session::Limits;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr LimitRow duration_row(std::string_view key, LimitRow::Time field, Duration min, Duration max) {
  return {key, field, static_cast<uint64_t>(min.count()), static_cast<uint64_t>(max.count())};
}

constexpr LimitRow kTable[] = {
    {"item_size", &Limits::item_size, base::kKiB, base::kGiB, false},
    duration_row("sign_in_timeout", &Limits::sign_in_timeout, milliseconds(10), hours(1)),
    {"sign_in_refusals", &Limits::sign_in_refusals, 1, 1'000'000},
    {"pipeline", &Limits::pipeline, 1, 65'536},
    {"connection_buffer", &Limits::connection_buffer, 64 * base::kKiB, 4 * base::kGiB},
    {"max_connections", &Limits::max_connections, 1, 1'000'000},
    {"handshakes", &Limits::handshakes, 1, 1'000'000},
    duration_row("drain_timeout", &Limits::drain_timeout, milliseconds(0), hours(1)),
    {"sign_in_queue", &Limits::sign_in_queue, 1, 1'000'000, false},
    {"sign_in_threads", &Limits::sign_in_threads, 1, 64, false},
    {"background_deletes", &Limits::background_deletes, 100, 10'000'000},
};

std::string format(const LimitRow& row, uint64_t value) {
  if (std::holds_alternative<LimitRow::Size>(row.field)) return base::format_byte_size(value);
  if (std::holds_alternative<LimitRow::Count>(row.field)) return std::to_string(value);
  return base::format_duration(Duration(static_cast<int64_t>(value)));
}

Duration nanoseconds(uint64_t count) { return Duration(static_cast<int64_t>(count)); }

// Reads the value in the way of the field's type.
struct Assign {
  const LimitRow& row;
  const Value& value;
  Limits& limits;

  void operator()(LimitRow::Size field) const {
    if (const auto size = value.size(row.min, row.max)) limits.*field = *size;
  }
  void operator()(LimitRow::Count field) const {
    if (const auto count = value.number(row.min, row.max)) limits.*field = static_cast<uint32_t>(*count);
  }
  void operator()(LimitRow::Time field) const {
    if (const auto time = value.duration(nanoseconds(row.min), nanoseconds(row.max))) limits.*field = *time;
  }
};

struct Default {
  uint64_t operator()(LimitRow::Size field) const { return Limits().*field; }
  uint64_t operator()(LimitRow::Count field) const { return Limits().*field; }
  uint64_t operator()(LimitRow::Time field) const { return static_cast<uint64_t>((Limits().*field).count()); }
};

}  // namespace

std::string_view LimitRow::type() const {
  if (std::holds_alternative<Size>(field)) return "size";
  return std::holds_alternative<Count>(field) ? "number" : "duration";
}

std::string LimitRow::default_text() const { return format(*this, std::visit(Default{}, field)); }

std::string LimitRow::range_text() const { return format(*this, min) + " to " + format(*this, max); }

std::span<const LimitRow> limit_table() { return kTable; }

void parse_limits(const Value& value, session::Limits& limits) {
  Object object(value);
  for (const LimitRow& row : kTable) {
    if (const auto found = object.find(row.key)) std::visit(Assign{row, *found, limits}, row.field);
  }
  object.finish();
}

}  // namespace mctenant::config
