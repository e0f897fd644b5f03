#include "auth/remembered.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace mctenant::auth {
namespace {

// Remembered never looks inside a verifier, so this one needs no PBKDF2.
Verifier some_verifier(char fill = 'a') {
  Verifier verifier;
  verifier.salt.assign(16, fill);
  verifier.stored_key.fill(static_cast<uint8_t>(fill));
  verifier.server_key.fill(static_cast<uint8_t>(fill));
  return verifier;
}

bool contains(Remembered& remembered, std::string_view username, const Verifier& verifier,
              std::string_view password) {
  return remembered.contains(remembered.digest(username, verifier, password));
}

void add(Remembered& remembered, std::string_view username, const Verifier& verifier,
         std::string_view password) {
  remembered.add(remembered.digest(username, verifier, password));
}

TEST(RememberedTest, KnowsExactlyWhatWasAdded) {
  Remembered remembered(10);
  const Verifier verifier = some_verifier();
  EXPECT_FALSE(contains(remembered, "acme", verifier, "secret"));
  add(remembered, "acme", verifier, "secret");
  EXPECT_TRUE(contains(remembered, "acme", verifier, "secret"));
  EXPECT_FALSE(contains(remembered, "acme", verifier, "secret "));
  EXPECT_FALSE(contains(remembered, "acme", verifier, ""));
  EXPECT_FALSE(contains(remembered, "acm", verifier, "secret"));
}

TEST(RememberedTest, EveryPartOfTheVerifierCounts) {
  Remembered remembered(10);
  const Verifier verifier = some_verifier();
  add(remembered, "acme", verifier, "secret");
  Verifier changed = verifier;
  changed.salt.back() = 'b';
  EXPECT_FALSE(contains(remembered, "acme", changed, "secret"));
  changed = verifier;
  changed.stored_key.back() ^= 1;
  EXPECT_FALSE(contains(remembered, "acme", changed, "secret"));
  changed = verifier;
  changed.server_key.back() ^= 1;
  EXPECT_FALSE(contains(remembered, "acme", changed, "secret"));
  changed = verifier;
  changed.iterations += 1;
  EXPECT_FALSE(contains(remembered, "acme", changed, "secret"));
}

TEST(RememberedTest, FieldsDoNotRunIntoEachOther) {
  Remembered remembered(10);
  Verifier verifier = some_verifier();
  add(remembered, "ab", verifier, "c");
  EXPECT_FALSE(contains(remembered, "a", verifier, "bc"));
  EXPECT_FALSE(contains(remembered, "abc", verifier, ""));
  verifier.salt.pop_back();
  EXPECT_FALSE(contains(remembered, "aba", verifier, "c"));
}

TEST(RememberedTest, TheLongestUnusedIsForgottenFirst) {
  Remembered remembered(3);
  const Verifier verifier = some_verifier();
  for (const char* user : {"one", "two", "three"}) add(remembered, user, verifier, "secret");
  EXPECT_TRUE(contains(remembered, "one", verifier, "secret"));
  add(remembered, "four", verifier, "secret");
  EXPECT_EQ(remembered.size(), 3u);
  EXPECT_FALSE(contains(remembered, "two", verifier, "secret"));
  for (const char* user : {"one", "three", "four"})
    EXPECT_TRUE(contains(remembered, user, verifier, "secret"));
}

TEST(RememberedTest, NeverHoldsMoreThanItMay) {
  Remembered remembered(100);
  const Verifier verifier = some_verifier();
  for (int i = 0; i < 5000; ++i) {
    add(remembered, std::to_string(i), verifier, "secret");
    ASSERT_LE(remembered.size(), 100u);
  }
  for (int i = 4900; i < 5000; ++i) EXPECT_TRUE(contains(remembered, std::to_string(i), verifier, "secret"));
}

TEST(RememberedTest, AddingTwiceTakesOnePlace) {
  Remembered remembered(10);
  add(remembered, "acme", some_verifier(), "secret");
  add(remembered, "acme", some_verifier(), "secret");
  EXPECT_EQ(remembered.size(), 1u);
}

TEST(RememberedTest, WithoutCapacityNothingIsRemembered) {
  Remembered remembered(0);
  add(remembered, "acme", some_verifier(), "secret");
  EXPECT_EQ(remembered.size(), 0u);
  EXPECT_FALSE(contains(remembered, "acme", some_verifier(), "secret"));
}

TEST(RememberedTest, ManyThreadsShareIt) {
  Remembered remembered(50);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&remembered, t] {
      const Verifier verifier = some_verifier();
      for (int i = 0; i < 2000; ++i) {
        const std::string user = std::to_string((t * 31 + i) % 80);
        if (!contains(remembered, user, verifier, "secret")) add(remembered, user, verifier, "secret");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(remembered.size(), 50u);
}

}  // namespace
}  // namespace mctenant::auth
