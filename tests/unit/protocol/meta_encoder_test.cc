#include "protocol/meta_encoder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>

#include "protocol/meta_flags.h"
#include "protocol/words.h"

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

std::string encode(const Request& request, std::string_view key = "K") {
  base::OutputQueue out;
  write_meta_request(request, key, out);
  return all_of(out);
}

Request request_of(Command command, std::string_view value = "") {
  Request request;
  request.command = command;
  request.value = {{}, value.data(), value.size()};
  return request;
}

TEST(MetaEncoder, Reads) {
  EXPECT_EQ(encode(request_of(Command::get)), "mg K v f c\r\n");
  Request request = request_of(Command::get_and_touch);
  EXPECT_EQ(encode(request), "mg K T0 v f c\r\n");
  request.expiry = 100;
  EXPECT_EQ(encode(request), "mg K T100 v f c\r\n");
  request.command = Command::touch;
  EXPECT_EQ(encode(request), "mg K T100 c\r\n");
  request.expiry = 0;  // a touch to no expiry must say so
  EXPECT_EQ(encode(request), "mg K T0 c\r\n");
}

TEST(MetaEncoder, AProbeAsksForSizeCasAndFlags) {
  EXPECT_EQ(encode(request_of(Command::probe)), "mg K s c f t u\r\n");
}

TEST(MetaEncoder, ADescriptionNamesTheKeyAlone) {
  EXPECT_EQ(encode(request_of(Command::describe)), "me K\r\n");
}

TEST(MetaEncoder, AClientsFlagsGoToTheServerButForThoseThatAreAnsweredHere) {
  Request request = request_of(Command::meta_get);
  const auto with = [&](std::string_view flags) {
    request.meta_flags = flags;
    request.meta_seen = 0;
    for (std::string_view rest = flags, word = take_word(rest); !word.empty(); word = take_word(rest))
      request.meta_seen |= meta_bit(word.front());
    return encode(request);
  };
  EXPECT_EQ(with(""), "mg K s c f\r\n");
  EXPECT_EQ(with("v"), "mg K v c f\r\n");
  EXPECT_EQ(with("  q k b O123  P1 L2 v f "), "mg K v f c\r\n");
  EXPECT_EQ(with("t s h l c f R30 u"), "mg K t s h l c f R30 u\r\n");
  request.tells_expiry = true;
  EXPECT_EQ(with("u"), "mg K u s c f t\r\n");
  EXPECT_EQ(with("N30 t"), "mg K N30 t s c f\r\n");
  request.command = Command::increment;
  EXPECT_EQ(with("D5 T9"), "ma K D5 T9 v c t\r\n");
  request.tells_expiry = false;
  EXPECT_EQ(with("q D5 N30 J1 T9 t O1"), "ma K D5 N30 J1 T9 t v c\r\n");
  EXPECT_EQ(with("MD c v k"), "ma K MD c v\r\n");
}

TEST(MetaEncoder, InvalidationIsAskedFor) {
  Request request = request_of(Command::remove);
  request.invalidate = true;
  EXPECT_EQ(encode(request), "md K I\r\n");
  request.cas = 5;
  request.sets_expiry = true;
  request.expiry = 30;
  EXPECT_EQ(encode(request), "md K C5 I T30\r\n");
  Request store = request_of(Command::set, "abc");
  store.invalidate = true;
  store.cas = 5;
  EXPECT_EQ(encode(store), "ms K 3 C5 I c\r\nabc\r\n");
}

TEST(MetaEncoder, Stores) {
  EXPECT_EQ(encode(request_of(Command::set, "abc")), "ms K 3 c\r\nabc\r\n");
  EXPECT_EQ(encode(request_of(Command::add, "abc")), "ms K 3 ME c\r\nabc\r\n");
  EXPECT_EQ(encode(request_of(Command::replace, "abc")), "ms K 3 MR c\r\nabc\r\n");
  EXPECT_EQ(encode(request_of(Command::append, "abc")), "ms K 3 MA c\r\nabc\r\n");
  EXPECT_EQ(encode(request_of(Command::prepend, "abc")), "ms K 3 MP c\r\nabc\r\n");
  EXPECT_EQ(encode(request_of(Command::set)), "ms K 0 c\r\n\r\n");
  Request request = request_of(Command::set, "a\r\nb");
  request.flags = 5;
  request.expiry = 60;
  request.cas = 9;
  EXPECT_EQ(encode(request), "ms K 4 F5 T60 C9 c\r\na\r\nb\r\n");
  request.expiry = -1;
  EXPECT_EQ(encode(request), "ms K 4 F5 T-1 C9 c\r\na\r\nb\r\n");
}

TEST(MetaEncoder, Removes) {
  Request request = request_of(Command::remove);
  EXPECT_EQ(encode(request), "md K\r\n");
  request.cas = 7;
  EXPECT_EQ(encode(request), "md K C7\r\n");
}

TEST(MetaEncoder, Arithmetic) {
  Request request = request_of(Command::increment);
  request.delta = 5;
  request.initial = 10;
  request.expiry = 60;
  EXPECT_EQ(encode(request), "ma K MI D5 v c\r\n");
  request.create = true;
  EXPECT_EQ(encode(request), "ma K MI D5 J10 N60 v c\r\n");
  request.command = Command::decrement;
  request.expiry = 0;
  request.cas = 3;
  EXPECT_EQ(encode(request), "ma K MD D5 J10 N0 C3 v c\r\n");
}

TEST(MetaEncoder, TheLongestLinesFit) {
  const std::string key(250, 'k');
  const std::string most = std::to_string(std::numeric_limits<uint64_t>::max());
  const std::string least = std::to_string(std::numeric_limits<int64_t>::min());
  Request request = request_of(Command::decrement);
  request.create = true;
  request.delta = request.initial = request.cas = std::numeric_limits<uint64_t>::max();
  request.expiry = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(encode(request, key),
            "ma " + key + " MD D" + most + " J" + most + " N" + least + " C" + most + " v c\r\n");
  request.command = Command::prepend;
  request.flags = std::numeric_limits<uint32_t>::max();
  EXPECT_EQ(encode(request, key), "ms " + key + " 0 MP F4294967295 T" + least + " C" + most + " c\r\n\r\n");
}

TEST(MetaEncoder, ASharedValueIsNotCopied) {
  const base::BlockRef block(base::Block::take(50'000));
  std::memset(block->data(), 'v', 50'000);
  Request request = request_of(Command::set);
  request.value = {block, block->data(), 50'000};
  base::OutputQueue out;
  write_meta_request(request, "K", out);
  iovec pieces[4];
  ASSERT_EQ(out.gather(pieces, 4), 3);
  EXPECT_EQ(pieces[1].iov_base, block->data());
  EXPECT_EQ(all_of(out), "ms K 50000 c\r\n" + std::string(50'000, 'v') + "\r\n");
}

}  // namespace
}  // namespace mctenant::protocol
