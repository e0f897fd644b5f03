// The same conversation held with a memcached directly and, signed in, with mctenant must give the same
// packets.
//
// What may differ, and why:
//   CAS values          each server counts its own; compared is which of them are equal for a key
//   TOUCH hit           memcached puts the flags into the extras, which the protocol does not have there
//   VERSION             each tells its own
//   spaces behind a number that became shorter: memcached keeps the old length unless a reply still holds the
//   item, so
//                       behind pipelined reads both are right
// Out of scope here, since memcached closes or falls silent: malformed packets, keys over 250 bytes,
// VERBOSITY and unknown opcodes with a body; and what is refused for its size.

#include <cstdlib>
#include <map>
#include <random>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

enum class Cas { kNone, kCurrent, kStale };

struct Step {
  Packet packet;
  Cas cas = Cas::kNone;
};

// One of the two that are compared: what it was told and what it knows of CAS values.
class Side {
 public:
  explicit Side(BinaryClient client) : client_(std::move(client)) {}

  // Sends the steps in one write, with their index as opaque, and returns their replies made comparable.
  std::vector<Packet> hold(const std::vector<Step>& steps) {
    std::vector<Packet> packets;
    for (size_t i = 0; i < steps.size(); ++i) packets.push_back(request(steps[i], static_cast<uint32_t>(i)));
    std::vector<Packet> replies = client_.call_all(packets);
    for (Packet& reply : replies) {
      if (reply.opaque < steps.size()) make_comparable(reply, steps[reply.opaque].packet.key);
    }
    return replies;
  }

 private:
  Packet request(const Step& step, uint32_t opaque) const {
    const auto known = current_.find(step.packet.key);
    uint64_t cas = 0;
    if (step.cas == Cas::kStale) cas = 0x7fffffffffff;
    if (step.cas == Cas::kCurrent) cas = known == current_.end() ? 0x7ffffffffffe : known->second;
    return step.packet.with_cas(cas).with_opaque(opaque);
  }
  void make_comparable(Packet& reply, const std::string& key) {
    if (reply.cas != 0) {
      current_[key] = reply.cas;
      auto& numbered = seen_[key];
      reply.cas = numbered.emplace(reply.cas, numbered.size() + 1).first->second;
    }
    if (reply.opcode == op::kTouch) reply.extras.clear();
    if (reply.opcode == op::kVersion) reply.value = "some version";
  }

  BinaryClient client_;
  std::map<std::string, uint64_t> current_;
  std::map<std::string, std::map<uint64_t, uint64_t>> seen_;
};

void trim(Packet& packet) {
  const bool number = !packet.value.empty() && packet.value[0] >= '0' && packet.value[0] <= '9';
  if (number && packet.extras.size() == 4) packet.value.erase(packet.value.find_last_not_of(' ') + 1);
}

class Conversation : public SharedWorld {
 protected:
  static MemcachedProcess& stock() {
    static MemcachedProcess process;
    return process;
  }
  Conversation() : direct_(BinaryClient(stock().address())), tenant_(sign_in("alice")) {
    direct_.hold({{simple(op::kFlush)}});
    tenant_.hold({{simple(op::kFlush)}});
  }
  void expect_same(const std::vector<Step>& steps, const std::string& what) {
    std::vector<Packet> expected = direct_.hold(steps);
    std::vector<Packet> got = tenant_.hold(steps);
    for (size_t i = 0; i < std::max(expected.size(), got.size()); ++i) {
      if (i < expected.size()) trim(expected[i]);
      if (i < got.size()) trim(got[i]);
      const bool same = i < expected.size() && i < got.size() && expected[i].bytes() == got[i].bytes();
      if (same) continue;
      const uint32_t step = i < expected.size() ? expected[i].opaque : got[i].opaque;
      FAIL() << what << ", reply " << i << ", asked "
             << (step < steps.size() ? steps[step].packet.describe() : "?")
             << "\n  memcached: " << (i < expected.size() ? expected[i].describe() : "nothing")
             << "\n  mctenant:  " << (i < got.size() ? got[i].describe() : "nothing");
    }
  }

  Side direct_;
  Side tenant_;
};

// Everything that can be said about one key in each of its states.
std::vector<Step> everything_about(const std::string& key) {
  std::vector<Step> steps;
  for (const Cas cas : {Cas::kNone, Cas::kStale, Cas::kCurrent}) {
    const std::vector<Packet> packets = {get(key),
                                         keyed(op::kGetK, key),
                                         keyed(op::kGetQ, key),
                                         keyed(op::kGetKQ, key),
                                         touch(key, 0),
                                         get_and_touch(key, 0),
                                         get_and_touch(key, 0).with_opcode(op::kGatQ),
                                         get_and_touch(key, 0).with_opcode(op::kGatK),
                                         get_and_touch(key, 0).with_opcode(op::kGatKQ),
                                         increment(key, 3),
                                         decrement(key, 1),
                                         increment(key, 3).with_opcode(op::kIncrementQ),
                                         decrement(key, 1).with_opcode(op::kDecrementQ),
                                         append(key, "x"),
                                         append(key, "y").with_opcode(op::kPrepend),
                                         append(key, "z").with_opcode(op::kAppendQ),
                                         append(key, "").with_opcode(op::kPrependQ),
                                         get(key),
                                         set(key, "added", 1).with_opcode(op::kAdd),
                                         get(key),
                                         set(key, "added", 2).with_opcode(op::kAddQ),
                                         get(key),
                                         set(key, "replaced", 3).with_opcode(op::kReplace),
                                         get(key),
                                         set(key, "replaced", 4).with_opcode(op::kReplaceQ),
                                         get(key),
                                         set(key, "17", 5).with_opcode(op::kSetQ),
                                         get(key),
                                         increment(key, 3, 1, 0),
                                         set(key, "", 6),
                                         get(key),
                                         append(key, "b"),
                                         get(key),
                                         keyed(op::kDeleteQ, key),
                                         get(key),
                                         keyed(op::kDelete, key),
                                         increment(key, 1, 41, 0),
                                         get(key),
                                         keyed(op::kDelete, key),
                                         decrement(key, 1, 41, 0),
                                         get(key),
                                         keyed(op::kDelete, key)};
    for (const Packet& packet : packets) steps.push_back({packet, cas});
  }
  return steps;
}

std::vector<Step> about_numbers() {
  std::vector<Step> steps;
  for (const char* text : {"0",
                           "9",
                           "10",
                           "100",
                           " 5",
                           "5 ",
                           "5  6",
                           "+5",
                           "-1",
                           "0012",
                           "5x",
                           "x5",
                           "0x10",
                           "1e3",
                           "1.5",
                           "\n7",
                           "7\r\n",
                           "999999999999",
                           "4611686018427387904",
                           "123456789012345678901234567890"}) {
    for (const bool up : {true, false}) {
      steps.push_back({set("n", text, 3)});
      for (const uint64_t delta : {0ull, 1ull, 90ull, 5'000'000'000ull}) {
        steps.push_back({up ? increment("n", delta) : decrement("n", delta)});
        steps.push_back({get("n")});
      }
    }
  }
  return steps;
}

std::vector<Step> about_expiry() {
  std::vector<Step> steps;
  for (const uint32_t expiry : {0u, 100u, 2'592'000u, 2'592'001u, 1'000'000'000u, 0x7fffffffu, 0x80000000u,
                                0xfffffffeu, 0xffffffffu}) {
    const std::vector<Packet> packets = {set("e", "1", 0, expiry),
                                         get("e"),
                                         set("e", "2", 0, expiry).with_opcode(op::kAdd),
                                         get("e"),
                                         set("e", "3"),
                                         touch("e", expiry),
                                         get("e"),
                                         set("e", "4"),
                                         get_and_touch("e", expiry),
                                         get("e"),
                                         set("e", "5"),
                                         set("e", "6", 0, expiry).with_opcode(op::kReplace),
                                         get("e"),
                                         append("e", "7"),
                                         get("e"),
                                         keyed(op::kDelete, "e"),
                                         increment("e", 1, 1, expiry),
                                         get("e"),
                                         increment("e", 1, 1, expiry),
                                         keyed(op::kDelete, "e")};
    for (const Packet& packet : packets) steps.push_back({packet});
  }
  return steps;
}

std::vector<Step> about_keys() {
  std::vector<Step> steps;
  for (const std::string& key :
       {std::string("a"), std::string("~"), std::string("~a"), std::string("a b"), std::string("\r\n"),
        std::string(1, '\0'), std::string("\xff\x80"), std::string(250, 'k'), std::string(250, '\n')}) {
    const std::vector<Packet> packets = {keyed(op::kGetK, key),
                                         set(key, "1", 9),
                                         keyed(op::kGetK, key),
                                         keyed(op::kGetKQ, key),
                                         get_and_touch(key, 0).with_opcode(op::kGatK),
                                         increment(key, 1),
                                         keyed(op::kDelete, key),
                                         keyed(op::kGetK, key)};
    for (const Packet& packet : packets) steps.push_back({packet});
  }
  return steps;
}

std::vector<Step> about_values() {
  std::vector<Step> steps;
  for (const size_t size : {0u, 1u, 2u, 1'000u, 1'023u, 1'024u, 4'096u, 16'383u, 16'384u, 65'535u, 65'536u,
                            300'000u, 1'000'000u}) {
    std::string value(size, 'v');
    for (size_t i = 0; i < size; i += 97) value[i] = static_cast<char>(i);
    for (const uint32_t flags : {0u, 1u, 0x80000000u, 0xffffffffu}) {
      steps.push_back({set("v", value, flags)});
      steps.push_back({get("v")});
    }
    steps.push_back({append("v", "\r\nEND\r\n")});
    steps.push_back({append("v", "VALUE").with_opcode(op::kPrepend)});
    steps.push_back({keyed(op::kGetK, "v")});
  }
  return steps;
}

std::vector<Step> about_flush() {
  Packet now = simple(op::kFlush);
  now.extras = big_endian(0, 4);
  return {{set("f", "1")},
          {simple(op::kFlush)},
          {get("f")},
          {set("f", "2")},
          {now},
          {get("f")},
          {set("f", "3")},
          {simple(op::kFlushQ)},
          {get("f")},
          {increment("f", 1, 5, 0)},
          {get("f")},
          {simple(op::kNoop)},
          {simple(op::kVersion)}};
}

TEST_F(Conversation, OneCommandAtATimeIsTheSameToTheByte) {
  const std::vector<std::pair<std::string, std::vector<Step>>> conversations = {
      {"one key", everything_about("key")}, {"numbers", about_numbers()},
      {"expiry", about_expiry()},           {"keys", about_keys()},
      {"values", about_values()},           {"flush", about_flush()}};
  for (const auto& [name, steps] : conversations) {
    for (size_t i = 0; i < steps.size() && !HasFatalFailure(); ++i) {
      expect_same({steps[i]}, name + ", step " + std::to_string(i));
    }
  }
}

TEST_F(Conversation, PipelinedIsTheSame) {
  expect_same(everything_about("key"), "one key");
  expect_same(about_numbers(), "numbers");
  expect_same(about_expiry(), "expiry");
  expect_same(about_keys(), "keys");
  expect_same(about_flush(), "flush");
}

// Random commands on few keys.
class Talk {
 public:
  explicit Talk(uint64_t seed) : random_(seed) {}

  std::vector<Step> batch() {
    std::vector<Step> steps;
    for (uint64_t i = 0, count = 1 + below(30); i < count; ++i) {
      const uint64_t which = below(100);
      const Cas cas = which < 80 ? Cas::kNone : which < 95 ? Cas::kCurrent : Cas::kStale;
      steps.push_back({below(2) == 0 ? about_a_text() : about_a_number(), cas});
    }
    return steps;
  }

 private:
  uint64_t below(uint64_t end) { return std::uniform_int_distribution<uint64_t>{0, end - 1}(random_); }
  uint32_t expiry() {
    static constexpr uint32_t kChoice[] = {0, 0, 0, 0, 100, 2'592'001, 0x80000000, 0xffffffff};
    return kChoice[below(std::size(kChoice))];
  }
  uint8_t either(uint8_t loud, uint8_t quiet) { return below(2) == 0 ? loud : quiet; }
  Packet store(const std::string& key, std::string value) {
    const Packet packet = set(key, std::move(value), static_cast<uint32_t>(below(3)), expiry());
    switch (below(4)) {
      case 0:
        return packet.with_opcode(either(op::kAdd, op::kAddQ));
      case 1:
        return packet.with_opcode(either(op::kReplace, op::kReplaceQ));
      default:
        return packet.with_opcode(either(op::kSet, op::kSetQ));
    }
  }
  Packet read(const std::string& key) {
    static constexpr uint8_t kGets[] = {op::kGet, op::kGetQ, op::kGetK, op::kGetKQ};
    static constexpr uint8_t kGats[] = {op::kGat, op::kGatQ, op::kGatK, op::kGatKQ, op::kTouch};
    if (below(3) > 0) return keyed(kGets[below(std::size(kGets))], key);
    return get_and_touch(key, expiry()).with_opcode(kGats[below(std::size(kGats))]);
  }
  Packet remove(const std::string& key) { return keyed(either(op::kDelete, op::kDeleteQ), key); }
  Packet about_a_text() {
    static const std::string kKeys[] = {"t1", "t2", "t3 with spaces", "~t4", std::string(250, 't'), "t6\r\n"};
    const std::string& key = kKeys[below(std::size(kKeys))];
    const std::string value(below(4) == 0 ? below(3'000) + 1 : below(4) + 1,
                            static_cast<char>('a' + below(26)));
    switch (below(8)) {
      case 0:
        return remove(key);
      case 1:
        return append(key, value).with_opcode(either(op::kAppend, op::kAppendQ));
      case 2:
        return append(key, value).with_opcode(either(op::kPrepend, op::kPrependQ));
      case 3:
      case 4:
        return store(key, value);
      case 5:
        return increment(key, below(9)).with_opcode(either(op::kIncrement, op::kIncrementQ));
      default:
        return read(key);
    }
  }
  Packet about_a_number() {
    static const std::string kKeys[] = {"n1", "n2", "n3 with spaces"};
    const std::string& key = kKeys[below(std::size(kKeys))];
    const uint32_t create = below(2) == 0 ? kNoCreate : expiry();
    switch (below(8)) {
      case 0:
        return remove(key);
      case 1:
        return store(key, std::to_string(below(100'000)));
      case 2:
      case 3:
        return increment(key, below(1'000), below(50), create)
            .with_opcode(either(op::kIncrement, op::kIncrementQ));
      case 4:
      case 5:
        return decrement(key, below(50'000), below(50), create)
            .with_opcode(either(op::kDecrement, op::kDecrementQ));
      default:
        return read(key);
    }
  }

  std::mt19937_64 random_;
};

TEST_F(Conversation, RandomCommandsAreAnsweredTheSame) {
  const char* text = std::getenv("MCTENANT_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : 7;
  Talk talk(seed);
  for (int batch = 0; batch < 600 && !HasFatalFailure(); ++batch) {
    expect_same(talk.batch(), "seed " + std::to_string(seed) + ", batch " + std::to_string(batch));
  }
}

}  // namespace
}  // namespace mctenant::integration
