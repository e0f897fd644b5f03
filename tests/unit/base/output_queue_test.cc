#include "base/output_queue.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace mctenant::base {
namespace {

Slice shared_copy(std::string_view text) {
  const BlockRef block(Block::take(text.size()));
  std::memcpy(block->data(), text.data(), text.size());
  return {block, block->data(), text.size()};
}

// What the next write would send.
std::string next_bytes(const OutputQueue& queue, int pieces) {
  std::vector<iovec> vectors(static_cast<size_t>(pieces));
  const int count = queue.gather(vectors.data(), pieces);
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    EXPECT_GT(vectors[static_cast<size_t>(i)].iov_len, 0U);
    bytes.append(static_cast<const char*>(vectors[static_cast<size_t>(i)].iov_base),
                 vectors[static_cast<size_t>(i)].iov_len);
  }
  return bytes;
}

TEST(OutputQueue, AnyMixOfPiecesComesOutInOrder) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::minstd_rand random(seed);
    OutputQueue queue;
    std::string expected;
    std::string sent;
    char letter = 'a';
    for (int step = 0; step < 200; ++step) {
      const size_t size = random() % (random() % 8 == 0 ? 70'000 : 300);
      const std::string piece(size, letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1));
      if (random() % 8 == 0) queue.let_go();
      switch (random() % 5) {
        case 0:
          queue.append(piece);
          expected += piece;
          break;
        case 1:
          queue.append(shared_copy(piece));
          expected += piece;
          break;
        case 2: {  // reserve more than is used
          char* room = queue.reserve(size + 100);
          std::memcpy(room, piece.data(), size);
          queue.commit(size);
          expected += piece;
          break;
        }
        case 3:
          queue.append(Slice{{}, piece.data(), piece.size()});
          expected += piece;
          break;
        default: {
          const std::string bytes = next_bytes(queue, 1 + static_cast<int>(random() % 64));
          const size_t part = bytes.empty() ? 0 : random() % (bytes.size() + 1);
          sent += bytes.substr(0, part);
          queue.consume(part);
          break;
        }
      }
      ASSERT_EQ(queue.size(), expected.size() - sent.size());
    }
    while (!queue.empty()) {
      const std::string bytes = next_bytes(queue, 64);
      ASSERT_FALSE(bytes.empty());
      sent += bytes;
      queue.consume(bytes.size());
    }
    ASSERT_TRUE(sent == expected) << "seed " << seed;
    iovec none[1];
    EXPECT_EQ(queue.gather(none, 1), 0);
  }
}

TEST(OutputQueue, SmallPiecesLieSideBySide) {
  OutputQueue queue;
  for (int i = 0; i < 20; ++i) queue.append("reply");
  iovec out[4];
  EXPECT_EQ(queue.gather(out, 4), 1);
}

TEST(OutputQueue, ReservedRoomIsInOnePiece) {
  OutputQueue queue;
  queue.append(std::string(kSmallBlock - 10, 'x'));
  char* room = queue.reserve(100);
  std::memset(room, 'y', 100);
  queue.commit(100);
  iovec out[4];
  ASSERT_EQ(queue.gather(out, 4), 2);
  EXPECT_EQ(out[1].iov_len, 100U);
}

TEST(OutputQueue, ASharedSliceIsNotCopied) {
  OutputQueue queue;
  const Slice slice = shared_copy(std::string(20'000, 'v'));
  queue.append(slice);
  iovec out[1];
  ASSERT_EQ(queue.gather(out, 1), 1);
  EXPECT_EQ(out[0].iov_base, slice.data);
}

TEST(OutputQueue, NothingIsWrittenBehindASharedSlice) {
  OutputQueue queue;
  const BlockRef block(Block::take(100));
  std::memcpy(block->data(), "mine but not sent", 17);
  queue.append(Slice{block, block->data(), 4});
  queue.append("other");
  EXPECT_EQ(std::string_view(block->data(), 17), "mine but not sent");
  EXPECT_EQ(next_bytes(queue, 4), "mineother");
}

TEST(OutputQueue, ASharedBlockIsLetGoOnceItsBytesAreWritten) {
  OutputQueue queue;
  const BlockRef block(Block::take(100));
  queue.append(Slice{block, block->data(), 100});
  EXPECT_TRUE(block->shared());
  queue.consume(99);
  EXPECT_TRUE(block->shared());
  queue.consume(1);
  EXPECT_FALSE(block->shared());
}

TEST(OutputQueue, AQueueThatWaitsHoldsNoBlockForAFewBytesOfIt) {
  OutputQueue queue;
  const BlockRef much_larger(Block::take(kBulkBlock));
  const BlockRef fitting(Block::take(kLargeBlock));
  std::memset(much_larger->data(), 'a', 20'000);
  std::memset(fitting->data(), 'b', kLargeBlock);
  queue.append(Slice{much_larger, much_larger->data(), 20'000});
  queue.append(Slice{fitting, fitting->data(), 40'000});
  queue.append("end");
  queue.let_go();
  EXPECT_FALSE(much_larger->shared());
  EXPECT_TRUE(fitting->shared());
  EXPECT_EQ(queue.size(), 60'003U);
  EXPECT_EQ(next_bytes(queue, 8), std::string(20'000, 'a') + std::string(40'000, 'b') + "end");
}

TEST(OutputQueue, ClearAndDestructionLetGoOfSharedBlocks) {
  const BlockRef block(Block::take(100));
  {
    OutputQueue queue;
    queue.append(Slice{block, block->data(), 100});
    queue.clear();
    EXPECT_FALSE(block->shared());
    EXPECT_TRUE(queue.empty());
    queue.append(Slice{block, block->data(), 100});
  }
  EXPECT_FALSE(block->shared());
}

TEST(OutputQueue, EmptyPiecesAddNothing) {
  OutputQueue queue;
  queue.append("");
  queue.append(Slice{});
  queue.append(shared_copy(""));
  EXPECT_TRUE(queue.empty());
  iovec out[1];
  EXPECT_EQ(queue.gather(out, 1), 0);
  queue.consume(0);
}

}  // namespace
}  // namespace mctenant::base
