#include "admin/metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>

namespace mctenant::admin {
namespace {

[[maybe_unused]] bool is_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && (name[0] < '0' || name[0] > '9') && std::all_of(name.begin(), name.end(), fits);
}

// The length of the UTF-8 character (RFC 3629) that `text` begins with; 0 if it begins with none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xf0 && byte(1) < 0x90);
  const bool surrogate = byte(0) == 0xed && byte(1) > 0x9f;
  const bool beyond = byte(0) == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || beyond ? 0 : length;
}

// For a HELP line, or with `quotes` for a label's value.
void append_escaped(std::string& out, std::string_view text, bool quotes) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) {
      out += '?';
    } else if (text[0] == '\\') {
      out += "\\\\";
    } else if (text[0] == '\n') {
      out += "\\n";
    } else if (text[0] == '"' && quotes) {
      out += "\\\"";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
}

}  // namespace

std::string MetricsWriter::real(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

MetricsWriter::Family& MetricsWriter::family(std::string_view type, std::string_view name,
                                             std::string_view help) {
  const auto [place, fresh] = places_.try_emplace(std::string(name), families_.size());
  if (fresh) {
    assert(is_name(name));
    assert((type == "counter") == name.ends_with("_total"));
    Family family{std::string(name), type, fmt::format("# HELP {} ", name)};
    append_escaped(family.text, help, false);
    family.text += fmt::format("\n# TYPE {} {}\n", name, type);
    families_.push_back(std::move(family));
  }
  assert(families_[place->second].type == type);
  return families_[place->second];
}

void MetricsWriter::add(std::string_view type, std::string_view name, std::string_view help,
                        const Labels& labels, std::string_view value) {
  std::string& out = family(type, name, help).text;
  out += name;
  char before = '{';
  for (const auto& [label, text] : labels) {
    assert(is_name(label) && !label.starts_with("__"));
    out += before;
    out += label;
    out += "=\"";
    append_escaped(out, text, true);
    out += '"';
    before = ',';
  }
  if (!labels.empty()) out += '}';
  out += ' ';
  out += value;
  out += '\n';
}

std::string MetricsWriter::text() const {
  std::string result;
  for (const Family& family : families_) result += family.text;
  return result;
}

}  // namespace mctenant::admin
