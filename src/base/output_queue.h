#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <string_view>

#include "base/block.h"

namespace mctenant::base {

// Bytes waiting to be written to a socket, in order: small ones copied side by side, large ones by reference.
// Holds no memory while it is empty. Not thread-safe.
class OutputQueue {
 public:
  OutputQueue() = default;
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;
  ~OutputQueue() { clear(); }

  // Room for `size` bytes in one piece; commit() says how many of them were written.
  [[nodiscard]] char* reserve(size_t size);
  void commit(size_t size);

  // Copies.
  void append(std::string_view bytes);
  // Shares: nothing is copied, and the block lives until the bytes are written. A slice without an owner is
  // copied.
  void append(const Slice& slice);

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Fills up to `max` entries with what to write next, up to what waits in a pipe; returns how many. The
  // queue must not be appended to before consume().
  [[nodiscard]] int gather(iovec* out, int max) const;
  // Copies what stands in blocks that are much larger: a queue that waits for its reader does not hold them
  // for a few bytes of them.
  void let_go();
  // The pipe that holds what is to be written next, and how much; null if that stands in memory. Who takes
  // bytes out of it says so by consume().
  [[nodiscard]] Pipe* next_pipe(size_t& size) const { return pipes_ == 0 ? nullptr : find_next_pipe(size); }
  // Something behind what gather() gives is in a pipe.
  [[nodiscard]] bool pipe_follows() const { return pipes_ != 0; }
  // Takes out of its pipe what is to be written next: for who cannot write from one.
  void take_out_of_pipe();
  // Forgets the first `size` bytes.
  void consume(size_t size);
  void clear();

 private:
  struct Segment;

  Segment* add_segment(Block* block, char* begin, char* end, char* limit);
  [[nodiscard]] Pipe* find_next_pipe(size_t& size) const;
  void drop_head();

  Segment* head_ = nullptr;
  Segment* tail_ = nullptr;
  size_t size_ = 0;
  size_t pipes_ = 0;  // segments in one
};

}  // namespace mctenant::base
