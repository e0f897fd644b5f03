// One conversation gives the same bytes however it arrives, and no bytes at all break the order of replies.

#include <gtest/gtest.h>

#include <random>

#include "support/session_harness.h"

namespace mctenant::session {
namespace {

using support::HarnessUsers;
using support::Packet;
using support::SessionHarness;
namespace op = support::op;
namespace status = support::status;

constexpr uint64_t kItemSize = 2000;
const Limits kLimits{.item_size = kItemSize, .pipeline = 5, .connection_buffer = 40'000};

std::vector<Packet> conversation() {
  const auto& users = HarnessUsers::instance().users;
  Packet delayed = support::simple(op::kFlush);
  delayed.extras = support::big_endian(9, 4);
  std::vector<Packet> packets{
      support::simple(op::kSaslList),
      support::get("a0"),
      support::plain(users[0].name, users[0].password),
      support::set("a0", "value", 3),
      support::get("a0"),
      support::get("b1").with_opcode(op::kGetKQ),
      support::append("a0", "tail"),
      support::append("none1", "tail"),
      support::get("a0").with_opcode(op::kGetK),
      support::set("a0", std::string(kItemSize, 'x')),
      support::get("a0"),
      support::set("c2", std::string(1500, 'c')).with_opcode(op::kSetQ),
      support::get("c2"),
      support::append("c2", std::string(600, 'd')),
      support::increment("n0", 1, 5, 0),
      support::increment("n0", 1, 5, 0),
      support::increment("c2", 1),
      support::keyed(op::kDelete, "n0"),
      support::simple(0xfe),
      support::set("", "no key"),
      delayed,
      support::simple(op::kNoop),
      support::plain(users[1].name, users[1].password),
      support::get("c2"),
      support::touch("c2", 10),
      support::simple(op::kVersion),
      support::simple(op::kQuit),
      support::get("c2"),
  };
  uint32_t opaque = 100;
  for (Packet& packet : packets) packet.opaque = ++opaque;
  return packets;
}

// A flush with a delay that is on disk changes nothing now.
void write_to_disk(SessionHarness& h) {
  h.generations().finish(true);
  h.run_one();
}

// Lets servers and the disk answer after each piece.
std::string talk(SessionHarness& h, std::initializer_list<std::string_view> pieces) {
  for (const std::string_view piece : pieces) {
    h.send(piece);
    h.answer_all();
    while (h.generations().waiting() > 0) {
      write_to_disk(h);
      h.answer_all();
    }
  }
  return h.take_received();
}

class Cutting : public testing::Test {
 protected:
  // From here on the passwords are remembered, so that a sign-in is answered in its turn.
  static void SetUpTestSuite() {
    for (const int user : {0, 1}) {
      SessionHarness h;
      ASSERT_EQ(h.sign_in(user), status::kOk);
    }
  }
};

TEST_F(Cutting, EveryTwoPiecesGiveTheSameBytes) {
  const std::string bytes = support::join(conversation());
  SessionHarness whole({.limits = kLimits});
  const std::string expected = talk(whole, {bytes});
  EXPECT_EQ(whole.finished(), CloseReason::client_quit);
  EXPECT_GT(expected.size(), 2000U);
  for (size_t cut = 1; cut < bytes.size(); cut += cut % 97 == 0 ? 23 : 1) {
    SessionHarness h({.limits = kLimits});
    ASSERT_TRUE(talk(h, {std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)}) ==
                expected)
        << cut;
  }
}

TEST_F(Cutting, ByteByByteGivesTheSameBytes) {
  const std::string bytes = support::join(conversation());
  SessionHarness whole({.limits = kLimits});
  const std::string expected = talk(whole, {bytes});
  SessionHarness h({.limits = kLimits});
  std::string received;
  for (const char& byte : bytes) received += talk(h, {std::string_view(&byte, 1)});
  EXPECT_TRUE(received == expected);
}

TEST_F(Cutting, AnyPiecesWithAnyDelaysGiveTheSameBytes) {
  const std::string bytes = support::join(conversation());
  SessionHarness whole({.limits = kLimits});
  const std::string expected = talk(whole, {bytes});
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::minstd_rand random(seed);
    SessionHarness h({.limits = kLimits});
    std::string_view left = bytes;
    while (!left.empty() || h.waiting() > 0 || h.unsent() > 0 || h.generations().waiting() > 0) {
      switch (random() % 5) {
        case 0: {
          const size_t size = std::min<size_t>(left.size(), random() % 900);
          h.send(left.substr(0, size));
          left.remove_prefix(size);
          break;
        }
        case 1:
          h.set_client_reads(random() % 3 != 0);
          break;
        case 2:
          if (h.generations().waiting() > 0) write_to_disk(h);
          break;
        default: {
          auto& server = h.server(random() % 3);
          if (!server.waiting().empty()) server.answer();
          h.turn();
          break;
        }
      }
    }
    ASSERT_TRUE(h.take_received() == expected) << "seed " << seed;
  }
}

// No byte of a body looks like a frame's beginning, so an opaque out of order is a reply that nobody asked
// for.
void expect_opaques_in_order(const std::vector<Packet>& replies, bool last_may_be_garbage) {
  for (size_t i = 1; i < replies.size(); ++i) {
    if (last_may_be_garbage && i + 1 == replies.size()) continue;
    ASSERT_GE(replies[i].opaque, replies[i - 1].opaque);
  }
}

TEST_F(Cutting, MutatedPacketsNeverBreakTheOrder) {
  for (uint32_t seed = 1; seed <= 1500; ++seed) {
    std::minstd_rand random(seed);
    SessionHarness h({.limits = kLimits});
    if (seed % 4 != 0) {
      ASSERT_EQ(h.sign_in(), status::kOk);
    }
    std::vector<std::string> frames;
    for (const Packet& packet : conversation()) {
      if (packet.opcode == op::kSaslAuth && random() % 4 != 0) continue;
      frames.push_back(packet.bytes());
    }
    // Anything but magic and opaque may change; mostly lengths and opcodes, where it hurts.
    for (uint32_t i = 0; i <= seed % 4; ++i) {
      std::string& frame = frames[random() % frames.size()];
      constexpr size_t kPlaces[] = {1, 1, 2, 3, 4, 8, 9, 10, 11, 11, 20, 24, 30};
      const size_t place = kPlaces[random() % std::size(kPlaces)];
      if (place < frame.size())
        frame[place] = static_cast<char>(random() % 3 == 0 ? random() % 8 : random() % 128);
    }
    for (const std::string& frame : frames) {
      h.send(frame);
      if (random() % 2 == 0) h.answer_all();
    }
    // A password that is wrong now is still being checked.
    h.answer_all();
    h.end_input();
    h.answer_all();
    expect_opaques_in_order(h.take_replies(), h.finished() == CloseReason::malformed);
    EXPECT_EQ(h.take_received(), "");
  }
}

}  // namespace
}  // namespace mctenant::session
