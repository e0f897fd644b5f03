#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mctenant::admin {

// What a page of Prometheus's text format (version 0.0.4) says.
struct PrometheusText {
  struct Family {
    std::string help;
    std::string type;
    std::map<std::map<std::string, std::string>, double> values;  // by labels
  };
  std::map<std::string, Family> families;

  [[nodiscard]] double value(const std::string& name,
                             const std::map<std::string, std::string>& labels = {}) const {
    return families.at(name).values.at(labels);
  }
};

// Reads it strictly: HELP, TYPE, then all samples of the family, each family and each sample once. Throws
// std::runtime_error with the line that breaks the format.
class PrometheusParser {
 public:
  static PrometheusText parse(std::string_view text) {
    PrometheusParser parser;
    if (!text.empty() && text.back() != '\n') throw std::runtime_error("the last line has no end");
    while (!text.empty()) {
      const size_t end = text.find('\n');
      parser.line_ = parser.rest_ = text.substr(0, end);
      parser.read_line();
      text.remove_prefix(end + 1);
    }
    return parser.result_;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(why + ": " + std::string(line_));
  }

  bool skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  void need(std::string_view expected) {
    if (!skip(expected)) fail("'" + std::string(expected) + "' is missing");
  }

  std::string name() {
    size_t size = 0;
    while (size < rest_.size() &&
           (isalnum(static_cast<unsigned char>(rest_[size])) != 0 || rest_[size] == '_'))
      ++size;
    if (size == 0 || isdigit(static_cast<unsigned char>(rest_[0])) != 0) fail("no name");
    std::string result(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return result;
  }

  // Up to the closing quote, or to the line's end.
  std::string unescaped(bool quoted) {
    std::string result;
    for (; !rest_.empty() && !(quoted && rest_[0] == '"'); rest_.remove_prefix(1)) {
      if (rest_[0] != '\\') {
        result += rest_[0];
        continue;
      }
      rest_.remove_prefix(1);
      if (rest_.empty()) fail("a lone backslash");
      if (rest_[0] != '\\' && rest_[0] != 'n' && (rest_[0] != '"' || !quoted)) fail("an unknown escape");
      result += rest_[0] == 'n' ? '\n' : rest_[0];
    }
    return result;
  }

  void read_line() {
    if (skip("# HELP ")) {
      current_ = name();
      need(" ");
      if (result_.families.contains(current_)) fail("a family comes twice");
      result_.families[current_].help = unescaped(false);
    } else if (skip("# TYPE ")) {
      if (name() != current_) fail("a TYPE without its HELP");
      need(" ");
      auto& family = result_.families.at(current_);
      if (!family.type.empty() || !family.values.empty()) fail("a TYPE at the wrong place");
      family.type = rest_;
      if (family.type != "counter" && family.type != "gauge") fail("an unknown type");
    } else {
      read_sample();
    }
  }

  void read_sample() {
    if (name() != current_) fail("a sample outside its family");
    auto& family = result_.families.at(current_);
    if (family.type.empty()) fail("a sample without a TYPE");
    std::map<std::string, std::string> labels;
    if (skip("{")) {
      do {
        const std::string label = name();
        need("=\"");
        if (!labels.emplace(label, unescaped(true)).second) fail("a label comes twice");
        need("\"");
      } while (skip(","));
      need("}");
    }
    need(" ");
    size_t used = 0;
    const double value = std::stod(std::string(rest_), &used);
    if (used != rest_.size()) fail("more than a value");
    if (!family.values.emplace(labels, value).second) fail("a sample comes twice");
  }

  std::string_view line_;
  std::string_view rest_;
  std::string current_;
  PrometheusText result_;
};

}  // namespace mctenant::admin
