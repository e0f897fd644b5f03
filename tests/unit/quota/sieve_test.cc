#include "quota/sieve.h"

#include <gtest/gtest.h>

#include <string>

namespace mctenant::quota {
namespace {

class SieveTest : public testing::Test {
 protected:
  EntryRef add(const std::string& key) {
    const EntryRef ref = arena.make(key);
    sieve.insert(arena, ref);
    return ref;
  }
  void visit(EntryRef ref) { arena[ref].set(Entry::visited, true); }
  std::string take() {
    const EntryRef ref = sieve.take(arena);
    return ref == 0 ? "none" : std::string(arena[ref].key());
  }
  std::string take_all() {
    std::string all;
    for (std::string one = take(); one != "none"; one = take()) all += one;
    return all;
  }

  EntryArena arena;
  Sieve sieve;
};

TEST_F(SieveTest, AnEmptyOneHasNothingToTake) { EXPECT_EQ(take(), "none"); }

TEST_F(SieveTest, TakesWhatWasNeverReadInTheOrderInWhichItCame) {
  for (const char* key : {"a", "b", "c", "d"}) add(key);
  EXPECT_EQ(take_all(), "abcd");
  EXPECT_EQ(take(), "none");
  add("e");
  EXPECT_EQ(take_all(), "e");
}

TEST_F(SieveTest, SparesOnceWhatWasReadAndGoesOnFromThere) {
  const EntryRef a = add("a");
  add("b");
  const EntryRef c = add("c");
  add("d");
  visit(a);
  visit(c);
  EXPECT_EQ(take(), "b");
  EXPECT_FALSE(arena[a].is(Entry::visited));
  EXPECT_EQ(take(), "d");  // c was spared on the way
  EXPECT_EQ(take(), "a");  // round again
  EXPECT_EQ(take(), "c");
}

TEST_F(SieveTest, WhatComesNewIsBehindTheHandThatGoesToTheNewest) {
  add("a");
  add("b");
  add("c");
  EXPECT_EQ(take(), "a");
  const EntryRef d = add("d");
  visit(d);
  EXPECT_EQ(take(), "b");
  EXPECT_EQ(take(), "c");
  EXPECT_EQ(take(), "d");
}

TEST_F(SieveTest, AllReadAreSparedForOneRound) {
  for (const char* key : {"a", "b", "c"}) visit(add(key));
  EXPECT_EQ(take_all(), "abc");
}

TEST_F(SieveTest, TheHandGoesOnWhenItsEntryIsErased) {
  add("a");
  const EntryRef b = add("b");
  add("c");
  EXPECT_EQ(take(), "a");  // the hand is at b
  sieve.erase(arena, b);
  EXPECT_EQ(take(), "c");
}

TEST_F(SieveTest, TheHandBeginsAgainWhenTheNewestIsErasedUnderIt) {
  const EntryRef a = add("a");
  add("b");
  const EntryRef c = add("c");
  visit(a);
  EXPECT_EQ(take(), "b");  // the hand is at c
  sieve.erase(arena, c);
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(take(), "none");
}

TEST_F(SieveTest, ErasesInAnyPlace) {
  const EntryRef a = add("a");
  const EntryRef b = add("b");
  const EntryRef c = add("c");
  const EntryRef d = add("d");
  sieve.erase(arena, a);
  sieve.erase(arena, c);
  EXPECT_FALSE(arena[a].is(Entry::ranked));
  EXPECT_TRUE(arena[b].is(Entry::ranked));
  sieve.erase(arena, d);
  EXPECT_EQ(take_all(), "b");
}

TEST_F(SieveTest, WhatIsTakenIsOutOfTheOrder) {
  const EntryRef a = add("a");
  ASSERT_EQ(sieve.take(arena), a);
  EXPECT_FALSE(arena[a].is(Entry::ranked));
  sieve.insert(arena, a);
  EXPECT_TRUE(arena[a].is(Entry::ranked));
  EXPECT_EQ(take(), "a");
}

TEST_F(SieveTest, LooksAtABoundedNumberOfHotEntries) {
  std::vector<EntryRef> refs;
  for (int i = 0; i < 1000; ++i) {
    refs.push_back(add(std::to_string(i)));
    visit(refs.back());
  }
  EXPECT_EQ(take(), "256");
  EXPECT_FALSE(arena[refs[255]].is(Entry::visited));
  EXPECT_TRUE(arena[refs[257]].is(Entry::visited));
}

}  // namespace
}  // namespace mctenant::quota
