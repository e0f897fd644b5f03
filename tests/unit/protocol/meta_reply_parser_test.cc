#include "protocol/meta_reply_parser.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace mctenant::protocol {
namespace {

using Outcome = MetaReply::Outcome;

constexpr size_t kMaxValue = 1 << 20;

// A reply that a server gives to a command, and what it means.
struct Sample {
  Command command;
  std::string bytes;
  Status status;
  uint64_t cas = 0;
  uint32_t flags = 0;
  uint64_t number = 0;
  std::string value = {};
  int64_t expiry = -1;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all{
      {Command::get, "VA 3 f5 c1\r\nabc\r\n", Status::ok, 1, 5, 0, "abc"},
      {Command::get, "VA 0 f0 c18446744073709551615\r\n\r\n", Status::ok, UINT64_MAX, 0, 0, ""},
      {Command::get, "VA 7 f4294967295 c2\r\nEN\r\nHD \r\n", Status::ok, 2, UINT32_MAX, 0, "EN\r\nHD "},
      {Command::get, "VA 3 f5 c1 s3 t-1 ka:k O9\r\nabc\r\n", Status::ok, 1, 5, 3, "abc"},
      {Command::get, "EN\r\n", Status::not_found},
      {Command::get, "SERVER_ERROR out of memory writing get response\r\n", Status::out_of_memory},
      {Command::get_and_touch, "VA 4 f5 c2\r\nabcd\r\n", Status::ok, 2, 5, 0, "abcd"},
      {Command::get_and_touch, "VA 4 f5 c2 t100\r\nabcd\r\n", Status::ok, 2, 5, 0, "abcd", 100},
      {Command::get_and_touch, "VA 4 f5 c2 t-6\r\nabcd\r\n", Status::ok, 2, 5, 0, "abcd", 0},
      {Command::get_and_touch, "EN\r\n", Status::not_found},
      {Command::touch, "HD c7\r\n", Status::ok, 7},
      {Command::touch, "HD\r\n", Status::ok},
      {Command::touch, "EN\r\n", Status::not_found},
      {Command::probe, "HD s3 c1 f0\r\n", Status::ok, 1, 0, 3},
      {Command::probe, "HD s3 c1 f9\r\n", Status::ok, 1, 9, 3},
      {Command::probe, "EN\r\n", Status::not_found},
      {Command::meta_get, "HD s3 c1 f9\r\n", Status::ok, 1, 9, 3},
      {Command::meta_get, "VA 3 f5 c1 t20 Z X W\r\nabc\r\n", Status::ok, 1, 5, 0, "abc", 20},
      {Command::meta_get, "EN\r\n", Status::not_found},
      {Command::meta_get_and_touch, "HD s0 c4 f0 t30 W\r\n", Status::ok, 4, 0, 0, "", 30},
      {Command::meta_get_and_touch, "EN\r\n", Status::not_found},
      {Command::describe, "ME K exp=-100 la=3 cas=49 fetch=no cls=1 size=66\r\n", Status::ok, 49, 0, 66,
       "exp=-100 la=3 cas=49 fetch=no cls=1", 100},
      {Command::describe, "ME K exp=-1 la=3 cas=49 fetch=no cls=1 size=66\r\n", Status::ok, 49, 0, 66,
       "exp=-1 la=3 cas=49 fetch=no cls=1", -1},
      {Command::describe, "ME K exp=5 la=3 cas=49 fetch=no cls=1 size=66\r\n", Status::ok, 49, 0, 66,
       "exp=5 la=3 cas=49 fetch=no cls=1", 0},
      {Command::describe, "EN\r\n", Status::not_found},
      // As 1.6.18 says it, as 1.6.24 does, and as one to come may.
      {Command::set, "HD c1\r\n", Status::ok, 1},
      {Command::set, "EX c0\r\n", Status::exists},
      {Command::set, "NF c0\r\n", Status::not_found},
      {Command::set, "NS c0\r\n", Status::not_stored},
      {Command::set, "SERVER_ERROR object too large for cache\r\n", Status::too_large},
      {Command::set, "SERVER_ERROR out of memory storing object\r\n", Status::out_of_memory},
      {Command::set, "SERVER_ERROR Out of memory allocating new item\r\n", Status::out_of_memory},
      {Command::set, "SERVER_ERROR something new\r\n", Status::temporary_failure},
      {Command::add, "HD c4\r\n", Status::ok, 4},
      {Command::add, "NS c0\r\n", Status::exists},
      {Command::replace, "HD c5\r\n", Status::ok, 5},
      {Command::replace, "NS c0\r\n", Status::not_found},
      {Command::append, "HD c2\r\n", Status::ok, 2},
      {Command::append, "NS c0\r\n", Status::not_stored},
      {Command::append, "EX c0\r\n", Status::exists},
      {Command::append, "NF c0\r\n", Status::not_stored},
      {Command::prepend, "NS\r\n", Status::not_stored},
      {Command::remove, "HD\r\n", Status::ok},
      {Command::remove, "NF\r\n", Status::not_found},
      {Command::remove, "EX\r\n", Status::exists},
      {Command::increment, "VA 2 c3\r\n10\r\n", Status::ok, 3, 0, 10, "10"},
      {Command::increment, "VA 2 c3 t-1\r\n10\r\n", Status::ok, 3, 0, 10, "10"},
      {Command::increment, "VA 20 c3\r\n18446744073709551615\r\n", Status::ok, 3, 0, UINT64_MAX,
       "18446744073709551615"},
      {Command::decrement, "VA 1 c5\r\n0\r\n", Status::ok, 5, 0, 0, "0"},
      {Command::increment, "NF\r\n", Status::not_found},
      {Command::decrement, "EX\r\n", Status::exists},
      {Command::increment, "NS\r\n", Status::not_stored},
      {Command::increment, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
       Status::non_numeric},
  };
  return all;
}

// Each prefix stands alone on the heap, so that the address sanitizer sees a read past its end.
MetaReply parse(Command command, const std::string& bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  MetaReply found = parse_meta_reply(command, {exact.empty() ? "" : exact.data(), exact.size()}, kMaxValue);
  found.reply.value = {};
  return found;
}

TEST(MetaReplyParser, EveryReplyMeansWhatItSays) {
  for (const Sample& sample : samples()) {
    const std::string bytes = sample.bytes + "HD c99\r\n";  // what follows is not touched
    const MetaReply found = parse_meta_reply(sample.command, bytes, kMaxValue);
    ASSERT_EQ(found.outcome, Outcome::reply) << sample.bytes;
    EXPECT_EQ(found.consumed, sample.bytes.size()) << sample.bytes;
    EXPECT_EQ(found.reply.status, sample.status) << sample.bytes;
    EXPECT_EQ(found.reply.cas, sample.cas) << sample.bytes;
    EXPECT_EQ(found.reply.flags, sample.flags) << sample.bytes;
    EXPECT_EQ(found.reply.number, sample.number) << sample.bytes;
    EXPECT_EQ(found.reply.expiry, sample.expiry) << sample.bytes;
    EXPECT_EQ(std::string_view(found.reply.value.data, found.reply.value.size), sample.value) << sample.bytes;
  }
}

TEST(MetaReplyParser, APartOfTheValueMayBeElsewhere) {
  const std::string line = "VA 10 f7 c5\r\n";
  const std::string bytes = line + "abc\r\nHD\r\n";
  const MetaReply found = parse_meta_reply(Command::get, bytes, kMaxValue, 7);
  ASSERT_EQ(found.outcome, Outcome::reply);
  EXPECT_EQ(found.consumed, line.size() + 5);
  EXPECT_EQ(std::string_view(found.reply.value.data, found.reply.value.size), "abc");
  EXPECT_EQ(found.reply.flags, 7U);
  const MetaReply more = parse_meta_reply(Command::get, line + "abc", kMaxValue, 7);
  EXPECT_EQ(more.outcome, Outcome::incomplete);
  EXPECT_EQ(more.needed, line.size() + 3 + kBehindValue);
  EXPECT_EQ(parse_meta_reply(Command::get, bytes, kMaxValue, 6).outcome, Outcome::broken);
  EXPECT_EQ(parse_meta_reply(Command::get, bytes, kMaxValue, 11).outcome, Outcome::broken);
  EXPECT_EQ(parse_meta_reply(Command::increment, "VA 2\r\n1\r\n", kMaxValue, 1).outcome, Outcome::broken);
}

TEST(MetaReplyParser, EveryPrefixIsIncompleteAndAsksForMore) {
  for (const Sample& sample : samples()) {
    for (size_t size = 0; size < sample.bytes.size(); ++size) {
      const MetaReply found = parse(sample.command, sample.bytes.substr(0, size));
      ASSERT_EQ(found.outcome, Outcome::incomplete) << sample.bytes << " " << size;
      EXPECT_GT(found.needed, size);
      EXPECT_LE(found.needed, sample.bytes.size());
    }
  }
}

TEST(MetaReplyParser, AValueIsAskedForWhole) {
  const MetaReply found = parse(Command::get, "VA 1000000 f0 c1\r\nabc");
  EXPECT_EQ(found.outcome, Outcome::incomplete);
  EXPECT_EQ(found.needed, 18U + 1'000'000 + 2);
}

TEST(MetaReplyParser, AnAnswerToAnotherCommandIsBroken) {
  const std::vector<std::pair<Command, std::string>> wrong{
      {Command::get, "HD c1\r\n"},
      {Command::get, "NF\r\n"},
      {Command::get, "NS\r\n"},
      {Command::get, "EX\r\n"},
      {Command::touch, "VA 1 c1\r\nx\r\n"},
      {Command::touch, "NF\r\n"},
      {Command::probe, "VA 1 c1\r\nx\r\n"},
      {Command::probe, "NS\r\n"},
      {Command::probe, "ME k exp=-1 la=1 cas=2 fetch=no cls=1 size=63\r\n"},
      {Command::set, "EN\r\n"},
      {Command::set, "VA 1 c1\r\nx\r\n"},
      {Command::remove, "EN\r\n"},
      {Command::remove, "NS\r\n"},
      {Command::increment, "HD c1\r\n"},
      {Command::set, "MN\r\n"},
      {Command::set, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
  };
  for (const auto& [command, bytes] : wrong)
    EXPECT_EQ(parse(command, bytes).outcome, Outcome::broken) << bytes;
}

TEST(MetaReplyParser, GarbageIsBroken) {
  const std::vector<std::string> garbage{
      "\r\n",
      "\n",
      "H\r\n",
      "HD c1\n",
      "hd c1\r\n",
      "HDc1\r\n",
      "HD cx\r\n",
      "HD c\r\n",
      "HD c-1\r\n",
      "HD c18446744073709551616\r\n",
      "HD f4294967296\r\n",
      "HD s1x\r\n",
      "XX\r\n",
      "ERROR\r\n",
      "CLIENT_ERROR bad command line format\r\n",
      "CLIENT_ERROR invalid flag\r\n",
      "SERVER_ERROR\r\n",
      "VALUE k 0 3\r\n",
      "STORED\r\n",
      "END\r\n",
      std::string("\x81\0\0\0\0\0\0\0\n", 9),
      std::string(kMaxReplyLine, 'x'),
      std::string(kMaxReplyLine, 'x') + "\r\n",
      "HD " + std::string(kMaxReplyLine, ' '),
  };
  for (const std::string& bytes : garbage) {
    EXPECT_EQ(parse(Command::set, bytes).outcome, Outcome::broken) << bytes.substr(0, 40);
  }
}

TEST(MetaReplyParser, AValueOfAWrongShapeIsBroken) {
  const std::vector<std::string> wrong{
      "VA\r\n",
      "VA \r\n",
      "VA x\r\nabc\r\n",
      "VA -1 c1\r\n",
      "VA 3c1\r\nabc\r\n",
      "VA 3 c1\r\nabcd\r\n",
      "VA 3 c1\r\nabc\n\r",
      "VA 1048577 c1\r\n",
      "VA 18446744073709551615 c1\r\n",
      "VA 18446744073709551616 c1\r\n",
      "VA 99999999999999999999999 c1\r\n",
  };
  for (const std::string& bytes : wrong)
    EXPECT_EQ(parse(Command::get, bytes).outcome, Outcome::broken) << bytes;
  for (const char* bytes : {"VA 1 c1\r\nx\r\n", "VA 0 c1\r\n\r\n", "VA 21 c1\r\n999999999999999999999\r\n"}) {
    EXPECT_EQ(parse(Command::increment, bytes).outcome, Outcome::broken) << bytes;
  }
}

TEST(MetaReplyParser, TheLongestValueIsTaken) {
  const std::string value(kMaxValue, 'v');
  const std::string bytes = "VA " + std::to_string(kMaxValue) + " f0 c1\r\n" + value + "\r\n";
  const MetaReply found = parse_meta_reply(Command::get, bytes, kMaxValue);
  EXPECT_EQ(found.outcome, Outcome::reply);
  EXPECT_EQ(found.reply.value.size, kMaxValue);
}

TEST(MetaReplyParser, MutatedRepliesAreReadOrRefusedButNeverMisread) {
  for (const Sample& sample : samples()) {
    for (uint32_t seed = 1; seed <= 300; ++seed) {
      std::minstd_rand random(seed);
      std::string bytes = sample.bytes;
      for (uint32_t i = 0; i <= seed % 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
      bytes.resize(1 + random() % bytes.size());
      const MetaReply found = parse(sample.command, bytes);
      if (found.outcome == Outcome::incomplete) {
        EXPECT_GT(found.needed, bytes.size());
      }
      if (found.outcome == Outcome::reply) {
        EXPECT_LE(found.consumed, bytes.size());
        EXPECT_EQ(bytes[found.consumed - 1], '\n');
      }
    }
  }
}

}  // namespace
}  // namespace mctenant::protocol
