#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace mctenant::quota {

// Memory straight from the system: zero, whole pages, and none of them held before it is touched. With huge
// pages, where the system has them (transparent huge pages, `madvise` or `always`), a walk at random over
// hundreds of megabytes costs half.
class Pages {
 public:
  enum class Kind : uint8_t { small, huge };

  static constexpr size_t kHuge = size_t{2} * 1024 * 1024;

  Pages() = default;
  // `bytes`: a multiple of kHuge. Aligned to kHuge. Throws std::bad_alloc.
  Pages(size_t bytes, Kind kind);
  Pages(Pages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages();

  [[nodiscard]] std::byte* data() const { return data_; }
  // All small pages are in use: the system may make huge ones of them, when it has time.
  void merge();

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace mctenant::quota
