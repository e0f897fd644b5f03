#include "base/block.h"

#include <array>
#include <cstdlib>
#include <new>
#include <vector>

#include "base/sanitizers.h"

namespace mctenant::base {
namespace {

struct SizeClass {
  size_t capacity;
  size_t kept;  // how many free blocks a thread keeps at most
};
constexpr std::array<SizeClass, 4> kClasses{
    {{kSmallBlock, 4096}, {kMediumBlock, 256}, {kLargeBlock, 64}, {kBulkBlock, 8}}};
constexpr uint32_t kBulk = kClasses.size() - 1;
constexpr uint32_t kUnpooled = kClasses.size();

// What a thread keeps. Freed with the thread; blocks given back after that go to the heap.
struct FreeLists {
  std::array<std::vector<void*>, kClasses.size()> lists;

  FreeLists() {
    for (size_t i = 0; i < kClasses.size(); ++i) lists[i].reserve(kClasses[i].kept);
    alive = true;
  }
  FreeLists(const FreeLists&) = delete;
  FreeLists& operator=(const FreeLists&) = delete;
  ~FreeLists() {
    alive = false;
    for (auto& list : lists) {
      for (void* memory : list) std::free(memory);
    }
  }

  static thread_local bool alive;
};
thread_local bool FreeLists::alive = false;
thread_local FreeLists free_lists;

uint32_t class_of(size_t size) {
  for (uint32_t i = 0; i < kBulk; ++i) {
    if (size <= kClasses[i].capacity) return i;
  }
  return size == kBulkBlock ? kBulk : kUnpooled;  // too large to be given to who asks for less
}

}  // namespace

Block* Block::take(size_t size) {
  const uint32_t size_class = class_of(size);
  const size_t capacity = size_class == kUnpooled ? size : kClasses[size_class].capacity;
  void* memory = nullptr;
  if (size_class != kUnpooled) {
    auto& list = free_lists.lists[size_class];
    if (!list.empty()) {
      memory = list.back();
      list.pop_back();
    }
  }
  if (memory == nullptr) memory = std::malloc(sizeof(Block) + capacity);
  if (memory == nullptr) throw std::bad_alloc();
  auto* block = new (memory) Block;  // never destroyed: give_back() leaves nothing to be
  block->size_class_ = size_class;
  block->capacity_ = capacity;
  return block;
}

void Block::give_back() {
  pipe_.reset();
  if (!kSanitized && size_class_ != kUnpooled && FreeLists::alive) {
    auto& list = free_lists.lists[size_class_];
    if (list.size() < kClasses[size_class_].kept) {
      list.push_back(this);  // capacity was reserved: no allocation
      return;
    }
  }
  std::free(this);
}

}  // namespace mctenant::base
