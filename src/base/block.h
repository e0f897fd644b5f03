#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/pipe.h"

namespace mctenant::base {

// A counted piece of memory for bytes on their way through, from free lists that each thread keeps for
// itself. Not atomic: a block belongs to the thread that took it.
class Block {
 public:
  // A block with room for at least `size` bytes, with one reference. The sizes that small requests need, and
  // kBulkBlock, come from the thread's free lists; another that is larger is allocated exactly.
  [[nodiscard]] static Block* take(size_t size);

  void ref() { ++references_; }
  void unref() {
    if (--references_ == 0) give_back();
  }
  [[nodiscard]] bool shared() const { return references_ > 1; }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  [[nodiscard]] char* data() { return reinterpret_cast<char*>(this + 1); }

  // The end of what the block is for may wait in a pipe instead. Null: it does not.
  [[nodiscard]] Pipe* pipe() const { return pipe_.get(); }
  void attach(Pipe::Ref pipe) { pipe_ = std::move(pipe); }

 private:
  void give_back();

  uint32_t references_ = 1;
  uint32_t size_class_ = 0;
  size_t capacity_ = 0;
  Pipe::Ref pipe_;
};

// Usable bytes of the pooled sizes: a lone small reply, a burst of them, one read from a client, one from a
// server, which brings the replies of many.
inline constexpr size_t kSmallBlock = 2 * 1024 - sizeof(Block);
inline constexpr size_t kMediumBlock = 16 * 1024 - sizeof(Block);
inline constexpr size_t kLargeBlock = 64 * 1024 - sizeof(Block);
inline constexpr size_t kBulkBlock = 256 * 1024 - sizeof(Block);

// Shared ownership of a block.
class BlockRef {
 public:
  BlockRef() = default;
  // Adopts the caller's reference.
  explicit BlockRef(Block* block) : block_(block) {}
  BlockRef(const BlockRef& other) : block_(other.block_) {
    if (block_ != nullptr) block_->ref();
  }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ != nullptr) block_->unref();
  }

  [[nodiscard]] Block* get() const { return block_; }
  Block* operator->() const { return block_; }
  explicit operator bool() const { return block_ != nullptr; }
  // Gives the reference to the caller.
  [[nodiscard]] Block* release() { return std::exchange(block_, nullptr); }

 private:
  Block* block_ = nullptr;
};

// Bytes inside a block, kept alive by it. Without a block: bytes that somebody else keeps alive for the call.
// With a block that has a pipe, what that holds is the end of the slice, and does not stand at `data`.
struct Slice {
  BlockRef owner;
  const char* data = nullptr;
  size_t size = 0;
};

}  // namespace mctenant::base
