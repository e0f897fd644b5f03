#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mctenant::base {

// Compares in a time that depends on the lengths alone.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

// Overwrites a secret so that the compiler can't drop it.
void wipe(char* data, size_t size);
inline void wipe(std::string& secret) {
  wipe(secret.data(), secret.size());
  secret.clear();
}

// Fills from the kernel's generator. Ends the process if there is none: nothing safe can follow.
void random_bytes(void* out, size_t size);
// `length` characters out of A-Z a-z 0-9, each equally likely.
[[nodiscard]] std::string random_alphanumeric(size_t length);

}  // namespace mctenant::base
