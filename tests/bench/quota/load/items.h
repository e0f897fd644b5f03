#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mctenant::bench {

// Keys and values that follow from a number: what was stored under it is known when it is read, by another
// run too.
class Items {
 public:
  // Values of `min_value` to `max_value` bytes, evenly; keys of `key_size` bytes at least: `name`, then the
  // number.
  Items(std::string name, size_t key_size, size_t min_value, size_t max_value);

  // Valid until the next call.
  [[nodiscard]] const std::string& key(uint64_t number);
  [[nodiscard]] std::string_view value(uint64_t number) const;

 private:
  std::string name_;
  size_t key_size_;
  size_t min_value_;
  size_t max_value_;
  std::string key_;
  std::string text_;
};

// Letters, the same for the same seed.
[[nodiscard]] std::string letters(size_t size, uint64_t seed);

}  // namespace mctenant::bench
