#include "quota/load/items.h"

#include <utility>

#include "client/random.h"

namespace mctenant::bench {
namespace {

// Values are pieces of one text: which piece tells whose value it is.
constexpr size_t kOffsets = size_t{256} << 10;

}  // namespace

std::string letters(size_t size, uint64_t seed) {
  Random random(seed);
  std::string text(size, '\0');
  for (char& letter : text) letter = static_cast<char>('a' + random.below(26));
  return text;
}

Items::Items(std::string name, size_t key_size, size_t min_value, size_t max_value)
    : name_(std::move(name)),
      key_size_(key_size),
      min_value_(min_value),
      max_value_(max_value),
      text_(letters(kOffsets + max_value, 1)) {}

const std::string& Items::key(uint64_t number) {
  const std::string digits = std::to_string(number);
  const size_t there = name_.size() + digits.size();
  key_.assign(name_);
  key_.append(there < key_size_ ? key_size_ - there : 0, '0');
  return key_.append(digits);
}

std::string_view Items::value(uint64_t number) const {
  const uint64_t mixed = Random::mix(number + 1);
  const size_t size = min_value_ + (mixed >> 32) % (max_value_ - min_value_ + 1);
  return std::string_view(text_).substr(mixed % kOffsets, size);
}

}  // namespace mctenant::bench
