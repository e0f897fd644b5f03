#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"

namespace mctenant::config {

// Collects faults and warnings in any order and gives them in the file's.
class Findings {
 public:
  // `order` is Node::order of the place.
  void fault(size_t order, std::string pointer, std::string message) {
    faults_.push_back({order, {std::move(pointer), std::move(message)}});
  }
  void warn(size_t order, std::string pointer, std::string message) {
    warnings_.push_back({order, {std::move(pointer), std::move(message)}});
  }

  [[nodiscard]] bool any_fault() const { return !faults_.empty(); }
  [[nodiscard]] std::vector<Finding> take_faults() { return take(faults_); }
  [[nodiscard]] std::vector<Finding> take_warnings() { return take(warnings_); }

 private:
  struct Placed {
    size_t order;
    Finding finding;
  };

  static std::vector<Finding> take(std::vector<Placed>& placed) {
    std::stable_sort(placed.begin(), placed.end(),
                     [](const Placed& a, const Placed& b) { return a.order < b.order; });
    std::vector<Finding> result;
    result.reserve(placed.size());
    for (Placed& entry : placed) result.push_back(std::move(entry.finding));
    placed.clear();
    return result;
  }

  std::vector<Placed> faults_;
  std::vector<Placed> warnings_;
};

}  // namespace mctenant::config
