#include "quota/key_table.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace mctenant::quota {
namespace {

KeyHash mixed(uint64_t seed, std::string_view key) {
  return (std::hash<std::string_view>{}(key) + seed) * 0x9e3779b97f4a7c15U;
}
// All keys meet in one chain.
KeyHash constant(uint64_t /*seed*/, std::string_view /*key*/) { return 5; }

class KeyTableTest : public testing::Test {
 protected:
  EntryRef insert(KeyTable& table, const std::string& key) {
    const EntryRef ref = arena.make(key);
    table.insert(arena, table.hash(key), ref);
    return ref;
  }
  EntryRef find(const KeyTable& table, const std::string& key) {
    return table.find(arena, table.hash(key), key);
  }
  void erase(KeyTable& table, const std::string& key) {
    const EntryRef ref = find(table, key);
    table.erase(arena, table.hash(key), ref);
    arena.drop(ref);
  }

  EntryArena arena;
};

TEST_F(KeyTableTest, AnEmptyOneFindsNothing) {
  const KeyTable table(1, mixed);
  EXPECT_EQ(find(table, "key"), 0U);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.buckets(), 0U);
}

TEST_F(KeyTableTest, GrowsByTwoBucketsAnInsertionAtMost) {
  KeyTable table(1, mixed);
  for (int i = 0; i < 5000; ++i) {
    const uint32_t before = table.buckets();
    insert(table, std::to_string(i));
    EXPECT_LE(table.buckets(), before + 2);
    EXPECT_GE(table.buckets(), (table.size() - 1) * 5 / 3);
  }
  for (int i = 0; i < 5000; ++i) EXPECT_NE(find(table, std::to_string(i)), 0U) << i;
}

TEST_F(KeyTableTest, FindsAMillionKeysAndNoOthers) {
  KeyTable table(1, mixed);
  std::vector<EntryRef> refs;
  for (int i = 0; i < 1'000'000; ++i) refs.push_back(insert(table, std::to_string(i)));
  ASSERT_EQ(table.size(), 1'000'000U);
  for (int i = 0; i < 1'000'000; ++i) {
    ASSERT_EQ(find(table, std::to_string(i)), refs[static_cast<size_t>(i)]) << i;
  }
  for (int i = 1'000'000; i < 1'010'000; ++i) ASSERT_EQ(find(table, std::to_string(i)), 0U) << i;
  for (int i = 0; i < 1'000'000; i += 2) erase(table, std::to_string(i));
  ASSERT_EQ(table.size(), 500'000U);
  for (int i = 0; i < 1'000'000; ++i) {
    ASSERT_EQ(find(table, std::to_string(i)), i % 2 == 0 ? 0 : refs[static_cast<size_t>(i)]) << i;
  }
  EXPECT_LE(table.memory(), size_t{1'000'000} * 4 * 3);
}

TEST_F(KeyTableTest, KeysOfOneHashAreToldApartWhereverTheyStandInTheChain) {
  KeyTable table(1, constant);
  for (const char* key : {"first", "second", "third", "fourth"}) insert(table, key);
  for (const char* key : {"third", "fourth", "first", "second"}) {
    EXPECT_NE(find(table, key), 0U);
    erase(table, key);
    EXPECT_EQ(find(table, key), 0U);
  }
  EXPECT_EQ(table.size(), 0U);
}

TEST_F(KeyTableTest, HashesWithItsSeed) {
  const KeyTable one(1, mixed);
  const KeyTable other(2, mixed);
  EXPECT_NE(one.hash("key"), other.hash("key"));
}

TEST_F(KeyTableTest, AWalkMeetsAllKeysThatWereThereWhileOthersAreInserted) {
  KeyTable table(1, mixed);
  std::set<std::string> wanted;
  for (int i = 0; i < 3000; ++i) {
    wanted.insert("old " + std::to_string(i));
    insert(table, "old " + std::to_string(i));
  }
  int more = 0;
  for (uint32_t bucket = 0; bucket < table.buckets(); ++bucket) {
    for (EntryRef ref = table.bucket(bucket); ref != 0; ref = arena[ref].chain) {
      wanted.erase(std::string(arena[ref].key()));
    }
    if (more < 4000) insert(table, "new " + std::to_string(more++));
  }
  EXPECT_GE(more, 3000);
  EXPECT_TRUE(wanted.empty()) << *wanted.begin() << " and " << wanted.size() - 1 << " more";
}

}  // namespace
}  // namespace mctenant::quota
