#include "base/units.h"

#include <gtest/gtest.h>

namespace mctenant::base {
namespace {

using namespace std::chrono_literals;

TEST(Units, SizesAreRead) {
  EXPECT_EQ(parse_byte_size("0"), 0U);
  EXPECT_EQ(parse_byte_size("1048576"), kMiB);
  EXPECT_EQ(parse_byte_size("7B"), 7U);
  EXPECT_EQ(parse_byte_size("64KiB"), 64 * kKiB);
  EXPECT_EQ(parse_byte_size("25MiB"), 25 * kMiB);
  EXPECT_EQ(parse_byte_size("3GiB"), 3 * kGiB);
  EXPECT_EQ(parse_byte_size("2TiB"), 2048 * kGiB);
  EXPECT_EQ(parse_byte_size("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_byte_size("16777215TiB"), 16777215 * (1024 * kGiB));
}

TEST(Units, WhatIsNoSizeIsRefusedAndRepeated) {
  for (const char* text : {"", "MiB", "-1", "+1", " 1", "1 MiB", "1.5MiB", "1MB", "1mib", "0x10", "1MiB ",
                           "18446744073709551616", "16777216TiB", "18014398509481984KiB"}) {
    const auto size = parse_byte_size(text);
    ASSERT_FALSE(size.has_value()) << text;
    EXPECT_NE(size.error().message.find('"' + std::string(text) + '"'), std::string::npos);
  }
}

TEST(Units, SizesAreWrittenInTheLargestWholeUnit) {
  EXPECT_EQ(format_byte_size(0), "0B");
  EXPECT_EQ(format_byte_size(1023), "1023B");
  EXPECT_EQ(format_byte_size(26'214'400), "25MiB");
  EXPECT_EQ(format_byte_size(kMiB + 1), "1048577B");
  EXPECT_EQ(format_byte_size(1536), "1536B");
  EXPECT_EQ(format_byte_size(5 * 1024 * kGiB), "5TiB");
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, kKiB, 3 * kMiB, kGiB + 1, UINT64_MAX}) {
    EXPECT_EQ(parse_byte_size(format_byte_size(size)), size);
  }
}

TEST(Units, DurationsAreRead) {
  EXPECT_EQ(parse_duration("0s"), 0ns);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("5s"), 5s);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("12h"), 12h);
  EXPECT_EQ(parse_duration("30d"), 720h);
}

TEST(Units, WhatIsNoDurationIsRefused) {
  for (const char* text :
       {"", "5", "s", "-5s", "5 s", "5us", "1.5s", "5S", "5sec", "106752d", "9223372037s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(Units, DurationsAreWritten) {
  EXPECT_EQ(format_duration(0s), "0ms");
  EXPECT_EQ(format_duration(250ms), "250ms");
  EXPECT_EQ(format_duration(1000ms), "1s");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(120s), "2m");
  EXPECT_EQ(format_duration(720h), "30d");
}

}  // namespace
}  // namespace mctenant::base
