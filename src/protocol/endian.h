#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace mctenant::protocol {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);

// Network byte order, unaligned.
namespace detail {
inline uint16_t swap(uint16_t v) { return __builtin_bswap16(v); }
inline uint32_t swap(uint32_t v) { return __builtin_bswap32(v); }
inline uint64_t swap(uint64_t v) { return __builtin_bswap64(v); }

template <class T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return std::endian::native == std::endian::little ? swap(value) : value;
}
template <class T>
void store(char* at, T value) {
  if (std::endian::native == std::endian::little) value = swap(value);
  std::memcpy(at, &value, sizeof value);
}
}  // namespace detail

inline uint16_t load16(const char* at) { return detail::load<uint16_t>(at); }
inline uint32_t load32(const char* at) { return detail::load<uint32_t>(at); }
inline uint64_t load64(const char* at) { return detail::load<uint64_t>(at); }
inline void store16(char* at, uint16_t value) { detail::store(at, value); }
inline void store32(char* at, uint32_t value) { detail::store(at, value); }
inline void store64(char* at, uint64_t value) { detail::store(at, value); }

}  // namespace mctenant::protocol
