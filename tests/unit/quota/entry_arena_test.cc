#include "quota/entry_arena.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace mctenant::quota {
namespace {

TEST(EntryArena, KeepsKeysOfEveryLength) {
  EntryArena arena;
  std::vector<EntryRef> refs;
  for (size_t length = 1; length <= 250; ++length) {
    refs.push_back(arena.make(std::string(length, static_cast<char>('a' + length % 26))));
  }
  for (size_t length = 1; length <= 250; ++length) {
    EXPECT_EQ(arena[refs[length - 1]].key(), std::string(length, static_cast<char>('a' + length % 26)));
  }
}

TEST(EntryArena, AnEntryIsEmptyAndNeverNowhere) {
  EntryArena arena;
  const EntryRef ref = arena.make("key");
  ASSERT_NE(ref, 0U);
  const Entry& entry = arena[ref];
  EXPECT_EQ(entry.cas, 0U);
  EXPECT_EQ(entry.chain, 0U);
  EXPECT_EQ(entry.size, 0U);
  EXPECT_EQ(entry.expiry, 0U);
  EXPECT_EQ(entry.bits, 0U);
}

TEST(EntryArena, GivesWhatWasDroppedToAKeyOfAboutThatLengthAndClean) {
  EntryArena arena;
  const EntryRef first = arena.make("a key of 20 bytes...");
  arena[first].cas = 7;
  arena[first].set(Entry::uncertain, true);
  arena.drop(first);
  const EntryRef again = arena.make("another of 19 bytes");
  EXPECT_EQ(again, first);
  EXPECT_EQ(arena[again].cas, 0U);
  EXPECT_FALSE(arena[again].is(Entry::uncertain));
  EXPECT_EQ(arena[again].key(), "another of 19 bytes");
}

TEST(EntryArena, DoesNotGiveADroppedEntryToALongerKey) {
  EntryArena arena;
  const EntryRef small = arena.make("k");
  arena.drop(small);
  EXPECT_NE(arena.make(std::string(100, 'k')), small);
}

TEST(EntryArena, EntriesStayWhereTheyAreAndDontMeet) {
  EntryArena arena;
  std::vector<EntryRef> refs;
  std::vector<const Entry*> places;
  for (int i = 0; i < 20'000; ++i) {
    refs.push_back(arena.make("key number " + std::to_string(i)));
    places.push_back(&arena[refs.back()]);
  }
  EXPECT_EQ(std::set<EntryRef>(refs.begin(), refs.end()).size(), refs.size());
  for (size_t i = 0; i < refs.size(); ++i) {
    EXPECT_EQ(&arena[refs[i]], places[i]);
    EXPECT_EQ(arena[refs[i]].key(), "key number " + std::to_string(i));
  }
}

TEST(EntryArena, TellsItsMemoryAndDoesNotGrowWhileEntriesComeAndGo) {
  EntryArena arena;
  for (int i = 0; i < 1000; ++i) arena.drop(arena.make("a key of 32 bytes, as many are ."));
  const size_t before = arena.memory();
  for (int i = 0; i < 10'000; ++i) arena.drop(arena.make("a key of 32 bytes, as many are ."));
  EXPECT_EQ(arena.memory(), before);
  for (int i = 0; i < 100'000; ++i) (void)arena.make("a key of 32 bytes, as many are .");
  EXPECT_GE(arena.memory(), before + 100'000 * (46 + 32));
  EXPECT_LE(arena.memory(), before + 100'000 * (46 + 32) * 11 / 10 + 4 * 1024 * 1024);
}

}  // namespace
}  // namespace mctenant::quota
