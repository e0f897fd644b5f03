#include "config/reader.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/units.h"

namespace mctenant::config {
namespace {

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "null";
    case Node::Kind::boolean:
      return "true or false";
    case Node::Kind::whole_number:
    case Node::Kind::other_number:
      return "a number";
    case Node::Kind::text:
      return "a text";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::object:
      return "an object";
  }
  return "something else";
}

// What stands there, for a value that can't be secret.
std::string found(const Node& node) {
  if (node.kind == Node::Kind::text) return in_quotes(node.text);
  return node.text.empty() ? std::string(kind_name(node.kind)) : node.text.substr(0, 40);
}

std::string range(const std::string& min, const std::string& max) { return "from " + min + " to " + max; }

// Levenshtein's distance.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string> Value::text(std::string_view what) const {
  if (node_->kind == Node::Kind::text && !node_->text.empty()) return node_->text;
  if (node_->kind == Node::Kind::text) {
    fault("is empty; write " + std::string(what));
  } else {
    fault("is " + std::string(kind_name(node_->kind)) + "; write a text, " + std::string(what) +
          ", in quotes");
  }
  return std::nullopt;
}

std::optional<bool> Value::yes_or_no() const {
  if (node_->kind == Node::Kind::boolean) return node_->text == "true";
  fault(found(*node_) + " is neither true nor false; write one of them, without quotes");
  return std::nullopt;
}

std::optional<uint64_t> Value::number(uint64_t min, uint64_t max) const {
  if (node_->kind == Node::Kind::whole_number && node_->number >= min && node_->number <= max)
    return node_->number;
  fault(found(*node_) + " is not a whole number " + range(std::to_string(min), std::to_string(max)));
  return std::nullopt;
}

std::optional<uint64_t> Value::size(uint64_t min, uint64_t max) const {
  const std::string allowed = range(base::format_byte_size(min), base::format_byte_size(max));
  uint64_t bytes = node_->number;
  if (node_->kind == Node::Kind::text) {
    const auto parsed = base::parse_byte_size(node_->text);
    if (!parsed) {
      fault(found(*node_) + " is not a size; write one " + allowed +
            ", such as \"25MiB\", or a number of bytes");
      return std::nullopt;
    }
    bytes = *parsed;
  } else if (node_->kind != Node::Kind::whole_number) {
    fault(found(*node_) + " is not a size; write one " + allowed +
          ", such as \"25MiB\", or a number of bytes");
    return std::nullopt;
  }
  if (bytes >= min && bytes <= max) return bytes;
  fault(found(*node_) + " is out of range; write a size " + allowed);
  return std::nullopt;
}

std::optional<base::Duration> Value::duration(base::Duration min, base::Duration max) const {
  const std::string allowed = range(base::format_duration(min), base::format_duration(max));
  const auto parsed = base::parse_duration(node_->kind == Node::Kind::text ? node_->text : "");
  if (!parsed) {
    fault(found(*node_) + " is not a duration; write one " + allowed +
          ", such as \"250ms\", \"5s\" or \"2m\"");
    return std::nullopt;
  }
  if (*parsed >= min && *parsed <= max) return *parsed;
  fault(found(*node_) + " is out of range; write a duration " + allowed);
  return std::nullopt;
}

std::optional<std::vector<Value>> Value::list(std::string_view what) const {
  if (node_->kind != Node::Kind::list) {
    fault("is " + std::string(kind_name(node_->kind)) + "; write a list of " + std::string(what) +
          " between [ and ]");
    return std::nullopt;
  }
  std::vector<Value> values;
  for (size_t i = 0; i < node_->items.size(); ++i) {
    values.emplace_back(node_->items[i], pointer_ + "/" + std::to_string(i), *findings_);
  }
  return values;
}

std::optional<std::string> Value::path(const std::string& folder) const {
  const auto written = text("a path");
  if (!written) return std::nullopt;
  if (written->find('\0') != std::string::npos) {
    fault("holds a NUL byte, which no path can");
    return std::nullopt;
  }
  return (std::filesystem::path(folder) / *written).string();
}

Object::Object(const Value& value) : value_(value), valid_(value.node().kind == Node::Kind::object) {
  if (!valid_)
    value.fault("is " + std::string(kind_name(value.node().kind)) + "; write an object between { and }");
}

std::optional<Value> Object::find(std::string_view key) {
  known_.push_back(key);
  const std::vector<std::string>& keys = value_.node().keys;
  const auto position = std::find(keys.begin(), keys.end(), key);
  if (position == keys.end()) return std::nullopt;
  return Value(value_.node().items[static_cast<size_t>(position - keys.begin())],
               value_.pointer() + pointer_step(key), *value_.findings_);
}

std::optional<Value> Object::need(std::string_view key, std::string_view example) {
  auto value = find(key);
  if (!value && valid_) {
    value_.findings_->fault(value_.node().order, value_.pointer() + pointer_step(key),
                            "is missing; write " + in_quotes(key) + ": " + std::string(example));
  }
  return value;
}

void Object::not_built(std::string_view key, std::string_view consequence) {
  if (const auto value = find(key)) {
    value->fault("is not built yet: " + std::string(consequence) + "; remove the key");
  }
}

void Object::finish() const {
  for (const auto& [key, value] : members()) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      value.fault("is an unknown key." + suggest(key, known_));
    }
  }
}

std::vector<std::pair<std::string, Value>> Object::members() const {
  std::vector<std::pair<std::string, Value>> members;
  const Node& node = value_.node();
  for (size_t i = 0; i < node.keys.size(); ++i) {
    members.emplace_back(
        node.keys[i], Value(node.items[i], value_.pointer() + pointer_step(node.keys[i]), *value_.findings_));
  }
  return members;
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 120;
  std::string result = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    result.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
  }
  return result + (text.size() > kShown ? "…\"" : "\"");
}

std::string suggest(std::string_view text, const std::vector<std::string_view>& candidates) {
  constexpr size_t kListed = 12;
  const size_t allowed = std::max<size_t>(2, text.size() / 3);
  size_t best = allowed + 1;
  std::string_view nearest;
  std::string all;
  for (const std::string_view candidate : candidates) {
    if (text.size() <= 64) {
      const size_t difference = distance(text, candidate);
      if (difference < best) {
        best = difference;
        nearest = candidate;
      }
    }
    if (candidates.size() <= kListed) all += (all.empty() ? "" : ", ") + in_quotes(candidate);
  }
  if (!nearest.empty()) return " Did you mean " + in_quotes(nearest) + "?";
  return all.empty() ? "" : " There are: " + all + ".";
}

bool check_name(const Value& place, std::string_view what, std::string_view name) {
  constexpr size_t kMaxName = 64;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (!name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), fits)) return true;
  place.fault(in_quotes(name) + " is not the name of a " + std::string(what) +
              "; write 1 to 64 characters of A-Z a-z 0-9 . _ -");
  return false;
}

}  // namespace mctenant::config
