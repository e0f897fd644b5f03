#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/block.h"

namespace mctenant::base {

// Bytes read from a socket and not yet understood.
//
//   read ──► [pending: the beginning of a frame][scratch: what came behind it] ──► drain ──► frames
//
// Bytes are read into the thread's scratch block and understood where they lie; only the unfinished frame at
// the end is kept, in a block of the size that the reader expects, and the rest of it is then read straight
// into that block. So a small frame is not copied, and a large one at most once; of one that is larger than a
// read, only the beginning. Between frames no memory is held. Not thread-safe.
//
// What is missing of a very large frame need not come into memory at all, if the reader can do without:
//
//   [block: the beginning of the frame, and its last bytes] + [pipe: what is between them]
class InputBuffer {
 public:
  // One read takes more at once than it would, and large values may wait in pipes: for who sends the replies
  // of many.
  void read_in_bulk() {
    scratch_size_ = kBulkBlock;
    in_bulk_ = true;
  }

  // The unread bytes, in one piece. Valid until the next consume() or commit().
  [[nodiscard]] std::string_view view() const { return {begin_, static_cast<size_t>(end_ - begin_)}; }
  void consume(size_t size) {
    begin_ += size;
    if (begin_ == end_) expected_ = 0;
  }
  // The reader says that view() is the beginning of a frame of `total` bytes, not counting those in a pipe.
  // The size must be bounded by the caller: room for it is taken. With `last`, it can do without the bytes
  // that are missing, but for that many at the end.
  void expect(size_t total, size_t last = 0) {
    expected_ = total;
    last_ = last;
  }
  // How many bytes of the frame that view() begins with are in the block's pipe, or will be: in front of the
  // `last` ones.
  [[nodiscard]] size_t piped() const { return piped_; }
  // A part of view(), and what is in the pipe behind it, that outlives it, without copying.
  [[nodiscard]] Slice share(std::string_view part) const {
    return {block_, part.data(), part.size() + piped_};
  }

  // How many bytes must come next into pipe() rather than into the places of prepare().
  [[nodiscard]] size_t missing_in_pipe() const { return piped_ == 0 ? 0 : piped_ - pipe()->size(); }
  [[nodiscard]] Pipe* pipe() const { return block_->pipe(); }
  // The pipe takes no more: what it has goes into memory, and so does the rest.
  void give_up_pipe();

  // Where to read next: up to two places, `limit` bytes at most. Returns how many places.
  [[nodiscard]] int prepare(iovec out[2], size_t limit);

  // `size` bytes were read into the places of prepare(). Calls drain(), which takes whole frames from view(),
  // as long as it gets on; what is left then is kept.
  template <class Drain>
  void commit(size_t size, Drain&& drain);

  // Takes bytes from memory instead of from prepare().
  template <class Drain>
  void feed(std::string_view bytes, Drain&& drain);

  // Drops everything.
  void clear();

 private:
  // Bytes of the scratch block that are not yet part of view().
  struct Rest {
    BlockRef block;
    char* begin = nullptr;
    char* end = nullptr;
    [[nodiscard]] size_t size() const { return static_cast<size_t>(end - begin); }
  };

  template <class Drain>
  void run(Rest& rest, Drain&& drain);
  // Moves bytes of `rest` behind the pending ones, so many that the expected frame is whole.
  void top_up(Rest& rest);
  // Keeps view() in a block of its own with room for the expected frame.
  void keep();
  // Lets what is missing of the frame come into a pipe, if it is much and the reader can do without. False:
  // it shall come into memory.
  [[nodiscard]] bool divert();
  void take_over(Rest& rest);

  BlockRef block_;
  char* begin_ = nullptr;
  char* end_ = nullptr;
  size_t expected_ = 0;
  size_t last_ = 0;
  size_t piped_ = 0;
  bool in_bulk_ = false;
  size_t scratch_size_ = kLargeBlock;
  // Large frames follow each other: what is read of the next into the scratch block is copied from there, and
  // so it is little.
  bool large_frames_ = false;
};

// The thread's scratch block of a size, kLargeBlock or kBulkBlock; a new one whenever the last is still
// referenced by somebody. The reference is good until the next call.
[[nodiscard]] const BlockRef& scratch_block(size_t size = kLargeBlock);

template <class Drain>
void InputBuffer::run(Rest& rest, Drain&& drain) {
  bool in_scratch = false;
  for (;;) {
    if (begin_ == end_) {
      block_ = BlockRef();
      begin_ = end_ = nullptr;
      expected_ = piped_ = 0;
      if (rest.size() == 0) return;
      take_over(rest);
      in_scratch = true;
    }
    const char* before = begin_;
    drain();
    if (in_scratch && begin_ != before) large_frames_ = false;  // the scratch block held a whole one
    if (begin_ == end_) continue;
    if (rest.size() > 0) {
      // No progress and no larger frame asked for: the reader has stopped, and all the rest waits with it.
      if (begin_ == before && expected_ <= view().size()) expected_ = view().size() + rest.size();
      top_up(rest);
      in_scratch = false;
      continue;
    }
    if (!divert()) keep();
    return;
  }
}

template <class Drain>
void InputBuffer::commit(size_t size, Drain&& drain) {
  Rest rest;
  if (begin_ != nullptr) {
    const size_t room = static_cast<size_t>(block_->data() + block_->capacity() - end_);
    const size_t here = std::min({size, room, expected_ > view().size() ? expected_ - view().size() : 0});
    end_ += here;
    size -= here;
  }
  if (size > 0) {
    rest.block = scratch_block(scratch_size_);
    rest.begin = rest.block->data();
    rest.end = rest.begin + size;
  }
  run(rest, drain);
}

template <class Drain>
void InputBuffer::feed(std::string_view bytes, Drain&& drain) {
  while (!bytes.empty()) {
    iovec where[2];
    const int count = prepare(where, bytes.size());
    size_t copied = 0;
    for (int i = 0; i < count; ++i) {
      std::memcpy(where[i].iov_base, bytes.data() + copied, where[i].iov_len);
      copied += where[i].iov_len;
    }
    bytes.remove_prefix(copied);
    commit(copied, drain);
  }
}

}  // namespace mctenant::base
