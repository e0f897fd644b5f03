#include "protocol/binary_encoder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "protocol/binary_commands.h"
#include "support/binary_packet.h"

namespace mctenant::protocol {
namespace {

namespace op = support::op;

std::string all_of(const base::OutputQueue& queue) {
  std::string bytes;
  iovec pieces[64];
  const int count = queue.gather(pieces, 64);
  for (int i = 0; i < count; ++i)
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return bytes;
}

std::string encode(uint8_t opcode, const Reply& reply, std::string_view key = "") {
  base::OutputQueue out;
  const size_t written = write_binary_reply(binary_command(opcode), 0xa1b2c3d4, key, reply, out);
  EXPECT_EQ(written, out.size());
  return all_of(out);
}

Reply ok(std::string_view value = "") {
  Reply reply;
  reply.status = Status::ok;
  reply.flags = 0x01020304;
  reply.cas = 0x1122334455667788;
  reply.number = 42;
  reply.value = {{}, value.data(), value.size()};
  return reply;
}

Reply failed(Status status) {
  Reply reply = ok();
  reply.status = status;
  return reply;
}

std::string bytes_of(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text += static_cast<char>(byte);
  return text;
}

TEST(BinaryEncoder, AHitIsFlagsAndValue) {
  EXPECT_EQ(encode(op::kGet, ok("value"), "key"),
            bytes_of({0x81, 0x00, 0,    0,    4,    0,    0,    0,    0,    0,    0, 9, 0xa1, 0xb2,
                      0xc3, 0xd4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 1, 2, 3,    4}) +
                "value");
}

TEST(BinaryEncoder, AHitWithKeyIsFlagsKeyAndValue) {
  for (const uint8_t opcode : {op::kGetK, op::kGetKQ, op::kGatK, op::kGatKQ}) {
    EXPECT_EQ(encode(opcode, ok("value"), "key"),
              bytes_of({0x81, opcode, 0,    3,    4,    0,    0,    0,    0,    0,    0, 12, 0xa1, 0xb2,
                        0xc3, 0xd4,   0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 1, 2,  3,    4}) +
                  "keyvalue");
  }
}

TEST(BinaryEncoder, AnIncrementIsEightBytes) {
  EXPECT_EQ(encode(op::kIncrement, ok()),
            bytes_of({0x81, 0x05, 0,    0,    0,    0,    0,    0,    0, 0, 0, 8, 0xa1, 0xb2, 0xc3, 0xd4,
                      0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0, 0, 0, 0,    0,    0,    42}));
}

TEST(BinaryEncoder, StoresTouchesAndDeletesAreAHeaderWithCas) {
  for (const uint8_t opcode :
       {op::kSet, op::kAdd, op::kReplace, op::kAppend, op::kPrepend, op::kTouch, op::kDelete}) {
    EXPECT_EQ(encode(opcode, ok()),
              bytes_of({0x81, opcode, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                        0xa1, 0xb2,   0xc3, 0xd4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}));
  }
}

TEST(BinaryEncoder, TheVersionIsTheBody) {
  Reply reply = ok("1.6.18");
  reply.cas = 0;
  size_t size = 0;
  const auto packet = support::parse_packet(encode(op::kVersion, reply), size);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->value, "1.6.18");
  EXPECT_EQ(packet->extras, "");
}

TEST(BinaryEncoder, AFailureIsItsTextWithoutCas) {
  EXPECT_EQ(
      encode(op::kGet, failed(Status::not_found), "key"),
      bytes_of({0x81, 0x00, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0xa1, 0xb2, 0xc3, 0xd4, 0, 0, 0, 0, 0, 0, 0, 0}) +
          "Not found");
  for (const CommandRow& row : binary_commands()) {
    const std::string bytes = encode(row.opcode, failed(Status::out_of_memory), "key");
    size_t size = 0;
    const auto packet = support::parse_packet(bytes, size);
    ASSERT_TRUE(packet);
    EXPECT_EQ(size, bytes.size());
    EXPECT_EQ(packet->status, 0x82);
    EXPECT_EQ(packet->value, "Out of memory");
    EXPECT_EQ(packet->key, "");
    EXPECT_EQ(packet->extras, "");
    EXPECT_EQ(packet->cas, 0U);
  }
}

TEST(BinaryEncoder, AMissOfACommandThatReturnsTheKeyIsTheKeyAndNoText) {
  for (const uint8_t opcode : {op::kGetK, op::kGatK}) {
    EXPECT_EQ(encode(opcode, failed(Status::not_found), "key"),
              bytes_of({0x81, opcode, 0,    3,    0, 0, 0, 1, 0, 0, 0, 3,
                        0xa1, 0xb2,   0xc3, 0xd4, 0, 0, 0, 0, 0, 0, 0, 0}) +
                  "key");
  }
}

TEST(BinaryEncoder, QuietCommandsWriteNothingWhereTheyAreSilent) {
  for (const CommandRow& row : binary_commands()) {
    for (const Status status : {Status::ok, Status::not_found, Status::exists, Status::too_large}) {
      const Reply reply = status == Status::ok ? ok("v") : failed(status);
      EXPECT_EQ(encode(row.opcode, reply).empty(), silent(row, status)) << row.name;
    }
  }
}

base::Slice shared_value(size_t size) {
  const base::BlockRef block(base::Block::take(size));
  std::memset(block->data(), 'v', size);
  return {block, block->data(), size};
}

TEST(BinaryEncoder, ALargeSharedValueIsNotCopied) {
  base::OutputQueue out;
  Reply reply = ok();
  reply.value = shared_value(100'000);
  const size_t written = write_binary_reply(binary_command(op::kGetK), 1, "key", reply, out);
  EXPECT_EQ(written, 24U + 4 + 3 + 100'000);
  EXPECT_EQ(out.size(), written);
  iovec pieces[4];
  ASSERT_EQ(out.gather(pieces, 4), 2);
  EXPECT_EQ(pieces[0].iov_len, 24U + 4 + 3);
  EXPECT_EQ(pieces[1].iov_base, reply.value.data);
}

TEST(BinaryEncoder, ASmallValueIsInOnePieceWithItsHeader) {
  for (size_t before = 0; before < 2100; before += 7) {
    base::OutputQueue out;
    out.append(std::string(before, 'x'));
    out.consume(before);
    out.append(std::string(before, 'x'));
    Reply reply = ok();
    reply.value = shared_value(100);
    (void)write_binary_reply(binary_command(op::kGet), 1, "", reply, out);
    iovec pieces[4];
    const int count = out.gather(pieces, 4);
    ASSERT_GE(pieces[count - 1].iov_len, 24U + 4 + 100) << before;
    EXPECT_FALSE(reply.value.owner->shared());
  }
}

TEST(BinaryEncoder, ABodyMayHaveAKeyAndNoExtras) {
  base::OutputQueue out;
  const size_t written =
      write_binary_body(binary_command(op::kStat), 0xa1b2c3d4, Status::ok, "pid", "123", out);
  EXPECT_EQ(written, out.size());
  EXPECT_EQ(all_of(out), bytes_of({0x81, 0x10, 0,    3,    0, 0, 0, 0, 0, 0, 0, 6,
                                   0xa1, 0xb2, 0xc3, 0xd4, 0, 0, 0, 0, 0, 0, 0, 0}) +
                             "pid123");
}

TEST(BinaryEncoder, AKeyOfTheLargestLengthFits) {
  const std::string key(65'535, 'k');
  size_t size = 0;
  const auto packet = support::parse_packet(encode(op::kGetK, ok("v"), key), size);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->key, key);
  EXPECT_EQ(packet->value, "v");
}

}  // namespace
}  // namespace mctenant::protocol
