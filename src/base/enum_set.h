#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace mctenant::base {

// A set of the values of `Enum`, of which there are at most eight, counted from 0.
template <class Enum>
class EnumSet {
 public:
  constexpr EnumSet() = default;
  constexpr EnumSet(std::initializer_list<Enum> members) {
    for (const Enum member : members) add(member);
  }

  [[nodiscard]] constexpr bool has(Enum member) const { return (bits_ & bit(member)) != 0; }
  // Whether all of `others` are among them.
  [[nodiscard]] constexpr bool contains(EnumSet others) const { return (others.bits_ & ~bits_) == 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  constexpr void add(Enum member) { bits_ |= bit(member); }
  [[nodiscard]] constexpr EnumSet without(Enum member) const {
    EnumSet left = *this;
    left.bits_ &= static_cast<uint8_t>(~bit(member));
    return left;
  }
  // As a number: bit n is the value n.
  [[nodiscard]] constexpr uint8_t bits() const { return bits_; }

  constexpr bool operator==(const EnumSet&) const = default;

 private:
  static constexpr uint8_t bit(Enum member) {
    return static_cast<uint8_t>(1U << static_cast<unsigned>(member));
  }

  uint8_t bits_ = 0;
};

}  // namespace mctenant::base
