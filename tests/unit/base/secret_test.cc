#include "base/secret.h"

#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <set>

namespace mctenant::base {
namespace {

TEST(Secret, EqualMeansSameLengthAndBytes) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secreT"));
  EXPECT_FALSE(equal_in_constant_time("secret", "Secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secret2"));
  EXPECT_FALSE(equal_in_constant_time("", "s"));
  EXPECT_FALSE(equal_in_constant_time(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

TEST(Secret, WipeOverwrites) {
  std::array<char, 6> bytes{'s', 'e', 'c', 'r', 'e', 't'};
  wipe(bytes.data(), bytes.size());
  for (const char byte : bytes) EXPECT_EQ(byte, 0);
  std::string text = "a secret";
  wipe(text);
  EXPECT_TRUE(text.empty());
}

TEST(Secret, RandomTextIsOfTheAlphabetAndNeverTheSame) {
  std::set<std::string> seen;
  std::set<char> letters;
  for (int i = 0; i < 100; ++i) {
    const std::string text = random_alphanumeric(24);
    ASSERT_EQ(text.size(), 24U);
    for (const char letter : text) {
      ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(letter)));
      letters.insert(letter);
    }
    seen.insert(text);
  }
  EXPECT_EQ(seen.size(), 100U);
  EXPECT_EQ(letters.size(), 62U);  // 2,400 letters miss one with a probability under 1e-14
  EXPECT_EQ(random_alphanumeric(0), "");
}

TEST(Secret, RandomBytesFillEverything) {
  // Each byte is other than 0 in some of the rounds.
  std::array<char, 1000> seen{};
  for (int round = 0; round < 8; ++round) {
    std::array<char, 1000> bytes{};
    random_bytes(bytes.data(), bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) seen[i] = static_cast<char>(seen[i] | bytes[i]);
  }
  for (const char byte : seen) EXPECT_NE(byte, 0);
}

}  // namespace
}  // namespace mctenant::base
