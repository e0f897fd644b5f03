#include "config/json.h"

#include <deque>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "base/secret.h"

namespace mctenant::config {
namespace {

using Json = nlohmann::json;

// What the library says, without its own prefix and without the last characters read: those may be a
// password.
std::string without_the_text(std::string_view message) {
  const size_t begin = message.find(" - ");
  if (begin != std::string_view::npos) message.remove_prefix(begin + 3);
  return std::string(message.substr(0, message.find("; last read: ")));
}

// Takes the library's events and builds nodes of them.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, Node& root, Findings& findings)
      : text_(text), root_(root), findings_(findings) {}

  bool null() override { return add(Node::Kind::null, "null"); }
  bool boolean(bool value) override { return add(Node::Kind::boolean, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override {
    return add(Node::Kind::other_number, std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return add(Node::Kind::whole_number, std::to_string(value), value);
  }
  bool number_float(number_float_t, const string_t& written) override {
    return add(Node::Kind::other_number, written);
  }
  bool string(string_t& value) override { return add(Node::Kind::text, value); }
  bool binary(binary_t&) override { return false; }  // not in JSON

  bool start_object(size_t) override { return open(Node::Kind::object); }
  bool start_array(size_t) override { return open(Node::Kind::list); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Frame& frame = stack_.back();
    frame.twice = !frame.seen.insert(name).second;
    if (frame.twice) {
      findings_.fault(next_order_, frame.pointer + pointer_step(name),
                      "stands twice in one object; remove all but one");
    }
    frame.key = name;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string_view before = text_.substr(0, position > 0 ? position - 1 : 0);
    const size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t last_newline = before.rfind('\n');
    const size_t column = before.size() - (last_newline == std::string_view::npos ? 0 : last_newline + 1) + 1;
    findings_.fault(0, "",
                    "is not JSON at line " + std::to_string(line) + ", column " + std::to_string(column) +
                        ": " + without_the_text(error.what()));
    return false;
  }

 private:
  // A list or object that is not closed yet.
  struct Frame {
    Node* node;
    std::string pointer;
    std::string key;                       // object: of the next value
    bool twice = false;                    // … which has stood before
    std::unordered_set<std::string> seen;  // object: keys
  };

  // Where the next value goes. What stands under a key for the second time is read and left aside.
  Node& place() {
    if (stack_.empty()) return root_;
    Frame& frame = stack_.back();
    if (frame.twice) return aside_.emplace_back();
    if (frame.node->kind == Node::Kind::object) frame.node->keys.push_back(frame.key);
    return frame.node->items.emplace_back();
  }

  Node& add_node(Node::Kind kind) {
    Node& node = place();
    node.kind = kind;
    node.order = next_order_++;
    return node;
  }

  bool add(Node::Kind kind, std::string text, uint64_t number = 0) {
    Node& node = add_node(kind);
    node.text = std::move(text);
    node.number = number;
    return true;
  }

  bool open(Node::Kind kind) {
    std::string pointer = next_pointer();
    if (stack_.size() == kMaxDepth) {
      findings_.fault(next_order_, std::move(pointer),
                      "lies more than " + std::to_string(kMaxDepth) + " lists and objects deep");
      return false;
    }
    Node& node = add_node(kind);
    stack_.push_back({&node, std::move(pointer), {}, false, {}});
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  [[nodiscard]] std::string next_pointer() const {
    if (stack_.empty()) return "";
    const Frame& frame = stack_.back();
    if (frame.node->kind == Node::Kind::object) return frame.pointer + pointer_step(frame.key);
    return frame.pointer + "/" + std::to_string(frame.node->items.size());
  }

  const std::string_view text_;
  Node& root_;
  Findings& findings_;
  // A frame's node stays where it is: its parent gets no further item before it is closed.
  std::vector<Frame> stack_;
  std::deque<Node> aside_;
  size_t next_order_ = 0;
};

}  // namespace

bool parse_json(std::string_view text, Node& root, Findings& findings) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    findings.fault(0, "", "is empty; a configuration begins with {");
    return false;
  }
  Builder builder(text, root, findings);
  return Json::sax_parse(text.begin(), text.end(), &builder);
}

void wipe(Node& node) {
  base::wipe(node.text);
  for (Node& item : node.items) wipe(item);
}

std::string pointer_step(std::string_view key) {
  std::string result = "/";
  for (const char c : key) {
    if (c == '~') {
      result += "~0";
    } else if (c == '/') {
      result += "~1";
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace mctenant::config
