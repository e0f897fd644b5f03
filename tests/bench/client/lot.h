#pragma once

#include <utility>
#include <vector>

#include "client/random.h"

namespace mctenant::bench {

// What is drawn from a list of weighted choices.
template <class T>
using Weighted = std::vector<std::pair<T, double>>;

// Draws from weighted choices, of which there is at least one.
template <class T>
class Lot {
 public:
  explicit Lot(const Weighted<T>& choices) {
    double sum = 0;
    for (const auto& [choice, weight] : choices) choices_.emplace_back(choice, sum += weight);
  }
  const T& draw(Random& random) const {
    const double at = random.unit() * choices_.back().second;
    for (const auto& [choice, up_to] : choices_) {
      if (at < up_to) return choice;
    }
    return choices_.back().first;
  }

 private:
  std::vector<std::pair<T, double>> choices_;
};

}  // namespace mctenant::bench
