#include "protocol/text_encoder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "protocol/text_commands.h"

namespace mctenant::protocol {
namespace {

std::string all_of(const base::OutputQueue& queue) {
  std::string bytes;
  iovec pieces[64];
  const int count = queue.gather(pieces, 64);
  for (int i = 0; i < count; ++i)
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return bytes;
}

const CommandRow& row_of(std::string_view verb, bool quiet = false) {
  return find_text_verb(verb)->row(quiet);
}

Reply ok(std::string_view value = "") {
  Reply reply;
  reply.status = Status::ok;
  reply.flags = 5;
  reply.cas = 77;
  reply.number = 42;
  reply.expiry = 30;
  reply.idle = 9;
  reply.value = {{}, value.data(), value.size()};
  return reply;
}

Reply failed(Status status) {
  Reply reply;
  reply.status = status;
  return reply;
}

std::string text(const CommandRow& row, const Reply& reply, KeyPlace place = {true, true},
                 std::string_view key = "key") {
  base::OutputQueue out;
  const size_t written = write_text_reply(row, place, key, reply, out);
  EXPECT_EQ(written, out.size());
  return all_of(out);
}

MetaReturn wanting(std::string_view letters, std::string_view opaque = "") {
  MetaReturn wanted{};
  for (const char letter : letters) {
    if (letter == 'v') {
      wanted.value = true;
    } else {
      wanted.add(letter);
    }
  }
  wanted.opaque_size = static_cast<uint8_t>(opaque.size());
  std::memcpy(wanted.opaque.data(), opaque.data(), opaque.size());
  return wanted;
}

std::string meta(Command command, const MetaReturn& wanted, const Reply& reply, bool quiet = false) {
  base::OutputQueue out;
  const size_t written = write_meta_reply(meta_row(command, quiet), wanted, "key", reply, out);
  EXPECT_EQ(written, out.size());
  return all_of(out);
}

TEST(TextEncoder, AHitIsALineAndTheValue) {
  EXPECT_EQ(text(row_of("get"), ok("value")), "VALUE key 5 5\r\nvalue\r\nEND\r\n");
  EXPECT_EQ(text(row_of("gets"), ok("value")), "VALUE key 5 5 77\r\nvalue\r\nEND\r\n");
  EXPECT_EQ(text(row_of("gat"), ok("")), "VALUE key 5 0\r\n\r\nEND\r\n");
  EXPECT_EQ(text(row_of("gats"), ok("v"), {false, false}), "VALUE key 5 1 77\r\nv\r\n");
}

TEST(TextEncoder, AMissIsNothingButTheEndOfTheLine) {
  const Reply miss = failed(Status::not_found);
  EXPECT_EQ(text(row_of("get"), miss), "END\r\n");
  EXPECT_EQ(text(row_of("get"), miss, {false, true}), "END\r\n");
  EXPECT_EQ(text(row_of("get"), miss, {false, false}), "");
}

TEST(TextEncoder, AKeyWhoseServerIsGoneFailsAloneAndMissesAmongOthers) {
  const Reply lost = failed(Status::temporary_failure);
  EXPECT_EQ(text(row_of("get"), lost), "SERVER_ERROR temporary failure\r\n");
  EXPECT_EQ(text(row_of("get"), lost, {false, false}), "");
  EXPECT_EQ(text(row_of("get"), lost, {false, true}), "END\r\n");
}

TEST(TextEncoder, TheWordsAreMemcacheds) {
  struct Sample {
    const char* verb;
    Status status;
    const char* words;
  };
  const Sample samples[] = {
      {"set", Status::ok, "STORED"},
      {"add", Status::ok, "STORED"},
      {"add", Status::exists, "NOT_STORED"},
      {"replace", Status::not_found, "NOT_STORED"},
      {"append", Status::not_stored, "NOT_STORED"},
      {"cas", Status::exists, "EXISTS"},
      {"cas", Status::not_found, "NOT_FOUND"},
      {"set", Status::too_large, "SERVER_ERROR object too large for cache"},
      {"set", Status::out_of_memory, "SERVER_ERROR out of memory storing object"},
      {"set", Status::temporary_failure, "SERVER_ERROR temporary failure"},
      {"delete", Status::ok, "DELETED"},
      {"delete", Status::not_found, "NOT_FOUND"},
      {"touch", Status::ok, "TOUCHED"},
      {"touch", Status::not_found, "NOT_FOUND"},
      {"incr", Status::ok, "42"},
      {"decr", Status::not_found, "NOT_FOUND"},
      {"incr", Status::non_numeric, "CLIENT_ERROR cannot increment or decrement non-numeric value"},
      {"incr", Status::out_of_memory, "SERVER_ERROR out of memory"},
      {"flush_all", Status::ok, "OK"},
      {"verbosity", Status::ok, "OK"},
      {"stats", Status::ok, "END"},
  };
  for (const Sample& sample : samples) {
    const Reply reply = sample.status == Status::ok ? ok() : failed(sample.status);
    EXPECT_EQ(text(row_of(sample.verb), reply), std::string(sample.words) + "\r\n") << sample.verb;
    EXPECT_EQ(text(row_of(sample.verb, sample.verb != std::string_view("stats")), reply),
              sample.verb == std::string_view("stats") ? "END\r\n" : "");
  }
  EXPECT_EQ(text(row_of("version"), ok("1.2.3")), "VERSION 1.2.3\r\n");
  EXPECT_EQ(text(end_row(), ok()), "END\r\n");
  EXPECT_EQ(text(text_sign_in_row(), ok()), "STORED\r\n");
  EXPECT_EQ(text(text_sign_in_row(), failed(Status::auth_error)), "CLIENT_ERROR authentication failure\r\n");
  EXPECT_EQ(text(refused_text_row(false), failed(Status::auth_error)), "CLIENT_ERROR unauthenticated\r\n");
  EXPECT_EQ(text(refused_text_row(false), failed(Status::unknown_command)), "ERROR\r\n");
  Reply worded = failed(Status::invalid);
  worded.value = {{}, "CLIENT_ERROR why", 16};
  EXPECT_EQ(text(refused_text_row(false), worded), "CLIENT_ERROR why\r\n");
  EXPECT_EQ(text(refused_text_row(true), worded), "");
}

TEST(TextEncoder, AMetaGetGivesBackWhatWasAskedForInThatOrder) {
  EXPECT_EQ(meta(Command::meta_get, wanting(""), ok()), "HD\r\n");
  EXPECT_EQ(meta(Command::meta_get, wanting("v"), ok("abc")), "VA 3\r\nabc\r\n");
  EXPECT_EQ(meta(Command::meta_get, wanting("tcOfkshl", "Oxyz"), ok()),
            "HD t30 c77 Oxyz f5 kkey s42 h0 l9\r\n");
  Reply marked = ok("abc");
  marked.won = marked.stale = marked.taken = marked.fetched = true;
  EXPECT_EQ(meta(Command::meta_get_and_touch, wanting("hv"), marked), "VA 3 h1 Z X W\r\nabc\r\n");
  Reply endless = ok();
  endless.expiry = -1;
  EXPECT_EQ(meta(Command::meta_get, wanting("t"), endless), "HD t-1\r\n");
  endless.expiry = 4294967233;  // as memcached writes what has just expired
  EXPECT_EQ(meta(Command::meta_get, wanting("t"), endless), "HD t4294967233\r\n");
}

TEST(TextEncoder, ABase64KeyIsGivenBackAsOne) {
  MetaReturn wanted = wanting("kO", "O1");
  wanted.base64 = true;
  EXPECT_EQ(meta(Command::meta_get, wanted, ok()), "HD ka2V5 b O1\r\n");
  EXPECT_EQ(meta(Command::meta_get, wanted, failed(Status::not_found)), "EN ka2V5 b O1\r\n");
}

TEST(TextEncoder, OtherMetaCommandsGiveBackWhatMemcachedGives) {
  const MetaReturn all = wanting("ctsfkO", "O1");
  EXPECT_EQ(meta(Command::set, all, ok()), "HD c77 kkey O1\r\n");
  EXPECT_EQ(meta(Command::set, all, failed(Status::exists)), "EX c0 kkey O1\r\n");
  EXPECT_EQ(meta(Command::add, all, failed(Status::exists)), "NS c0 kkey O1\r\n");
  EXPECT_EQ(meta(Command::replace, all, failed(Status::not_found)), "NS c0 kkey O1\r\n");
  EXPECT_EQ(meta(Command::append, all, failed(Status::not_stored)), "NS c0 kkey O1\r\n");
  MetaReturn conditional = all;
  conditional.conditional = true;
  EXPECT_EQ(meta(Command::replace, conditional, failed(Status::not_found)), "NF c0 kkey O1\r\n");
  EXPECT_EQ(meta(Command::set, conditional, failed(Status::not_found)), "NF c0 kkey O1\r\n");
  EXPECT_EQ(meta(Command::remove, all, ok()), "HD kkey O1\r\n");
  EXPECT_EQ(meta(Command::remove, all, failed(Status::exists)), "EX kkey O1\r\n");
  EXPECT_EQ(meta(Command::remove, all, failed(Status::not_found)), "NF kkey O1\r\n");
  EXPECT_EQ(meta(Command::increment, all, ok("17")), "HD c77 t30 kkey O1\r\n");
  EXPECT_EQ(meta(Command::increment, wanting("vc"), ok("17")), "VA 2 c77\r\n17\r\n");
  EXPECT_EQ(meta(Command::decrement, all, failed(Status::not_found)), "NF kkey O1\r\n");
  EXPECT_EQ(meta(Command::decrement, all, failed(Status::non_numeric)),
            "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
  EXPECT_EQ(meta(Command::set, all, failed(Status::too_large)),
            "SERVER_ERROR object too large for cache\r\n");
  EXPECT_EQ(meta(Command::meta_get, all, failed(Status::temporary_failure)),
            "SERVER_ERROR temporary failure\r\n");
  EXPECT_EQ(meta(Command::describe, wanting(""), ok("exp=-1 la=0")), "ME key exp=-1 la=0 size=42\r\n");
  EXPECT_EQ(meta(Command::describe, wanting(""), failed(Status::not_found)), "EN\r\n");
}

TEST(TextEncoder, QIsSilentWhereMemcachedIs) {
  for (const Command command : {Command::meta_get, Command::meta_get_and_touch}) {
    EXPECT_EQ(meta(command, wanting(""), failed(Status::not_found), true), "");
    EXPECT_EQ(meta(command, wanting(""), ok(), true), "HD\r\n");
  }
  for (const Command command :
       {Command::set, Command::add, Command::append, Command::remove, Command::increment}) {
    EXPECT_EQ(meta(command, wanting("v"), ok("1"), true), "");
    EXPECT_NE(meta(command, wanting(""), failed(Status::not_found), true), "");
    EXPECT_NE(meta(command, wanting(""), failed(Status::exists), true), "");
    EXPECT_NE(meta(command, wanting(""), failed(Status::temporary_failure), true), "");
  }
}

TEST(TextEncoder, ALargeSharedValueIsNotCopied) {
  const size_t size = 100'000;
  const base::BlockRef block(base::Block::take(size));
  std::memset(block->data(), 'x', size);
  Reply reply = ok();
  reply.value = {block, block->data(), size};
  for (const bool is_meta : {false, true}) {
    base::OutputQueue out;
    const size_t written =
        is_meta ? write_meta_reply(meta_row(Command::meta_get, false), wanting("v"), "", reply, out)
                : write_text_reply(row_of("get"), {true, true}, "key", reply, out);
    EXPECT_EQ(written, out.size());
    iovec pieces[8];
    const int count = out.gather(pieces, 8);
    ASSERT_GE(count, 2);
    EXPECT_EQ(pieces[1].iov_base, block->data());
    EXPECT_TRUE(all_of(out).ends_with(is_meta ? "xx\r\n" : "xx\r\nEND\r\n"));
  }
}

}  // namespace
}  // namespace mctenant::protocol
