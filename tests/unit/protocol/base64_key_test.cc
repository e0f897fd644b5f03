#include "protocol/base64_key.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace mctenant::protocol {
namespace {

std::string encode(std::string_view key) {
  std::string text(base64_size(key.size()), '?');
  EXPECT_EQ(encode_base64_key(key, text.data()), text.data() + text.size());
  return text;
}

TEST(Base64Key, IsWhatTheStandardSays) {
  const std::map<std::string, std::string> samples{
      {"f", "Zg=="},         {"fo", "Zm8="},         {"foo", "Zm9v"},          {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}, {"\xfb\xf0", "+/A="}};
  for (const auto& [key, text] : samples) {
    EXPECT_EQ(encode(key), text);
    KeyBuffer buffer;
    EXPECT_EQ(decode_base64_key(text, buffer), key);
  }
}

TEST(Base64Key, WhatIsNoneIsNotDecoded) {
  KeyBuffer buffer;
  for (const std::string text :
       {"", "Z", "Zg", "Zg=", "****", "Zm9v*mFy", "=m9v", "Z===", "Zm9v\n", "Zg=x", "Zm9vZg"})
    EXPECT_FALSE(decode_base64_key(text, buffer)) << text;
  EXPECT_FALSE(decode_base64_key(std::string(400, 'A'), buffer));
}

// As memcached does it.
TEST(Base64Key, BehindPaddingAllIsIgnored) {
  KeyBuffer buffer;
  EXPECT_EQ(decode_base64_key("YQ==YQ==", buffer), "a");
  EXPECT_EQ(decode_base64_key("YR==", buffer), "a");
}

TEST(Base64Key, AnyBytesComeBack) {
  std::minstd_rand random(1);
  for (size_t size = 1; size <= KeyBuffer().size(); ++size) {
    std::string key(size, '\0');
    for (char& byte : key) byte = static_cast<char>(random() >> 8);
    KeyBuffer buffer;
    ASSERT_EQ(decode_base64_key(encode(key), buffer), key);
  }
}

}  // namespace
}  // namespace mctenant::protocol
