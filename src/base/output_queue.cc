#include "base/output_queue.h"

#include <algorithm>
#include <cstring>

#include "base/free_list.h"

namespace mctenant::base {

// Bytes begin_..end_ of a block. What lies between end and limit is free to be filled, by this queue alone.
// Or, of a block with a pipe, what is in that.
struct OutputQueue::Segment {
  Segment* next;
  BlockRef block;
  char* begin;
  char* end;
  char* limit;
  size_t piped = 0;

  [[nodiscard]] size_t in_memory() const { return static_cast<size_t>(end - begin); }
};

OutputQueue::Segment* OutputQueue::add_segment(Block* block, char* begin, char* end, char* limit) {
  auto* segment = FreeList<Segment>::make(Segment{nullptr, BlockRef(block), begin, end, limit});
  (tail_ == nullptr ? head_ : tail_->next) = segment;
  tail_ = segment;
  return segment;
}

char* OutputQueue::reserve(size_t size) {
  if (tail_ != nullptr && static_cast<size_t>(tail_->limit - tail_->end) >= size) return tail_->end;
  // The first block of a queue is small, since most queues hold one reply; a queue that grows gets larger
  // ones.
  Block* block = Block::take(head_ == nullptr ? size : std::max(size, kMediumBlock));
  return add_segment(block, block->data(), block->data(), block->data() + block->capacity())->end;
}

void OutputQueue::commit(size_t size) {
  tail_->end += size;
  size_ += size;
}

void OutputQueue::append(std::string_view bytes) {
  if (tail_ != nullptr) {
    const size_t fits = std::min(bytes.size(), static_cast<size_t>(tail_->limit - tail_->end));
    if (fits > 0) std::memcpy(tail_->end, bytes.data(), fits);
    commit(fits);
    bytes.remove_prefix(fits);
  }
  if (bytes.empty()) return;
  std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
  commit(bytes.size());
}

void OutputQueue::append(const Slice& slice) {
  if (!slice.owner) return append(std::string_view(slice.data, slice.size));
  if (slice.size == 0) return;
  slice.owner->ref();
  const Pipe* const pipe = slice.owner->pipe();
  const size_t piped = pipe == nullptr ? 0 : pipe->size();
  auto* begin = const_cast<char*>(slice.data);  // never written through: the segment has no free room
  char* end = begin + (slice.size - piped);
  add_segment(slice.owner.get(), begin, end, end);
  if (piped > 0) {
    slice.owner->ref();
    add_segment(slice.owner.get(), end, end, end)->piped = piped;
    ++pipes_;
  }
  size_ += slice.size;
}

int OutputQueue::gather(iovec* out, int max) const {
  int count = 0;
  for (Segment* segment = head_; segment != nullptr && count < max; segment = segment->next) {
    if (segment->piped > 0) break;
    if (segment->in_memory() == 0) continue;
    out[count++] = {segment->begin, segment->in_memory()};
  }
  return count;
}

Pipe* OutputQueue::find_next_pipe(size_t& size) const {
  const Segment* segment = head_;
  while (segment != nullptr && segment->in_memory() == 0 && segment->piped == 0) segment = segment->next;
  if (segment == nullptr || segment->piped == 0) return nullptr;
  size = segment->piped;
  return segment->block->pipe();
}

void OutputQueue::take_out_of_pipe() {
  Segment* segment = head_;
  while (segment->piped == 0) segment = segment->next;
  const size_t size = segment->piped;
  Block* own = Block::take(size);
  segment->block->pipe()->read(own->data());
  --pipes_;
  *segment = {segment->next, BlockRef(own), own->data(), own->data() + size, own->data() + size};
}

void OutputQueue::let_go() {
  for (Segment* segment = head_; segment != nullptr; segment = segment->next) {
    const size_t size = segment->in_memory();
    if (segment->piped > 0 || segment->block->capacity() <= std::max(2 * size, kMediumBlock)) continue;
    Block* own = Block::take(size);
    std::memcpy(own->data(), segment->begin, size);
    *segment = {segment->next, BlockRef(own), own->data(), own->data() + size, own->data() + size};
  }
}

void OutputQueue::consume(size_t size) {
  size_ -= size;
  while (head_ != nullptr) {
    const size_t here = std::min(size, head_->in_memory());
    head_->begin += here;
    size -= here;
    if (head_->begin != head_->end) return;
    if (head_->piped > 0) {
      const size_t of_pipe = std::min(size, head_->piped);
      head_->piped -= of_pipe;
      size -= of_pipe;
      if (head_->piped > 0) return;
      --pipes_;
    }
    drop_head();
  }
}

void OutputQueue::clear() {
  while (head_ != nullptr) drop_head();
  size_ = pipes_ = 0;
}

void OutputQueue::drop_head() {
  Segment* segment = head_;
  head_ = segment->next;
  if (head_ == nullptr) tail_ = nullptr;
  FreeList<Segment>::drop(segment);
}

}  // namespace mctenant::base
