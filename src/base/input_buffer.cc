#include "base/input_buffer.h"

namespace mctenant::base {
namespace {

// What is kept of a frame whose size is not known yet.
constexpr size_t kUnknownFrame = 256;
// What is read into the scratch block where large frames follow each other.
constexpr size_t kBeginning = size_t{8} * 1024;
// What is missing of a frame, from which on a pipe is cheaper than copying.
constexpr size_t kDivertFrom = size_t{128} * 1024;

}  // namespace

const BlockRef& scratch_block(size_t size) {
  static thread_local BlockRef scratches[2];
  BlockRef& scratch = scratches[size == kBulkBlock ? 1 : 0];
  if (!scratch || scratch->shared()) scratch = BlockRef(Block::take(size));
  return scratch;
}

int InputBuffer::prepare(iovec out[2], size_t limit) {
  int count = 0;
  if (begin_ != nullptr && expected_ > view().size()) {
    const size_t room = static_cast<size_t>(block_->data() + block_->capacity() - end_);
    const size_t size = std::min({room, expected_ - view().size(), limit});
    if (size > 0) {
      out[count++] = {end_, size};
      limit -= size;
    }
  }
  if (limit > 0) {
    // commit() finds the same scratch block again: nothing else reads in between.
    const BlockRef& scratch = scratch_block(scratch_size_);
    out[count++] = {scratch->data(), std::min(limit, large_frames_ ? kBeginning : scratch->capacity())};
  }
  return count;
}

void InputBuffer::take_over(Rest& rest) {
  block_ = std::move(rest.block);
  begin_ = rest.begin;
  end_ = rest.end;
  rest = Rest();
}

void InputBuffer::top_up(Rest& rest) {
  if (expected_ <= view().size()) expected_ = view().size() + 1;
  keep();
  const size_t size = std::min(rest.size(), expected_ - view().size());
  std::memcpy(end_, rest.begin, size);
  end_ += size;
  rest.begin += size;
}

void InputBuffer::keep() {
  if (piped_ != 0) return;  // its block was made for it
  const size_t held = view().size();
  const size_t wanted = std::max({expected_, held, kUnknownFrame});
  large_frames_ = wanted > kLargeBlock;
  const size_t room = static_cast<size_t>(block_->data() + block_->capacity() - begin_);
  // A block that others look into is theirs too: it must not be written to, nor held for a few bytes of it.
  const bool own = !block_->shared() && block_->capacity() <= std::max(2 * wanted, kSmallBlock);
  if (own && room >= wanted) return;
  BlockRef kept(Block::take(wanted));
  std::memcpy(kept->data(), begin_, held);
  begin_ = kept->data();
  end_ = begin_ + held;
  block_ = std::move(kept);
}

bool InputBuffer::divert() {
  const size_t held = view().size();
  if (!in_bulk_ || last_ == 0 || piped_ != 0 || expected_ < held + kDivertFrom) return false;
  Pipe::Ref pipe = Pipe::take();
  if (!pipe) return false;
  large_frames_ = true;
  piped_ = expected_ - held - last_;
  expected_ = held + last_;
  BlockRef kept(Block::take(expected_));
  std::memcpy(kept->data(), begin_, held);
  kept->attach(std::move(pipe));
  begin_ = kept->data();
  end_ = begin_ + held;
  block_ = std::move(kept);
  return true;
}

void InputBuffer::give_up_pipe() {
  const size_t held = view().size();
  expected_ += piped_;
  BlockRef whole(Block::take(expected_));
  std::memcpy(whole->data(), begin_, held);
  const size_t out_of_pipe = pipe()->size();
  pipe()->read(whole->data() + held);
  begin_ = whole->data();
  end_ = begin_ + held + out_of_pipe;
  block_ = std::move(whole);
  piped_ = last_ = 0;
}

void InputBuffer::clear() {
  block_ = BlockRef();
  begin_ = end_ = nullptr;
  expected_ = piped_ = 0;
}

}  // namespace mctenant::base
