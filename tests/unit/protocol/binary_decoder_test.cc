#include "protocol/binary_decoder.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/binary_commands.h"
#include "support/binary_packet.h"

namespace mctenant::protocol {
namespace {

using support::Packet;
namespace op = support::op;
using Outcome = BinaryDecoder::Outcome;

constexpr uint64_t kItemSize = 1000;

// What came out, kept beyond the input.
struct Seen {
  int opcode;
  uint32_t opaque;
  Status fault;
  Command command;
  bool create;
  uint32_t flags;
  int64_t expiry;
  uint64_t cas, delta, initial;
  std::string key, value;

  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << "opcode " << seen.opcode << " opaque " << seen.opaque << " fault "
             << static_cast<int>(seen.fault) << " key " << seen.key.substr(0, 20) << " value "
             << seen.value.substr(0, 20);
}

Seen seen_of(const ClientRequest& request) {
  const Request& r = request.request;
  return {request.row->opcode,
          request.opaque,
          request.fault,
          r.command,
          r.create,
          r.flags,
          r.expiry,
          r.cas,
          r.delta,
          r.initial,
          std::string(r.key),
          std::string(r.value.data == nullptr ? "" : r.value.data, r.value.size)};
}

// A caller of the decoder that holds no more than the decoder asks for.
class Client {
 public:
  explicit Client(bool signed_in = true, uint64_t item_size = kItemSize) : decoder_(item_size) {
    decoder_.set_signed_in(signed_in);
  }

  void give(std::string_view bytes) {
    held_ += bytes;
    for (;;) {
      if (broken_ || held_.empty()) return;
      const auto result = decoder_.decode(held_);
      switch (result.outcome) {
        case Outcome::incomplete:
          ASSERT_GT(result.needed, held_.size());
          most_needed_ = std::max(most_needed_, result.needed);
          return;
        case Outcome::foreign:
          FAIL() << "the decoder knows one protocol only";
        case Outcome::broken:
          broken_ = true;
          requests_.push_back(seen_of(result.request));
          return;
        case Outcome::dropped:
          ASSERT_GT(result.consumed, 0U);
          break;
        case Outcome::request:
          requests_.push_back(seen_of(result.request));
          break;
      }
      ASSERT_LE(result.consumed, held_.size());
      held_.erase(0, result.consumed);
    }
  }

  [[nodiscard]] const std::vector<Seen>& requests() const { return requests_; }
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] size_t most_needed() const { return most_needed_; }
  [[nodiscard]] const std::string& held() const { return held_; }

 private:
  BinaryDecoder decoder_;
  std::string held_;
  std::vector<Seen> requests_;
  bool broken_ = false;
  size_t most_needed_ = 0;
};

std::vector<Seen> decode_whole(std::string_view bytes, bool signed_in = true) {
  Client client(signed_in);
  client.give(bytes);
  return client.requests();
}

Packet with_extras(Packet packet, std::string extras) {
  packet.extras = std::move(extras);
  return packet;
}
Packet with_value(Packet packet, std::string value) {
  packet.value = std::move(value);
  return packet;
}

// Every command once, and every kind of fault that leaves the connection usable.
std::vector<Packet> conversation() {
  std::vector<Packet> packets{
      support::simple(op::kSaslList),
      support::plain("user", "password"),
      support::set("key", "value", 7, 100).with_cas(9),
      support::set("", "no key"),
      support::set("big", std::string(kItemSize, 'x')),  // with its key 3 too many
      support::get("key").with_opcode(op::kGetKQ),
      support::keyed(op::kDelete, "key").with_cas(3),
      support::increment("n", 5, 10, 60),
      support::decrement("n", 5),
      support::append("key", "tail"),
      support::append("key", std::string(kItemSize, 'y')),
      support::touch("key", 0x80000000U),
      support::get_and_touch("key", 0x7fffffffU),
      support::simple(op::kFlush),
      with_extras(support::simple(op::kFlush), support::big_endian(10, 4)),
      support::simple(op::kNoop),
      with_value(support::simple(op::kNoop), "a body that NOOP has not"),
      support::simple(0x99),
      with_value(support::keyed(0xff, "key"), std::string(300, 'z')),
      support::simple(op::kVersion),
      support::simple(op::kStat),
      support::keyed(op::kStat, "slabs"),
      with_extras(support::simple(op::kVerbosity), support::big_endian(1, 4)),
      with_extras(support::get("key"), "1234"),
      support::get(std::string(3000, 'k')),
      with_value(support::keyed(op::kSaslAuth, "PLAIN"), std::string(BinaryDecoder::kMaxSaslBody, 'p')),
      support::simple(op::kQuit),
  };
  uint32_t opaque = 0;
  for (Packet& packet : packets) packet.opaque = 0x01020300 + opaque++;
  return packets;
}

TEST(BinaryDecoder, ReadsEveryFieldOfEveryCommand) {
  const auto seen = decode_whole(support::join(conversation()));
  ASSERT_EQ(seen.size(), conversation().size());
  const auto at = [&](size_t i) -> const Seen& { return seen[i]; };
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(at(i).opaque, 0x01020300U + i);

  EXPECT_EQ(at(0), (Seen{0x20, at(0).opaque, Status::ok, Command::sasl_list, false, 0, 0, 0, 0, 0, "", ""}));
  EXPECT_EQ(at(1), (Seen{0x21, at(1).opaque, Status::ok, Command::sasl_auth, false, 0, 0, 0, 0, 0, "PLAIN",
                         std::string("\0user\0password", 14)}));
  EXPECT_EQ(at(2),
            (Seen{0x01, at(2).opaque, Status::ok, Command::set, false, 7, 100, 9, 0, 0, "key", "value"}));
  EXPECT_EQ(at(3).fault, Status::invalid);
  EXPECT_EQ(at(4),
            (Seen{0x01, at(4).opaque, Status::too_large, Command::set, false, 0, 0, 0, 0, 0, "big", ""}));
  EXPECT_EQ(at(5), (Seen{0x0d, at(5).opaque, Status::ok, Command::get, false, 0, 0, 0, 0, 0, "key", ""}));
  EXPECT_EQ(at(6), (Seen{0x04, at(6).opaque, Status::ok, Command::remove, false, 0, 0, 3, 0, 0, "key", ""}));
  EXPECT_EQ(at(7),
            (Seen{0x05, at(7).opaque, Status::ok, Command::increment, true, 0, 60, 0, 5, 10, "n", ""}));
  EXPECT_EQ(at(8).create, false);
  EXPECT_EQ(at(8).command, Command::decrement);
  EXPECT_EQ(at(8).delta, 5U);
  EXPECT_EQ(at(9),
            (Seen{0x0e, at(9).opaque, Status::ok, Command::append, false, 0, 0, 0, 0, 0, "key", "tail"}));
  EXPECT_EQ(at(10).fault, Status::too_large);
  EXPECT_EQ(at(10).key, "key");
  EXPECT_EQ(at(11).expiry, 0);  // so far off that memcached takes it for never
  EXPECT_EQ(at(12).expiry, 0x7fffffff);
  EXPECT_EQ(at(13).expiry, 0);
  EXPECT_EQ(at(14).expiry, 10);
  EXPECT_EQ(at(14).fault, Status::ok);
  EXPECT_EQ(at(15).fault, Status::ok);
  EXPECT_EQ(at(16).fault, Status::invalid);
  EXPECT_EQ(at(17).fault, Status::unknown_command);
  EXPECT_EQ(at(18).fault, Status::unknown_command);
  EXPECT_EQ(at(21).key, "slabs");
  EXPECT_EQ(at(22).fault, Status::ok);
  EXPECT_EQ(at(23).fault, Status::invalid);
  EXPECT_EQ(at(24).key.size(), 3000U);
  EXPECT_EQ(at(24).fault, Status::ok);
  EXPECT_EQ(at(25).fault, Status::auth_error);
  EXPECT_EQ(at(26).command, Command::quit);
}

TEST(BinaryDecoder, RequestsAreTheSameForEveryTwoCutsOfEachNeighbourhood) {
  const auto packets = conversation();
  // Every pair of neighbours, cut at every two places; the long bodies near their ends only.
  for (size_t i = 0; i + 1 < packets.size(); ++i) {
    const std::string bytes = packets[i].bytes() + packets[i + 1].bytes();
    if (bytes.size() > 600) continue;
    const auto whole = decode_whole(bytes);
    for (size_t first = 0; first <= bytes.size(); ++first) {
      for (size_t second = first; second <= bytes.size(); ++second) {
        Client client;
        client.give(std::string_view(bytes).substr(0, first));
        client.give(std::string_view(bytes).substr(first, second - first));
        client.give(std::string_view(bytes).substr(second));
        ASSERT_EQ(client.requests(), whole) << first << " " << second;
      }
    }
  }
}

TEST(BinaryDecoder, RequestsAreTheSameForEveryCutOfTheWhole) {
  const std::string bytes = support::join(conversation());
  const auto whole = decode_whole(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    Client client;
    client.give(std::string_view(bytes).substr(0, cut));
    client.give(std::string_view(bytes).substr(cut));
    ASSERT_EQ(client.requests(), whole) << cut;
  }
}

TEST(BinaryDecoder, RequestsAreTheSameByteByByte) {
  for (const bool signed_in : {true, false}) {
    auto packets = conversation();
    std::erase_if(packets, [](const Packet& packet) { return packet.key.size() > 1000; });
    const std::string bytes = support::join(packets);
    Client client(signed_in);
    for (const char& byte : bytes) client.give({&byte, 1});
    EXPECT_EQ(client.requests(), decode_whole(bytes, signed_in));
    EXPECT_TRUE(client.held().empty());
  }
}

TEST(BinaryDecoder, RequestsAreTheSameForRandomCuts) {
  const std::string bytes = support::join(conversation());
  const auto whole = decode_whole(bytes);
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::minstd_rand random(seed);
    Client client;
    std::string_view left = bytes;
    while (!left.empty()) {
      const size_t size = std::min<size_t>(left.size(), 1 + random() % (1U << (3 + seed % 14)));
      client.give(left.substr(0, size));
      left.remove_prefix(size);
    }
    ASSERT_EQ(client.requests(), whole) << "seed " << seed;
  }
}

TEST(BinaryDecoder, WrongShapesAreInvalidAndTheNextFrameIsReached) {
  for (const CommandRow& row : binary_commands()) {
    if (row.handling == Handling::refused) continue;
    for (size_t extras = 0; extras <= 24; ++extras) {
      for (const size_t key : {0U, 1U, 300U}) {
        for (const size_t value : {0U, 1U, 100U}) {
          Packet packet = support::keyed(row.opcode, std::string(key, 'k'));
          packet.extras.assign(extras, '\1');
          packet.value.assign(value, 'v');
          const auto fits = [](Presence presence, size_t length) {
            return presence == Presence::optional || (presence == Presence::required) == (length > 0);
          };
          const bool extras_fit = extras == row.extras || (extras == 0 && row.extras_optional);
          const bool well_formed = extras_fit && fits(row.key, key) && fits(row.value, value);
          const auto seen = decode_whole(packet.bytes() + support::simple(op::kNoop).bytes());
          ASSERT_EQ(seen.size(), 2U) << packet.describe();
          EXPECT_EQ(seen[0].fault, well_formed ? Status::ok : Status::invalid) << packet.describe();
          EXPECT_EQ(seen[1].command, Command::noop);
        }
      }
    }
  }
}

TEST(BinaryDecoder, ALengthThatContradictsItselfBreaks) {
  for (const auto& [key, extras, body] : std::vector<std::tuple<uint16_t, uint8_t, uint32_t>>{
           {10, 0, 9}, {0, 8, 7}, {5, 8, 12}, {0xffff, 0xff, 0xfffd}, {1, 0, 0}}) {
    Packet packet = support::set("", "").with_opaque(77);
    packet.extras.clear();
    packet.key_length = key;
    packet.extras_length = extras;
    packet.body_length = body;
    Client client;
    client.give(packet.bytes() + std::string(100, '\0'));
    EXPECT_TRUE(client.broken());
    ASSERT_EQ(client.requests().size(), 1U);
    EXPECT_EQ(client.requests()[0].fault, Status::invalid);
    EXPECT_EQ(client.requests()[0].opaque, 77U);
    EXPECT_EQ(client.requests()[0].opcode, op::kSet);
  }
}

TEST(BinaryDecoder, AnotherMagicBreaksAtTheFirstByte) {
  for (int magic = 0; magic < 256; ++magic) {
    Client client;
    const auto byte = static_cast<char>(magic);
    client.give({&byte, 1});
    EXPECT_EQ(client.broken(), magic != 0x80) << magic;
  }
  // And it is the same request, of nobody, however much follows.
  for (const size_t more : {0U, 22U, 23U, 100U}) {
    Client client;
    client.give(support::simple(op::kNoop).bytes() + "\x81" + std::string(more, '\xff'));
    EXPECT_TRUE(client.broken());
    ASSERT_EQ(client.requests().size(), 2U);
    EXPECT_EQ(client.requests()[1].opcode, 0);
    EXPECT_EQ(client.requests()[1].opaque, 0U);
  }
}

TEST(BinaryDecoder, AKeyMayBeAsLongAsItsLengthCanSay) {
  const auto seen = decode_whole(support::get(std::string(65'535, 'k')).bytes());
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].fault, Status::ok);
  EXPECT_EQ(seen[0].key.size(), 65'535U);
}

TEST(BinaryDecoder, KeyAndValueTogetherMayHaveTheItemSize) {
  for (const uint8_t opcode : {op::kSet, op::kAdd, op::kReplace, op::kSetQ, op::kAppend, op::kPrependQ}) {
    for (const size_t key : {1U, 250U, 999U, 1000U}) {
      Packet packet = support::set(std::string(key, 'k'), std::string(kItemSize - key, 'v'));
      packet.opcode = opcode;
      if (binary_command(opcode).extras == 0) packet.extras.clear();
      EXPECT_EQ(decode_whole(packet.bytes())[0].fault, Status::ok);
      packet.value += "v";
      const auto seen = decode_whole(packet.bytes());
      EXPECT_EQ(seen[0].fault, Status::too_large);
      EXPECT_EQ(seen[0].key, packet.key);
      EXPECT_EQ(seen[0].value, "");
    }
  }
}

TEST(BinaryDecoder, OfWhatIsTooLargeOnlyTheKeyIsHeld) {
  Packet packet = support::set("the key", "");
  packet.body_length = 0xffffffff;
  Client client;
  client.give(packet.bytes().substr(0, 30));
  EXPECT_EQ(client.most_needed(), 24U + 8 + 7);
  client.give(packet.bytes().substr(30));
  EXPECT_TRUE(client.held().empty());
  uint64_t left = 0xffffffffULL - 15;
  const std::string part(1 << 24, 'x');
  while (left > part.size()) {
    client.give(part);
    ASSERT_TRUE(client.held().empty());
    ASSERT_TRUE(client.requests().empty());
    left -= part.size();
  }
  client.give(part.substr(0, left - 1));
  EXPECT_TRUE(client.requests().empty());
  client.give("x" + support::simple(op::kNoop).bytes());
  ASSERT_EQ(client.requests().size(), 2U);
  EXPECT_EQ(client.requests()[0].fault, Status::too_large);
  EXPECT_EQ(client.requests()[0].key, "the key");
  EXPECT_EQ(client.requests()[1].command, Command::noop);
}

TEST(BinaryDecoder, NothingThatAStrangerClaimsIsHeld) {
  for (int opcode = 0; opcode < 256; ++opcode) {
    for (const uint16_t key_length : {uint16_t{0}, uint16_t{5}, uint16_t{0xffff}}) {
      Packet packet = support::simple(static_cast<uint8_t>(opcode));
      packet.key_length = key_length;
      packet.body_length = 0xffffffff;
      Client client(false);
      client.give(packet.bytes() + std::string(1 << 18, 'x'));
      EXPECT_TRUE(client.held().empty()) << opcode;
      EXPECT_TRUE(client.requests().empty()) << opcode;
      EXPECT_LE(client.most_needed(), 24U);
    }
  }
}

TEST(BinaryDecoder, BeforeSignInOtherCommandsAreRefusedWithTheirBody) {
  for (const CommandRow& row : binary_commands()) {
    Packet packet = support::simple(row.opcode);
    if (row.access != Access::anyone) packet = support::keyed(row.opcode, std::string(5000, 'k'));
    const auto seen = decode_whole(packet.bytes() + support::simple(op::kNoop).bytes(), false);
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].fault, row.access == Access::anyone ? Status::ok : Status::auth_error) << row.name;
    EXPECT_EQ(seen[0].key, "");
    EXPECT_EQ(seen[1].command, Command::noop);
  }
}

TEST(BinaryDecoder, ASignInMessageIsLimited) {
  for (const uint8_t opcode : {op::kSaslAuth, op::kSaslStep}) {
    Packet packet = support::keyed(opcode, "PLAIN");
    packet.value.assign(BinaryDecoder::kMaxSaslBody - 5, 'x');
    EXPECT_EQ(decode_whole(packet.bytes(), false)[0].fault, Status::ok);
    packet.value += 'x';
    EXPECT_EQ(decode_whole(packet.bytes(), false)[0].fault, Status::auth_error);
    packet.body_length = 0xffffffff;
    Client client(false);
    client.give(packet.bytes());
    EXPECT_TRUE(client.held().empty());
  }
}

TEST(BinaryDecoder, SignInIsLookedAtAnewForEachRequest) {
  BinaryDecoder decoder(kItemSize);
  const std::string bytes = support::get("key").bytes();
  EXPECT_EQ(decoder.decode(bytes).request.fault, Status::auth_error);
  decoder.set_signed_in(true);
  EXPECT_EQ(decoder.decode(bytes).request.fault, Status::ok);
  decoder.set_signed_in(false);
  EXPECT_EQ(decoder.decode(bytes).request.fault, Status::auth_error);
}

TEST(BinaryDecoder, ARequestLeftUnconsumedComesOutAgain) {
  for (const Packet& packet : conversation()) {
    BinaryDecoder decoder(kItemSize);
    decoder.set_signed_in(true);
    const std::string bytes = packet.bytes() + "x";
    const auto first = decoder.decode(bytes);
    ASSERT_EQ(first.outcome, Outcome::request);
    const Seen once = seen_of(first.request);
    const auto second = decoder.decode(bytes);
    EXPECT_EQ(second.outcome, first.outcome);
    EXPECT_EQ(second.consumed, first.consumed);
    EXPECT_EQ(seen_of(second.request), once);
  }
}

TEST(BinaryDecoder, GarbageNeverHoldsMoreThanAFrameMayHave) {
  for (uint32_t seed = 1; seed <= 1000; ++seed) {
    std::minstd_rand random(seed);
    Client client(seed % 2 == 0);
    std::string bytes = support::join(conversation());
    for (uint32_t i = 0; i < 1 + seed % 20; ++i) bytes[random() % 1500] = static_cast<char>(random());
    std::string_view left = bytes;
    while (!left.empty()) {
      const size_t size = std::min<size_t>(left.size(), 1 + random() % 4000);
      client.give(left.substr(0, size));
      left.remove_prefix(size);
    }
    EXPECT_LE(client.most_needed(), kBinaryHeader + 255 + 65'535 + kItemSize);
  }
}

}  // namespace
}  // namespace mctenant::protocol
