#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/findings.h"
#include "config/json.h"

namespace mctenant::config {

// A value of the file with its place. The functions that read it tell a fault and return nothing if it is not
// what was asked for. Valid as long as node and findings.
class Value {
 public:
  Value(const Node& node, std::string pointer, Findings& findings)
      : node_(&node), pointer_(std::move(pointer)), findings_(&findings) {}

  [[nodiscard]] const Node& node() const { return *node_; }
  [[nodiscard]] const std::string& pointer() const { return pointer_; }

  // A text that is not empty. `what` says what it is to be: "an address".
  [[nodiscard]] std::optional<std::string> text(std::string_view what) const;
  // A path; a relative one stands relative to `folder`.
  [[nodiscard]] std::optional<std::string> path(const std::string& folder) const;
  // true or false
  [[nodiscard]] std::optional<bool> yes_or_no() const;
  // A whole number from `min` to `max`.
  [[nodiscard]] std::optional<uint64_t> number(uint64_t min, uint64_t max) const;
  // "25MiB", or a number of bytes.
  [[nodiscard]] std::optional<uint64_t> size(uint64_t min, uint64_t max) const;
  // "250ms"
  [[nodiscard]] std::optional<base::Duration> duration(base::Duration min, base::Duration max) const;
  // The items of a list; `what` says of what: "addresses".
  [[nodiscard]] std::optional<std::vector<Value>> list(std::string_view what) const;

  void fault(std::string message) const { findings_->fault(node_->order, pointer_, std::move(message)); }
  void warn(std::string message) const { findings_->warn(node_->order, pointer_, std::move(message)); }

 private:
  friend class Object;

  const Node* node_;
  std::string pointer_;
  Findings* findings_;
};

// An object of the file. The keys that were asked for are those that are known: all others are faults.
class Object {
 public:
  // Tells a fault if the value is no object, and then has no members.
  explicit Object(const Value& value);

  [[nodiscard]] const Value& place() const { return value_; }
  // False if it is something else, for which a fault was told.
  [[nodiscard]] bool valid() const { return valid_; }

  // The value of a key that may be missing.
  [[nodiscard]] std::optional<Value> find(std::string_view key);
  // The value of a key that must be there. `example` is what could be written.
  [[nodiscard]] std::optional<Value> need(std::string_view key, std::string_view example);
  // A key that a later version will know: a fault that says so, never ignored.
  void not_built(std::string_view key, std::string_view consequence);
  // After the last key was asked for: tells the unknown ones.
  void finish() const;

  // All members, for an object whose keys are names.
  [[nodiscard]] std::vector<std::pair<std::string, Value>> members() const;

 private:
  Value value_;
  bool valid_;
  std::vector<std::string_view> known_;
};

// Text in quotes for a message: short, and without control characters.
[[nodiscard]] std::string in_quotes(std::string_view text);
// " Did you mean …?" with what looks most like `text`, or else what there is to choose from.
[[nodiscard]] std::string suggest(std::string_view text, const std::vector<std::string_view>& candidates);
// 1 to 64 characters of A-Z a-z 0-9 . _ -; otherwise tells a fault at `place`.
[[nodiscard]] bool check_name(const Value& place, std::string_view what, std::string_view name);

}  // namespace mctenant::config
