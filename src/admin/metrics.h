#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mctenant::admin {

// Collects figures and writes them in Prometheus's text format (version 0.0.4):
// https://prometheus.io/docs/instrumenting/exposition_formats/
//
//   out.counter("mctenant_tenant_hits_total", "Gets that found their key.", {{"tenant", "acme"}}, hits);
//
// Figures of one name come out together, below one HELP and one TYPE line, in whatever order they were added.
// Names begin with "mctenant_" and end with their unit, as in _bytes or _seconds; those of counters then with
// "_total".
class MetricsWriter {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // Label values may hold any bytes; what is not UTF-8 is shown as "?".
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  // What only ever grows, from a start of the process on. Name and help are those of the whole family: of the
  // first call with this name. A name belongs to counters or to gauges; one set of labels is given once.
  template <class Number>
  requires std::integral<Number> || std::floating_point<Number>
  void counter(std::string_view name, std::string_view help, const Labels& labels, Number value) {
    add("counter", name, help, labels, number(value));
  }
  template <class Number>
  requires std::integral<Number> || std::floating_point<Number>
  void counter(std::string_view name, std::string_view help, Number value) { counter(name, help, {}, value); }

  // What goes up and down.
  template <class Number>
  requires std::integral<Number> || std::floating_point<Number>
  void gauge(std::string_view name, std::string_view help, const Labels& labels, Number value) {
    add("gauge", name, help, labels, number(value));
  }
  template <class Number>
  requires std::integral<Number> || std::floating_point<Number>
  void gauge(std::string_view name, std::string_view help, Number value) { gauge(name, help, {}, value); }

  // All of it, families in the order of their first figures.
  [[nodiscard]] std::string text() const;

 private:
  struct Family {
    std::string name;
    std::string_view type;
    std::string text;
  };

  // Whole numbers in full; others in as many digits as tell them apart.
  template <class Number>
  static std::string number(Number value) {
    if constexpr (std::same_as<Number, bool>) {
      return value ? "1" : "0";
    } else if constexpr (std::integral<Number>) {
      return fmt::format("{}", value);
    } else {
      return real(static_cast<double>(value));
    }
  }
  static std::string real(double value);

  void add(std::string_view type, std::string_view name, std::string_view help, const Labels& labels,
           std::string_view value);
  Family& family(std::string_view type, std::string_view name, std::string_view help);

  std::vector<Family> families_;
  std::unordered_map<std::string, size_t> places_;  // in families_
};

}  // namespace mctenant::admin
