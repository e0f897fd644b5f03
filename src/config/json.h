#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/findings.h"

namespace mctenant::config {

// A piece of a JSON text, in the file's order.
struct Node {
  enum class Kind { null, boolean, whole_number, other_number, text, list, object };

  Kind kind = Kind::null;
  size_t order = 0;               // its place among all nodes of the file
  uint64_t number = 0;            // of a whole number, which isn't negative
  std::string text;               // of a text; of anything else that is no list or object, as it was written
  std::vector<Node> items;        // of a list, or the values of an object
  std::vector<std::string> keys;  // of an object: one an item, each once
};

// Lists and objects inside each other.
inline constexpr size_t kMaxDepth = 32;

// Reads a JSON text (RFC 8259). A text that is none is one fault, with line and column. A key that stands
// twice in one object is a fault, and its first value counts. Returns false if `root` can't be used.
[[nodiscard]] bool parse_json(std::string_view text, Node& root, Findings& findings);

// Overwrites all texts of the tree: there may be passwords among them.
void wipe(Node& node);

// "a~b/c" → "/a~0b~1c" (RFC 6901)
[[nodiscard]] std::string pointer_step(std::string_view key);

}  // namespace mctenant::config
