#include "protocol/words.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace mctenant::protocol {
namespace {

TEST(Words, AreTakenOneByOne) {
  std::string_view line = "  one two   three=3 ";
  EXPECT_EQ(take_word(line), "one");
  EXPECT_EQ(take_word(line), "two");
  EXPECT_EQ(take_word(line), "three=3");
  EXPECT_EQ(take_word(line), "");
  EXPECT_EQ(take_word(line), "");
}

TEST(Words, AFieldEndsItsNameAtTheFirstEqualsSign) {
  EXPECT_EQ(field_of("a=b").name, "a");
  EXPECT_EQ(field_of("a=b").value, "b");
  EXPECT_EQ(field_of("a=b=c").value, "b=c");
  EXPECT_EQ(field_of("a=").value, "");
  EXPECT_EQ(field_of("a").name, "");
}

TEST(Words, ANumberIsAllOfItsText) {
  uint8_t number = 0;
  EXPECT_TRUE(read_number("255", number));
  EXPECT_EQ(number, 255);
  for (const char* text : {"", "256", "-1", "1x", " 1", "+1"})
    EXPECT_FALSE(read_number(text, number)) << text;
}

TEST(Words, AKeyOfEveryByteIsDecoded) {
  KeyBuffer buffer;
  std::string plain;
  std::string written;
  for (int byte = 0; byte < 250; ++byte) {
    static constexpr char kDigits[] = "0123456789aBcDeF";
    plain += static_cast<char>(byte);
    written += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  EXPECT_EQ(decode_key(written, buffer), plain);
  EXPECT_EQ(decode_key("a%3Ak%25~", buffer), "a:k%~");
  EXPECT_EQ(decode_key(std::string(250, 'k'), buffer), std::string(250, 'k'));
}

TEST(Words, WhatIsNoKeyIsRefused) {
  KeyBuffer buffer;
  for (const std::string& text :
       {std::string(), std::string(251, 'k'), std::string(249, 'k') + "%25k", std::string("%"),
        std::string("a%2"), std::string("%zz"), std::string("%2z"), std::string("%-1"), std::string("% 1"),
        std::string("%+1")}) {
    EXPECT_FALSE(decode_key(text, buffer).has_value()) << text;
  }
}

}  // namespace
}  // namespace mctenant::protocol
