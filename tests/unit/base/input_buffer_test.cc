#include "base/input_buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace mctenant::base {
namespace {

constexpr size_t kHeader = 4;

std::string frame_of(size_t payload, uint32_t seed) {
  std::string frame(kHeader + payload, '\0');
  const auto size = static_cast<uint32_t>(payload);
  std::memcpy(frame.data(), &size, kHeader);
  uint32_t state = seed * 2654435761U + 1;
  for (size_t i = kHeader; i < frame.size(); ++i) {
    state = state * 1664525 + 1013904223;
    frame[i] = static_cast<char>(state >> 24);
  }
  return frame;
}

std::vector<std::string> frames_of(const std::vector<size_t>& payloads) {
  std::vector<std::string> frames;
  for (const size_t payload : payloads)
    frames.push_back(frame_of(payload, static_cast<uint32_t>(frames.size())));
  return frames;
}

std::string concatenated(const std::vector<std::string>& frames) {
  std::string all;
  for (const std::string& frame : frames) all += frame;
  return all;
}

// Reads frames and compares each with what was sent; keeps slices of some, to be compared again at the end.
class Reader {
 public:
  explicit Reader(const std::vector<std::string>& frames) : frames_(frames) {}

  // Reads `allowance` frames at most, then stalls.
  void drain(InputBuffer& in, size_t allowance = SIZE_MAX) {
    while (allowance > 0) {
      const std::string_view view = in.view();
      if (view.size() < kHeader) {
        if (!view.empty()) in.expect(kHeader);
        return;
      }
      uint32_t payload = 0;
      std::memcpy(&payload, view.data(), kHeader);
      const size_t total = kHeader + payload;
      if (view.size() < total) return in.expect(total);
      take(in, view.substr(0, total));
      --allowance;
    }
  }

  [[nodiscard]] size_t read() const { return next_; }
  [[nodiscard]] bool done() const { return next_ == frames_.size(); }
  void expect_shared_intact() const {
    for (const auto& [slice, frame] : shared_) {
      ASSERT_EQ(std::string_view(slice.data, slice.size), frames_[frame]) << "frame " << frame;
    }
  }

 private:
  void take(InputBuffer& in, std::string_view frame) {
    ASSERT_LT(next_, frames_.size());
    ASSERT_EQ(frame, frames_[next_]) << "frame " << next_;
    if (next_ % 3 != 0) shared_.emplace_back(in.share(frame), next_);
    in.consume(frame.size());
    ++next_;
  }

  const std::vector<std::string>& frames_;
  size_t next_ = 0;
  std::vector<std::pair<Slice, size_t>> shared_;
};

// What a stream does: reads at most `limit` bytes of `bytes` into the places that the buffer offers.
template <class Drain>
void read_into(InputBuffer& in, std::string_view& bytes, size_t limit, Drain&& drain) {
  iovec where[2];
  const int count = in.prepare(where, limit);
  size_t read = 0;
  for (int i = 0; i < count; ++i) {
    const size_t size = std::min(where[i].iov_len, bytes.size());
    std::memcpy(where[i].iov_base, bytes.data(), size);
    bytes.remove_prefix(size);
    read += size;
  }
  ASSERT_LE(read, limit);
  in.commit(read, drain);
}

TEST(InputBuffer, FramesAreTheSameForEveryTwoCuts) {
  const auto frames = frames_of({1, 0, 30, 2, 7, 0, 100});
  const std::string all = concatenated(frames);
  for (size_t first = 0; first <= all.size(); ++first) {
    for (size_t second = first; second <= all.size(); ++second) {
      InputBuffer in;
      Reader reader(frames);
      const auto drain = [&] { reader.drain(in); };
      in.feed(std::string_view(all).substr(0, first), drain);
      in.feed(std::string_view(all).substr(first, second - first), drain);
      in.feed(std::string_view(all).substr(second), drain);
      ASSERT_TRUE(reader.done()) << first << " " << second;
      ASSERT_TRUE(in.view().empty());
      reader.expect_shared_intact();
    }
  }
}

TEST(InputBuffer, FramesAreTheSameByteByByte) {
  const auto frames = frames_of({1, 0, 300, 5000, 17, 70'000, 3});
  const std::string all = concatenated(frames);
  InputBuffer in;
  Reader reader(frames);
  for (const char& byte : all) in.feed({&byte, 1}, [&] { reader.drain(in); });
  EXPECT_TRUE(reader.done());
  EXPECT_TRUE(in.view().empty());
  reader.expect_shared_intact();
}

TEST(InputBuffer, FramesOfAllSizesAreTheSameForRandomCuts) {
  const auto frames =
      frames_of({1,     40'000, 0,      2032,    2033,    16'368, 16'369, 65'519, 65'520, 65'521,
                 8,     9,      10,     300'000, 100'000, 1,      63'000, 64'000, 5,      250'000,
                 1'000, 1'000,  64'000, 20,      131'072, 7,      65'536, 3,      299'999});
  const std::string all = concatenated(frames);
  for (uint32_t seed = 0; seed < 150; ++seed) {
    std::minstd_rand random(seed + 1);
    const size_t longest = size_t{1} << (5 + seed % 15);
    InputBuffer in;
    if (seed % 2 != 0) in.read_in_bulk();
    Reader reader(frames);
    std::string_view left = all;
    while (!left.empty()) {
      read_into(in, left, 1 + random() % longest, [&] { reader.drain(in); });
    }
    ASSERT_TRUE(reader.done()) << "seed " << seed;
    ASSERT_TRUE(in.view().empty());
    reader.expect_shared_intact();
    if (longest < 1024) seed += 7;  // short pieces take long
  }
}

TEST(InputBuffer, FeedingAndReadingInTurnsIsTheSame) {
  const auto frames = frames_of({10, 100'000, 3, 0, 70'000, 65'536, 2, 150'000, 30});
  const std::string all = concatenated(frames);
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    std::minstd_rand random(seed);
    InputBuffer in;
    Reader reader(frames);
    const auto drain = [&] { reader.drain(in); };
    std::string_view left = all;
    while (!left.empty()) {
      const size_t size = std::min<size_t>(left.size(), 1 + random() % 90'000);
      if (random() % 2 == 0) {
        in.feed(left.substr(0, size), drain);
        left.remove_prefix(size);
      } else {
        read_into(in, left, size, drain);
      }
    }
    ASSERT_TRUE(reader.done()) << "seed " << seed;
    reader.expect_shared_intact();
  }
}

TEST(InputBuffer, AReaderThatStallsFindsEverythingAgain) {
  const auto frames = frames_of({1, 500, 0, 20'000, 65'520, 3, 90'000, 12, 12, 12, 40'000, 9});
  const std::string all = concatenated(frames);
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::minstd_rand random(seed);
    InputBuffer in;
    Reader reader(frames);
    // A stalled reader is asked only when it goes on, as a stream that is paused does.
    size_t allowance = 0;
    const auto drain = [&] {
      const size_t before = reader.read();
      reader.drain(in, allowance);
      allowance -= reader.read() - before;
    };
    std::string_view left = all;
    while (!reader.done()) {
      allowance = random() % 3;
      if (!left.empty() && random() % 2 == 0) {
        read_into(in, left, 1 + random() % 100'000, drain);
      } else {
        in.commit(0, drain);
      }
    }
    ASSERT_TRUE(left.empty());
    ASSERT_TRUE(in.view().empty());
    reader.expect_shared_intact();
  }
}

TEST(InputBuffer, TwoBuffersOfAThreadDontDisturbEachOther) {
  const auto one_frames = frames_of({100'000, 3, 30'000, 1, 20'000, 60'000, 5});
  const auto two_frames = frames_of({2, 90'000, 0, 65'520, 77, 1, 40'000});
  const std::string one_all = concatenated(one_frames);
  const std::string two_all = concatenated(two_frames);
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    std::minstd_rand random(seed);
    InputBuffer one;
    InputBuffer two;
    if (seed % 2 != 0) two.read_in_bulk();
    Reader one_reader(one_frames);
    Reader two_reader(two_frames);
    std::string_view one_left = one_all;
    std::string_view two_left = two_all;
    while (!one_left.empty() || !two_left.empty()) {
      read_into(one, one_left, 1 + random() % 50'000, [&] { one_reader.drain(one); });
      read_into(two, two_left, 1 + random() % 50'000, [&] { two_reader.drain(two); });
    }
    ASSERT_TRUE(one_reader.done());
    ASSERT_TRUE(two_reader.done());
    one_reader.expect_shared_intact();
    two_reader.expect_shared_intact();
  }
}

TEST(InputBuffer, TheRestOfAFrameIsReadBehindItsBeginning) {
  const std::string frame = frame_of(200'000, 1);
  const std::vector<std::string> frames{frame};
  InputBuffer in;
  Reader reader(frames);
  in.feed(std::string_view(frame).substr(0, 1000), [&] { reader.drain(in); });
  const char* beginning = in.view().data();
  iovec where[2];
  ASSERT_EQ(in.prepare(where, 1'000'000), 2);
  EXPECT_EQ(where[0].iov_base, beginning + 1000);
  EXPECT_EQ(where[0].iov_len, frame.size() - 1000);
  ASSERT_EQ(in.prepare(where, 5000), 1);
  EXPECT_EQ(where[0].iov_len, 5000U);
}

size_t offered(InputBuffer& in) {
  iovec where[2];
  const int count = in.prepare(where, 1'000'000);
  return where[count - 1].iov_len;
}

TEST(InputBuffer, WhoSendsTheRepliesOfManyIsReadInBulk) {
  InputBuffer in;
  EXPECT_EQ(offered(in), kLargeBlock);
  in.read_in_bulk();
  EXPECT_EQ(offered(in), kBulkBlock);
}

// What stands in the scratch block of a frame that does not fit is copied.
TEST(InputBuffer, OfLargeFramesThatFollowEachOtherOnlyTheBeginningIsCopied) {
  const auto frames = frames_of({200'000, 200'000, 100, 200'000, 0});
  InputBuffer in;
  in.read_in_bulk();
  Reader reader(frames);
  const auto drain = [&] { reader.drain(in); };
  const auto read = [&](const std::string& bytes) {
    std::string_view left = bytes;
    while (!left.empty()) read_into(in, left, 1'000'000, drain);
  };
  read(frames[0].substr(0, 10'000));
  const size_t little = offered(in);
  EXPECT_LE(little, size_t{16} * 1024);
  read(frames[0].substr(10'000) + frames[1].substr(0, 5'000));
  EXPECT_EQ(offered(in), little);
  read(frames[1].substr(5'000));
  EXPECT_EQ(offered(in), little);  // the next may be as large
  read(frames[2]);
  EXPECT_EQ(offered(in), kBulkBlock);  // it was not
  read(frames[3].substr(0, 10));
  EXPECT_EQ(offered(in), little);
  read(frames[3].substr(10) + frames[4]);
  EXPECT_EQ(offered(in), kBulkBlock);
  EXPECT_TRUE(reader.done());
  reader.expect_shared_intact();
}

TEST(InputBuffer, OneLargeFrameDoesNotMakeTheReadsOfThoseBehindItSmall) {
  const auto frames = frames_of({200'000, 30'000, 30'000});
  InputBuffer in;
  in.read_in_bulk();
  Reader reader(frames);
  const auto drain = [&] { reader.drain(in); };
  std::string_view large = frames[0];
  while (!large.empty()) read_into(in, large, 100'000, drain);
  std::string_view first_part = std::string_view(frames[1]).substr(0, offered(in));
  ASSERT_LT(first_part.size(), frames[1].size());
  read_into(in, first_part, 1'000'000, drain);
  EXPECT_EQ(offered(in), kBulkBlock);
}

TEST(InputBuffer, AFrameThatIsReadWholeIsNotCopied) {
  const std::string frame = frame_of(10'000, 1);
  InputBuffer in;
  std::string_view left = frame;
  const char* scratch = scratch_block()->data();
  const char* seen = nullptr;
  read_into(in, left, 64 * 1024, [&] {
    seen = in.view().data();
    in.consume(in.view().size());
  });
  EXPECT_EQ(seen, scratch);
}

TEST(InputBuffer, HoldsNoMemoryBetweenFrames) {
  InputBuffer in;
  const Block* scratch = scratch_block().get();
  in.feed(frame_of(100, 1), [&] { in.consume(in.view().size()); });
  EXPECT_EQ(scratch_block().get(), scratch);  // nobody else holds it: it is used again
  EXPECT_TRUE(in.view().empty());
}

TEST(InputBuffer, AnUnfinishedFrameDoesNotHoldTheScratchBlock) {
  InputBuffer in;
  const Block* scratch = scratch_block().get();
  in.feed("ab", [&] { in.expect(24); });
  EXPECT_EQ(scratch_block().get(), scratch);
  EXPECT_EQ(in.view(), "ab");
}

TEST(InputBuffer, ScratchThatIsSharedIsLeftToWhoSharesIt) {
  InputBuffer in;
  Slice kept;
  in.feed("first", [&] {
    kept = in.share(in.view());
    in.consume(5);
  });
  in.feed("other", [&] { in.consume(5); });
  EXPECT_EQ(std::string_view(kept.data, kept.size), "first");
}

TEST(InputBuffer, ClearDropsEverything) {
  InputBuffer in;
  in.feed("half a frame", [&] { in.expect(100); });
  in.clear();
  EXPECT_TRUE(in.view().empty());
  std::string seen;
  in.feed("new", [&] {
    seen = in.view();
    in.consume(seen.size());
  });
  EXPECT_EQ(seen, "new");
}

}  // namespace
}  // namespace mctenant::base
