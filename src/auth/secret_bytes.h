#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

#include "base/secret.h"

namespace mctenant::auth {

// A copy of a secret, overwritten when it is dropped. It stays at one place in memory: moving it leaves no
// copy behind, as moving a short std::string would.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::string_view secret)
      : bytes_(std::make_unique<char[]>(secret.size())), size_(secret.size()) {
    std::copy(secret.begin(), secret.end(), bytes_.get());
  }
  SecretBytes(SecretBytes&& other) noexcept { swap(other); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    SecretBytes taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~SecretBytes() {
    if (bytes_) base::wipe(bytes_.get(), size_);
  }

  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  void swap(SecretBytes& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
  }

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
};

}  // namespace mctenant::auth
