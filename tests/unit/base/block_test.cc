#include "base/block.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/free_list.h"
#include "base/sanitizers.h"

namespace mctenant::base {
namespace {

TEST(Block, HasRoomForWhatWasAskedFor) {
  for (const size_t size : {size_t{0}, size_t{1}, kSmallBlock, kSmallBlock + 1, kMediumBlock,
                            kMediumBlock + 1, kLargeBlock, kLargeBlock + 1, size_t{1} << 20}) {
    const BlockRef block(Block::take(size));
    ASSERT_GE(block->capacity(), size);
    std::memset(block->data(), 0xff, block->capacity());
  }
}

TEST(Block, PooledSizesComeFromTheFreeListAgain) {
  if (base::kSanitized) GTEST_SKIP() << "free lists are bypassed under a sanitizer";
  for (const size_t size : {kSmallBlock, kMediumBlock, kLargeBlock}) {
    Block* first = Block::take(size);
    first->unref();
    Block* second = Block::take(size - 1);
    EXPECT_EQ(first, second);
    EXPECT_FALSE(second->shared());
    second->unref();
  }
}

TEST(Block, ALargerOneIsExact) {
  const BlockRef block(Block::take(kLargeBlock + 1));
  EXPECT_EQ(block->capacity(), kLargeBlock + 1);
}

TEST(Block, BlocksInUseAreDistinct) {
  std::vector<BlockRef> blocks;
  std::set<Block*> distinct;
  for (int i = 0; i < 6000; ++i) {  // more than the free list keeps
    blocks.emplace_back(Block::take(100));
    distinct.insert(blocks.back().get());
  }
  EXPECT_EQ(distinct.size(), blocks.size());
}

TEST(BlockRef, CountsItsCopies) {
  BlockRef one(Block::take(10));
  EXPECT_FALSE(one->shared());
  {
    const BlockRef two =
        one;  // NOLINT(performance-unnecessary-copy-initialization): the copy is what is tested
    EXPECT_TRUE(one->shared());
    EXPECT_EQ(two.get(), one.get());
  }
  EXPECT_FALSE(one->shared());
  BlockRef moved = std::move(one);
  EXPECT_FALSE(moved->shared());
  EXPECT_FALSE(
      static_cast<bool>(one));  // NOLINT(bugprone-use-after-move): what is left is empty, by contract
  const BlockRef& self = moved;
  moved = self;
  EXPECT_FALSE(moved->shared());
}

TEST(BlockRef, AssignmentLetsGoOfWhatWasHeld) {
  const BlockRef first(Block::take(10));
  const BlockRef second(Block::take(10));
  BlockRef held = first;
  held = second;
  EXPECT_FALSE(first->shared());
  EXPECT_TRUE(second->shared());
}

TEST(BlockRef, ReleaseGivesTheReferenceAway) {
  BlockRef one(Block::take(10));
  Block* raw = one.release();
  EXPECT_FALSE(static_cast<bool>(one));
  EXPECT_FALSE(raw->shared());
  raw->unref();
}

TEST(Block, MayBeGivenBackOnAThreadThatTookNone) {
  Block* block = Block::take(100);
  std::thread([block] { block->unref(); }).join();
}

struct Counted {
  explicit Counted(int& alive_count) : alive(alive_count) { ++alive; }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int& alive;
};

TEST(FreeList, MakesAgainFromWhatWasDropped) {
  if (base::kSanitized) GTEST_SKIP() << "free lists are bypassed under a sanitizer";
  using List = FreeList<Counted>;
  int alive = 0;
  Counted* first = List::make(alive);
  EXPECT_EQ(alive, 1);
  List::drop(first);
  EXPECT_EQ(alive, 0);
  Counted* second = List::make(alive);
  EXPECT_EQ(first, second);
  EXPECT_EQ(alive, 1);
  List::drop(second);
}

TEST(FreeList, KeepsNoMoreThanItsLimit) {
  using List = FreeList<Counted, 2>;
  int alive = 0;
  std::vector<Counted*> objects;
  for (int i = 0; i < 5; ++i) objects.push_back(List::make(alive));
  for (Counted* object : objects)
    List::drop(object);  // three go to the heap: the leak checker sees it if not
  EXPECT_EQ(alive, 0);
}

TEST(FreeList, ObjectsSmallerThanAPointerFit) {
  if (base::kSanitized) GTEST_SKIP() << "free lists are bypassed under a sanitizer";
  using List = FreeList<char>;
  char* one = List::make('a');
  char* two = List::make('b');
  EXPECT_EQ(*one, 'a');
  List::drop(one);
  List::drop(two);
  EXPECT_EQ(List::make('c'), two);
  List::drop(two);
}

TEST(FreeList, AThreadFreesItsOwn) {
  std::thread([] {
    int alive = 0;
    FreeList<Counted>::drop(FreeList<Counted>::make(alive));
  }).join();
}

}  // namespace
}  // namespace mctenant::base
