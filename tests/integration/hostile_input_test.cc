// Mutated packets at every stage: never an end of the program, never another's data, never a connection that
// stays open behind them. The seed is printed with a failure: MCTENANT_SEED sets it.

#include <cstdlib>
#include <random>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

constexpr const char* kBobsMark = "only bob may see this";

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t below(size_t end) { return std::uniform_int_distribution<size_t>{0, end - 1}(random_); }

  Packet packet() {
    const std::string key = "fuzz" + std::to_string(below(5));
    switch (below(12)) {
      case 0:
        return set(key, std::string(below(300), 'v'));
      case 1:
        return set(key, "1").with_opcode(static_cast<uint8_t>(below(0x25)));
      case 2:
        return get(key).with_opcode(static_cast<uint8_t>(below(0x25)));
      case 3:
        return increment(key, below(100), 1, 0);
      case 4:
        return append(key, "more");
      case 5:
        return get_and_touch(key, 0);
      case 6:
        return plain("alice", "a guess");
      case 7:
        return plain("alice", "x").with_opcode(op::kSaslStep);
      case 8:
        return keyed(op::kStat, below(2) == 0 ? "" : key);
      case 9:
        return simple(static_cast<uint8_t>(below(256)));
      case 10:
        return keyed(op::kGetKQ, key);
      default:
        return simple(op::kNoop);
    }
  }

  // A few packets with something wrong in them.
  std::string bytes() {
    std::string text;
    for (size_t i = 0, count = 1 + below(5); i < count; ++i) text += mutated(packet());
    if (below(4) == 0) text.resize(below(text.size()) + 1);
    for (size_t i = 0, flips = below(3); i < flips; ++i)
      text[below(text.size())] = static_cast<char>(below(256));
    return text;
  }

 private:
  std::string mutated(Packet packet) {
    switch (below(8)) {
      case 0:
        packet.key_length = interesting();
        break;
      case 1:
        packet.extras_length = static_cast<uint8_t>(interesting());
        break;
      case 2:
        packet.body_length = static_cast<uint32_t>(interesting()) << (8 * below(3));
        break;
      case 3:
        packet.cas = interesting();
        break;
      case 4:
        packet.extras.resize(below(40), '\xff');
        break;
      case 5:
        packet.key.resize(below(400), '\0');
        break;
      default:
        break;
    }
    return packet.bytes();
  }
  uint16_t interesting() {
    static constexpr uint16_t kValues[] = {0,   1,   4,   8,   20,     23,     24,
                                           250, 251, 255, 256, 0x7fff, 0x8000, 0xffff};
    return kValues[below(std::size(kValues))];
  }

  std::mt19937_64 random_;
};

class HostileInput : public SharedWorld {
 protected:
  HostileInput() : bob_(sign_in("bob")) {
    for (int i = 0; i < 5; ++i) bob_.store("fuzz" + std::to_string(i), kBobsMark);
    if (const char* text = std::getenv("MCTENANT_SEED")) seed_ = std::strtoull(text, nullptr, 10);
  }
  // Sends it, says that no more comes, and waits until the connection ends.
  static void expect_answered_and_closed(BinaryClient client, const std::string& bytes,
                                         const std::string& what) {
    client.connection().send(bytes);
    client.connection().finish_sending();
    std::string all;
    const auto end = std::chrono::steady_clock::now() + 7s;
    while (client.connection().peer() == Peer::open && std::chrono::steady_clock::now() < end) {
      client.connection().read_some(1s);
      all += client.connection().unread();
      client.connection().take(client.connection().unread().size());
    }
    EXPECT_NE(client.connection().peer(), Peer::open) << what << ": the connection stays open";
    EXPECT_EQ(all.find(kBobsMark), std::string::npos) << what;
    // Who begins with another protocol is told so in text.
    if (bytes[0] != '\x80') return;
    size_t size = 0;
    for (std::string_view rest = all; !rest.empty(); rest.remove_prefix(size)) {
      const auto reply = parse_packet(rest, size);
      if (!reply) {
        // A reset may cut the last one.
        EXPECT_EQ(client.connection().peer(), Peer::reset) << what << ": half a reply";
        break;
      }
      ASSERT_EQ(reply->magic, 0x81) << what << ": " << reply->describe();
    }
  }
  void expect_all_well(const std::string& what) {
    ASSERT_TRUE(world().mctenant.process().running()) << what << ": " << world().mctenant.process().output();
    for (int i = 0; i < 5; ++i) ASSERT_EQ(bob_.fetch("fuzz" + std::to_string(i)), kBobsMark) << what;
  }
  void attack(int count, bool signed_in) {
    for (int i = 0; i < count; ++i) {
      const uint64_t seed = seed_ + static_cast<uint64_t>(i);
      const std::string what = "seed " + std::to_string(seed);
      expect_answered_and_closed(signed_in ? sign_in("alice") : connect(), Mutator(seed).bytes(), what);
      if (i % 50 == 0) expect_all_well(what);
      if (HasFailure()) return;
    }
    expect_all_well("at the end");
  }

  BinaryClient bob_;
  uint64_t seed_ = 20'260'101;
};

TEST_F(HostileInput, BeforeSignInHarmsNothing) { attack(1'500, false); }

TEST_F(HostileInput, AfterSignInHarmsNothing) { attack(3'000, true); }

TEST_F(HostileInput, EveryOpcodeWithEveryShapeIsAnsweredOrClosed) {
  for (int opcode = 0; opcode < 256; ++opcode) {
    for (const size_t extras : {0u, 4u, 8u, 20u, 255u}) {
      Packet packet = keyed(static_cast<uint8_t>(opcode), extras % 8 == 0 ? "fuzz1" : "");
      packet.extras = std::string(extras, '\x01');
      packet.value = extras == 8 ? "1" : "";
      expect_answered_and_closed(sign_in("alice"), packet.bytes() + simple(op::kNoop).bytes(),
                                 packet.describe());
      if (HasFailure()) return;
    }
  }
  expect_all_well("at the end");
}

TEST_F(HostileInput, ConnectionsCutInTheMiddleOfAnythingHarmNothing) {
  Mutator mutator(seed_);
  for (int i = 0; i < 1'000; ++i) {
    BinaryClient client = i % 2 == 0 ? connect() : sign_in("alice");
    const std::string bytes = mutator.packet().bytes() + mutator.packet().bytes();
    client.connection().send(bytes.substr(0, mutator.below(bytes.size()) + 1));
  }
  expect_all_well("after the cuts");
}

// The program must also not pass on what a server would read as a command of its own.
TEST_F(HostileInput, NothingOfAKeyOrValueBecomesACommandOfTheServer) {
  const std::string text = "\r\nflush_all\r\nms x 1\r\ny\r\nmn\r\n";
  alice_.store(key("a"), text);
  alice_.store(text, text);
  EXPECT_EQ(alice_.fetch(text), text);
  EXPECT_EQ(alice_.fetch(key("a")), text);
  EXPECT_EQ(alice_.status_of(append(key("a"), text)), status::kOk);
  EXPECT_EQ(alice_.status_of(append(key("absent"), text)), status::kNotStored);
  EXPECT_EQ(alice_.status_of(set(key("absent"), text).with_opcode(op::kReplace)), status::kNotFound);
  EXPECT_EQ(alice_.status_of(set(key("a"), text).with_opcode(op::kAdd)), status::kExists);
  EXPECT_EQ(alice_.fetch(key("a")), text + text);
  expect_all_well("after text");
}

}  // namespace
}  // namespace mctenant::integration
