// Packets cut anywhere, many in one write, and packets whose lengths are wrong.

#include <thread>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

class Framing : public SharedWorld {
 protected:
  // A sign-in and one of everything behind it, with what it answers.
  [[nodiscard]] std::vector<Packet> conversation() const {
    return {plain("alice", world().mctenant.password("alice")),
            set(key("a"), "value one", 7).with_opaque(1),
            keyed(op::kGetKQ, key("a")).with_opaque(2),
            append(key("a"), ", two").with_opcode(op::kAppendQ).with_opaque(3),
            get(key("a")).with_opaque(4),
            increment(key("n"), 1, 5, 0).with_opaque(5),
            keyed(op::kDelete, key("n")).with_opaque(6),
            touch(key("a"), 0).with_opaque(7),
            simple(0x7f).with_opaque(8),
            get("").with_opaque(9),
            simple(op::kNoop).with_opaque(10)};
  }
  static void expect_conversation(BinaryClient& client, const std::string& what) {
    const auto replies = client.read_to_noop(10);
    const std::vector<std::pair<uint32_t, uint16_t>> expected = {
        {0, status::kOk}, {1, status::kOk}, {2, status::kOk},      {4, status::kOk},     {5, status::kOk},
        {6, status::kOk}, {7, status::kOk}, {8, status::kUnknown}, {9, status::kInvalid}};
    ASSERT_EQ(replies.size(), expected.size()) << what;
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(replies[i].opaque, expected[i].first) << what << ": " << replies[i].describe();
      ASSERT_EQ(replies[i].status, expected[i].second) << what << ": " << replies[i].describe();
    }
    EXPECT_EQ(replies[2].value, "value one") << what;
    EXPECT_EQ(replies[3].value, "value one, two") << what;
  }
  // Lets the other side read what was sent before more is sent.
  static void pause() { std::this_thread::sleep_for(std::chrono::microseconds(200)); }

  void expect_refused_and_goes_on(const Packet& packet) {
    BinaryClient client = sign_in("alice");
    const Packet reply = client.call(packet);
    EXPECT_EQ(reply.status, status::kInvalid) << packet.describe();
    EXPECT_EQ(reply.value, "Invalid arguments") << packet.describe();
    EXPECT_EQ(client.status_of(simple(op::kNoop)), status::kOk) << packet.describe();
  }
  void expect_refused_and_closed(const Packet& packet) {
    BinaryClient client = sign_in("alice");
    client.connection().send(packet.bytes() + std::string(200, 'x'));
    const auto replies = client.read_to_end(2s);
    EXPECT_LE(replies.size(), 1u);
    for (const Packet& reply : replies) EXPECT_EQ(reply.status, status::kInvalid) << reply.describe();
    EXPECT_EQ(client.connection().peer(), Peer::closed) << packet.describe();
  }
};

TEST_F(Framing, AConversationMayBeCutAtEveryByte) {
  const std::string bytes = join(conversation());
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    BinaryClient client = connect();
    client.connection().send(bytes.substr(0, cut));
    pause();
    client.connection().send(bytes.substr(cut));
    ASSERT_NO_FATAL_FAILURE(expect_conversation(client, "cut at " + std::to_string(cut)));
  }
}

TEST_F(Framing, AConversationMayComeByteByByte) {
  BinaryClient client = connect();
  for (const char byte : join(conversation())) {
    client.connection().send(std::string_view(&byte, 1));
    pause();
  }
  expect_conversation(client, "byte by byte");
}

TEST_F(Framing, ALargeValueMayComeInAnyPieces) {
  const std::string value(700'000, 'v');
  for (const size_t piece : {1'000u, 16'384u, 65'537u, 400'000u}) {
    const std::string bytes = set(key("a"), value).bytes() + get(key("a")).bytes();
    for (size_t at = 0; at < bytes.size(); at += piece) {
      alice_.connection().send(std::string_view(bytes).substr(at, piece));
      pause();
    }
    EXPECT_EQ(alice_.read().status, status::kOk);
    EXPECT_TRUE(alice_.read().value == value) << "in pieces of " << piece;
  }
}

TEST_F(Framing, AHeaderIsNeverSplitFromItsFirstBytes) {
  // Some clients read a header with one read and take less than 24 bytes for a failure.
  alice_.store(key("a"), "1");
  for (int i = 0; i < 200; ++i) {
    alice_.send(get(key("a")));
    ASSERT_TRUE(alice_.connection().read_some(5s));
    ASSERT_GE(alice_.connection().unread().size(), 24u);
    (void)alice_.read();
  }
}

TEST_F(Framing, TenThousandCommandsInOneWriteAreAnsweredInOrder) {
  constexpr uint32_t kCount = 10'000;
  std::vector<Packet> packets;
  for (uint32_t i = 0; i < kCount; ++i) {
    const std::string name = key(std::to_string(i / 2));
    packets.push_back((i % 2 == 0 ? set(name, "value " + std::to_string(i)) : get(name)).with_opaque(i));
  }
  std::thread writer([&] { alice_.send(packets); });
  std::vector<Packet> replies;
  for (uint32_t i = 0; i < kCount; ++i) {
    auto reply = alice_.try_read();
    if (!reply) break;
    replies.push_back(*std::move(reply));
  }
  writer.join();
  ASSERT_EQ(replies.size(), kCount);
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(replies[i].opaque, i);
    ASSERT_EQ(replies[i].status, status::kOk) << replies[i].describe();
    if (i % 2 == 1) {
      ASSERT_EQ(replies[i].value, "value " + std::to_string(i - 1));
    }
  }
  EXPECT_FALSE(World::client_keys(world().first, key("")).empty());
  EXPECT_FALSE(World::client_keys(world().second, key("")).empty());
}

TEST_F(Framing, CommandsOnOneKeyTakeEffectInTheirOrder) {
  std::vector<Packet> packets;
  std::string expected;
  for (int round = 0; round < 50; ++round) {
    packets.push_back(set(key("a"), "0").with_opcode(op::kSetQ));
    expected = "0";
    for (int i = 0; i < 10; ++i) {
      packets.push_back(
          append(key("a"), std::to_string(i)).with_opcode(i % 2 == 0 ? op::kAppendQ : op::kPrependQ));
      expected = i % 2 == 0 ? expected + std::to_string(i) : std::to_string(i) + expected;
    }
    packets.push_back(get(key("a")));
    packets.push_back(keyed(op::kDeleteQ, key("a")));
    packets.push_back(get(key("a")));
  }
  const auto replies = alice_.call_all(packets);
  ASSERT_EQ(replies.size(), 100u);
  for (size_t i = 0; i < replies.size(); i += 2) {
    EXPECT_EQ(replies[i].value, expected) << "round " << i / 2;
    EXPECT_EQ(replies[i + 1].status, status::kNotFound) << "round " << i / 2;
  }
}

TEST_F(Framing, WrongExtrasAreRefusedAndTheConnectionGoesOn) {
  const std::string present = key("a");
  alice_.store(present, "1");
  for (const uint8_t opcode :
       {op::kGet, op::kGetK, op::kDelete, op::kAppend, op::kPrepend, op::kVersion, op::kNoop, op::kStat}) {
    Packet packet = keyed(opcode, present);
    packet.extras = "1234";
    expect_refused_and_goes_on(packet);
  }
  for (const uint8_t opcode :
       {op::kSet, op::kAdd, op::kReplace, op::kIncrement, op::kDecrement, op::kTouch, op::kGat, op::kGatK,
        op::kSetQ, op::kAddQ, op::kReplaceQ, op::kIncrementQ, op::kGatQ}) {
    for (const size_t length : {0u, 3u, 7u, 12u, 21u}) {
      Packet packet = keyed(opcode, present);
      packet.extras = std::string(length, '\0');
      expect_refused_and_goes_on(packet);
    }
  }
  for (const uint8_t opcode : {op::kFlush, op::kFlushQ}) {
    Packet packet = simple(opcode);
    packet.extras = "12345678";
    expect_refused_and_goes_on(packet);
  }
  EXPECT_EQ(alice_.fetch(present), "1");
}

TEST_F(Framing, KeysAndValuesWhereNoneBelongAreRefused) {
  for (const uint8_t opcode : {op::kNoop, op::kVersion, op::kFlush})
    expect_refused_and_goes_on(keyed(opcode, "key"));
  for (const uint8_t opcode : {op::kGet, op::kGetQ, op::kGetK, op::kGetKQ, op::kDelete, op::kDeleteQ}) {
    Packet packet = keyed(opcode, key("a"));
    packet.value = "value";
    expect_refused_and_goes_on(packet);
  }
  for (Packet packet : {increment(key("a"), 1), touch(key("a"), 0), get_and_touch(key("a"), 0)}) {
    packet.value = "value";
    expect_refused_and_goes_on(packet);
  }
}

TEST_F(Framing, AnEmptyKeyIsRefusedWhereOneIsNeeded) {
  for (const uint8_t opcode :
       {op::kGet, op::kGetQ, op::kGetK, op::kGetKQ, op::kDelete, op::kAppend, op::kPrepend}) {
    expect_refused_and_goes_on(keyed(opcode, ""));
  }
  expect_refused_and_goes_on(set("", "value"));
  expect_refused_and_goes_on(increment("", 1));
  expect_refused_and_goes_on(touch("", 1));
  expect_refused_and_goes_on(get_and_touch("", 1));
}

TEST_F(Framing, ABodyShorterThanItsPartsClosesTheConnection) {
  for (const uint8_t opcode : {op::kGet, op::kSet, op::kNoop, op::kSaslAuth, uint8_t{0x7f}}) {
    Packet packet = keyed(opcode, "abc");
    packet.body_length = 1;
    expect_refused_and_closed(packet);
    packet = simple(opcode);
    packet.key_length = 0xffff;
    packet.extras_length = 0xff;
    expect_refused_and_closed(packet);
  }
}

TEST_F(Framing, AWrongMagicClosesTheConnection) {
  for (const int magic : {0x00, 0x7f, 0x81, 0xff, int{'\n'}}) {
    Packet packet = get(key("a"));
    packet.magic = static_cast<uint8_t>(magic);
    expect_refused_and_closed(packet);
  }
}

TEST_F(Framing, AMalformedPacketBetweenGoodOnesDisturbsNeither) {
  Packet bad = set(key("a"), std::string(300'000, 'x'));
  bad.extras = "123";
  alice_.send({set(key("a"), "1").with_opaque(1), bad.with_opaque(2), get(key("a")).with_opaque(3)});
  EXPECT_EQ(alice_.read().status, status::kOk);
  const Packet refused = alice_.read();
  EXPECT_EQ(refused.status, status::kInvalid);
  EXPECT_EQ(refused.opaque, 2u);
  EXPECT_EQ(alice_.read().value, "1");
}

}  // namespace
}  // namespace mctenant::integration
