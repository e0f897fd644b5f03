// Every opcode, loud and quiet: status, extras, key, text, CAS, opaque and order.

#include "integration/world.h"

namespace mctenant::integration {
namespace {

class Opcodes : public SharedWorld {
 protected:
  // The texts that clients show or match.
  static void expect_error(const Packet& reply, uint16_t status, const std::string& text) {
    EXPECT_EQ(reply.status, status) << reply.describe();
    EXPECT_EQ(reply.value, text) << reply.describe();
    EXPECT_EQ(reply.extras, "");
    EXPECT_EQ(reply.key, "");
    EXPECT_EQ(reply.cas, 0u);
    EXPECT_EQ(reply.data_type, 0);
  }
  static void expect_stored(const Packet& reply) {
    EXPECT_EQ(reply.status, status::kOk) << reply.describe();
    EXPECT_NE(reply.cas, 0u);
    EXPECT_EQ(reply.extras + reply.key + reply.value, "");
  }
};

TEST_F(Opcodes, GetAnswersFlagsValueAndCas) {
  const uint64_t cas = alice_.store(key("a"), "value", 0xdeadbeef);
  const Packet reply = alice_.call(get(key("a")));
  EXPECT_EQ(reply.status, status::kOk);
  EXPECT_EQ(reply.extras.size(), 4u);
  EXPECT_EQ(reply.flags(), 0xdeadbeef);
  EXPECT_EQ(reply.key, "");
  EXPECT_EQ(reply.value, "value");
  EXPECT_EQ(reply.cas, cas);
}

TEST_F(Opcodes, GetOfAnEmptyValueStillCarriesFlags) {
  alice_.store(key("a"), "");
  const Packet reply = alice_.call(get(key("a")));
  EXPECT_EQ(reply.status, status::kOk);
  EXPECT_EQ(reply.extras, std::string(4, '\0'));
  EXPECT_EQ(reply.value, "");
}

TEST_F(Opcodes, GetKAnswersTheClientsKey) {
  alice_.store(key("a"), "value", 5);
  const Packet reply = alice_.call(keyed(op::kGetK, key("a")));
  EXPECT_EQ(reply.key, key("a"));
  EXPECT_EQ(reply.value, "value");
  EXPECT_EQ(reply.flags(), 5u);
}

TEST_F(Opcodes, MissOfGetHasATextAndMissOfGetKHasTheKey) {
  expect_error(alice_.call(get(key("none"))), status::kNotFound, "Not found");
  const Packet reply = alice_.call(keyed(op::kGetK, key("none")));
  EXPECT_EQ(reply.status, status::kNotFound);
  EXPECT_EQ(reply.key, key("none"));
  EXPECT_EQ(reply.value, "");
  EXPECT_EQ(reply.extras, "");
}

TEST_F(Opcodes, QuietGetsAnswerHitsOnly) {
  alice_.store(key("a"), "1");
  const auto replies = alice_.call_all(
      {keyed(op::kGetQ, key("none")).with_opaque(1), keyed(op::kGetQ, key("a")).with_opaque(2),
       keyed(op::kGetKQ, key("none")).with_opaque(3), keyed(op::kGetKQ, key("a")).with_opaque(4)});
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].opcode, op::kGetQ);
  EXPECT_EQ(replies[0].opaque, 2u);
  EXPECT_EQ(replies[0].key, "");
  EXPECT_EQ(replies[1].opcode, op::kGetKQ);
  EXPECT_EQ(replies[1].opaque, 4u);
  EXPECT_EQ(replies[1].key, key("a"));
}

TEST_F(Opcodes, SetAddReplaceStoreAsTheyShould) {
  const Packet add = set(key("a"), "1").with_opcode(op::kAdd);
  const Packet replace = set(key("a"), "2").with_opcode(op::kReplace);
  expect_error(alice_.call(replace), status::kNotFound, "Not found");
  expect_stored(alice_.call(add));
  expect_error(alice_.call(add), status::kExists, "Data exists for key.");
  expect_stored(alice_.call(replace));
  EXPECT_EQ(alice_.fetch(key("a")), "2");
  expect_stored(alice_.call(set(key("a"), "3")));
  EXPECT_EQ(alice_.fetch(key("a")), "3");
}

TEST_F(Opcodes, CasStoresOnlyOverTheVersionThatItNames) {
  const uint64_t cas = alice_.store(key("a"), "1");
  expect_error(alice_.call(set(key("a"), "x").with_cas(cas + 1'000'000)), status::kExists,
               "Data exists for key.");
  expect_error(alice_.call(set(key("none"), "x").with_cas(cas)), status::kNotFound, "Not found");
  const Packet stored = alice_.call(set(key("a"), "2").with_cas(cas));
  expect_stored(stored);
  expect_error(alice_.call(set(key("a"), "x").with_cas(cas)), status::kExists, "Data exists for key.");
  expect_stored(alice_.call(set(key("a"), "3").with_opcode(op::kReplace).with_cas(stored.cas)));
  EXPECT_EQ(alice_.fetch(key("a")), "3");
  EXPECT_EQ(alice_.fetch(key("none")), std::nullopt);
}

TEST_F(Opcodes, AddWithACasIsACasAsInMemcached) {
  const Packet add = set(key("a"), "new").with_opcode(op::kAdd);
  expect_error(alice_.call(add.with_cas(77)), status::kNotFound, "Not found");
  EXPECT_EQ(alice_.fetch(key("a")), std::nullopt);
  const uint64_t cas = alice_.store(key("a"), "old");
  expect_error(alice_.call(add.with_cas(cas + 1'000'000)), status::kExists, "Data exists for key.");
  expect_stored(alice_.call(add.with_cas(cas)));
  EXPECT_EQ(alice_.fetch(key("a")), "new");
}

TEST_F(Opcodes, AppendAndPrependGrowAPresentKeyAndKeepItsFlags) {
  expect_error(alice_.call(append(key("a"), "x")), status::kNotStored, "Not stored.");
  expect_error(alice_.call(append(key("a"), "x").with_opcode(op::kPrepend)), status::kNotStored,
               "Not stored.");
  const uint64_t cas = alice_.store(key("a"), "b", 9);
  expect_error(alice_.call(append(key("a"), "x").with_cas(cas + 1'000'000)), status::kExists,
               "Data exists for key.");
  const Packet appended = alice_.call(append(key("a"), "c").with_cas(cas));
  expect_stored(appended);
  EXPECT_NE(appended.cas, cas);
  expect_error(alice_.call(append(key("a"), "x").with_cas(cas)), status::kExists, "Data exists for key.");
  expect_stored(alice_.call(append(key("a"), "a").with_opcode(op::kPrepend)));
  const Packet reply = alice_.call(get(key("a")));
  EXPECT_EQ(reply.value, "abc");
  EXPECT_EQ(reply.flags(), 9u);
}

TEST_F(Opcodes, DeleteHonoursItsCas) {
  expect_error(alice_.call(keyed(op::kDelete, key("a"))), status::kNotFound, "Not found");
  const uint64_t cas = alice_.store(key("a"), "1");
  expect_error(alice_.call(keyed(op::kDelete, key("a")).with_cas(cas + 1'000'000)), status::kExists,
               "Data exists for key.");
  const Packet reply = alice_.call(keyed(op::kDelete, key("a")).with_cas(cas));
  EXPECT_EQ(reply.status, status::kOk);
  EXPECT_EQ(reply.cas, 0u);
  EXPECT_EQ(alice_.fetch(key("a")), std::nullopt);
}

TEST_F(Opcodes, IncrementCreatesCountsAndStopsAtZero) {
  expect_error(alice_.call(increment(key("n"), 1)), status::kNotFound, "Not found");
  Packet reply = alice_.call(increment(key("n"), 5, 10, 0));
  EXPECT_EQ(reply.status, status::kOk);
  EXPECT_EQ(reply.number(), 10u);
  EXPECT_EQ(reply.value.size(), 8u);
  EXPECT_EQ(reply.extras, "");
  EXPECT_NE(reply.cas, 0u);
  EXPECT_EQ(alice_.fetch(key("n")), "10");
  EXPECT_EQ(alice_.call(increment(key("n"), 5)).number(), 15u);
  EXPECT_EQ(alice_.call(decrement(key("n"), 4)).number(), 11u);
  EXPECT_EQ(alice_.call(decrement(key("n"), 100)).number(), 0u);
  expect_error(alice_.call(decrement(key("none"), 1)), status::kNotFound, "Not found");
  EXPECT_EQ(alice_.call(decrement(key("m"), 1, 7, 0)).number(), 7u);
}

TEST_F(Opcodes, IncrementOfLargeNumbersIsExact) {
  alice_.store(key("n"), "4611686018427387904");
  EXPECT_EQ(alice_.call(increment(key("n"), 1ull << 61)).number(), (1ull << 62) + (1ull << 61));
  EXPECT_EQ(alice_.call(increment(key("m"), 0, 0x0102030405060708, 0)).value,
            "\x01\x02\x03\x04\x05\x06\x07\x08");
}

TEST_F(Opcodes, IncrementHonoursItsCasAndRefusesText) {
  const uint64_t cas = alice_.store(key("n"), "5");
  expect_error(alice_.call(increment(key("n"), 1).with_cas(cas + 1'000'000)), status::kExists,
               "Data exists for key.");
  EXPECT_EQ(alice_.call(increment(key("n"), 1).with_cas(cas)).number(), 6u);
  alice_.store(key("t"), "text");
  expect_error(alice_.call(increment(key("t"), 1)), status::kNotANumber,
               "Non-numeric server-side value for incr or decr");
}

TEST_F(Opcodes, QuietCommandsAnswerErrorsOnlyAndTakeEffect) {
  const auto replies = alice_.call_all({
      set(key("a"), "1").with_opcode(op::kSetQ),
      set(key("a"), "x").with_opcode(op::kAddQ).with_opaque(1),
      set(key("a"), "2").with_opcode(op::kReplaceQ),
      set(key("none"), "x").with_opcode(op::kReplaceQ).with_opaque(2),
      append(key("a"), "3").with_opcode(op::kAppendQ),
      append(key("a"), "1").with_opcode(op::kPrependQ),
      append(key("none"), "x").with_opcode(op::kAppendQ).with_opaque(3),
      append(key("none"), "x").with_opcode(op::kPrependQ).with_opaque(4),
      increment(key("a"), 1).with_opcode(op::kIncrementQ),
      increment(key("none"), 1).with_opcode(op::kIncrementQ).with_opaque(5),
      increment(key("none"), 1).with_opcode(op::kDecrementQ).with_opaque(6),
      keyed(op::kDeleteQ, key("none")).with_opaque(7),
      set(key("b"), "1").with_opcode(op::kAddQ),
      keyed(op::kDeleteQ, key("b")),
  });
  const std::vector<std::pair<uint8_t, uint16_t>> expected = {
      {op::kAddQ, status::kExists},         {op::kReplaceQ, status::kNotFound},
      {op::kAppendQ, status::kNotStored},   {op::kPrependQ, status::kNotStored},
      {op::kIncrementQ, status::kNotFound}, {op::kDecrementQ, status::kNotFound},
      {op::kDeleteQ, status::kNotFound},
  };
  ASSERT_EQ(replies.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(replies[i].opcode, expected[i].first) << replies[i].describe();
    EXPECT_EQ(replies[i].status, expected[i].second) << replies[i].describe();
    EXPECT_EQ(replies[i].opaque, i + 1);
  }
  EXPECT_EQ(alice_.fetch(key("a")), "124");
  EXPECT_EQ(alice_.fetch(key("b")), std::nullopt);
}

TEST_F(Opcodes, TouchKeepsValueAndCasAndHasNoExtras) {
  const uint64_t cas = alice_.store(key("a"), "1", 3);
  const Packet reply = alice_.call(touch(key("a"), 100));
  EXPECT_EQ(reply.status, status::kOk);
  EXPECT_EQ(reply.cas, cas);
  EXPECT_EQ(reply.extras + reply.key + reply.value, "");
  expect_error(alice_.call(touch(key("none"), 100)), status::kNotFound, "Not found");
  EXPECT_EQ(alice_.fetch(key("a")), "1");
}

TEST_F(Opcodes, TouchToThePastExpires) {
  alice_.store(key("a"), "1");
  // More than 30 days, so a date: in 1970.
  EXPECT_EQ(alice_.status_of(touch(key("a"), 2'592'001)), status::kOk);
  EXPECT_EQ(alice_.fetch(key("a")), std::nullopt);
}

TEST_F(Opcodes, GetAndTouchAnswersAsGetInAllFourForms) {
  alice_.store(key("a"), "1", 3);
  Packet reply = alice_.call(get_and_touch(key("a"), 100));
  EXPECT_EQ(reply.value, "1");
  EXPECT_EQ(reply.flags(), 3u);
  EXPECT_EQ(reply.key, "");
  reply = alice_.call(get_and_touch(key("a"), 100).with_opcode(op::kGatK));
  EXPECT_EQ(reply.key, key("a"));
  EXPECT_EQ(reply.value, "1");
  expect_error(alice_.call(get_and_touch(key("none"), 1)), status::kNotFound, "Not found");
  reply = alice_.call(get_and_touch(key("none"), 1).with_opcode(op::kGatK));
  EXPECT_EQ(reply.status, status::kNotFound);
  EXPECT_EQ(reply.key, key("none"));
  EXPECT_EQ(reply.value, "");
  const auto replies = alice_.call_all({get_and_touch(key("none"), 1).with_opcode(op::kGatQ),
                                        get_and_touch(key("a"), 0).with_opcode(op::kGatQ),
                                        get_and_touch(key("none"), 1).with_opcode(op::kGatKQ),
                                        get_and_touch(key("a"), 0).with_opcode(op::kGatKQ)});
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].opcode, op::kGatQ);
  EXPECT_EQ(replies[1].opcode, op::kGatKQ);
  EXPECT_EQ(replies[1].key, key("a"));
}

TEST_F(Opcodes, ExpiryIsUnsignedAndFarAboveIsNever) {
  for (const uint32_t expiry : {0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu}) {
    EXPECT_EQ(alice_.status_of(set(key("a"), "1", 0, expiry)), status::kOk);
    EXPECT_EQ(alice_.fetch(key("a")), "1") << expiry;
    EXPECT_EQ(alice_.status_of(touch(key("a"), expiry)), status::kOk);
    EXPECT_EQ(alice_.call(get_and_touch(key("a"), expiry)).value, "1") << expiry;
    EXPECT_EQ(alice_.fetch(key("a")), "1") << expiry;
  }
  EXPECT_EQ(alice_.call(increment(key("n"), 1, 1, 0x80000000)).number(), 1u);
  EXPECT_EQ(alice_.fetch(key("n")), "1");
  EXPECT_EQ(alice_.status_of(set(key("a"), "1", 0, 2'592'001)), status::kOk);
  EXPECT_EQ(alice_.fetch(key("a")), std::nullopt);
}

TEST_F(Opcodes, ExpiryPasses) {
  alice_.store(key("stays"), "1");
  EXPECT_EQ(alice_.status_of(set(key("goes"), "1", 0, 1)), status::kOk);
  EXPECT_EQ(alice_.call(increment(key("number"), 1, 1, 1)).number(), 1u);
  EXPECT_TRUE(wait_until([&] { return !alice_.fetch(key("goes")) && !alice_.fetch(key("number")); }, 5s));
  EXPECT_EQ(alice_.fetch(key("stays")), "1");
}

TEST_F(Opcodes, NoopIsTheBarrierBehindQuietCommands) {
  alice_.store(key("a"), "1");
  std::vector<Packet> packets;
  for (uint32_t i = 0; i < 200; ++i) {
    packets.push_back(keyed(op::kGetKQ, i % 2 == 0 ? key("a") : key("none")).with_opaque(i));
  }
  packets.push_back(simple(op::kNoop).with_opaque(0xfeed));
  alice_.send(packets);
  const auto replies = alice_.read_to_noop(0xfeed);
  ASSERT_EQ(replies.size(), 100u);
  for (uint32_t i = 0; i < 100; ++i) EXPECT_EQ(replies[i].opaque, 2 * i);
}

TEST_F(Opcodes, VersionNoopAndVerbosityAreAnsweredHere) {
  Packet reply = alice_.call(simple(op::kVersion));
  EXPECT_EQ(reply.status, status::kOk);
  EXPECT_NE(reply.value, "");
  reply = alice_.call(simple(op::kNoop));
  EXPECT_EQ(reply.status, status::kOk);
  EXPECT_EQ(reply.extras + reply.key + reply.value, "");
  Packet verbosity = simple(op::kVerbosity);
  EXPECT_EQ(alice_.call(verbosity).opcode, op::kVerbosity);
  verbosity.extras = big_endian(1, 4);
  EXPECT_EQ(alice_.call(verbosity).status, status::kOk);
}

TEST_F(Opcodes, UnknownOpcodesAreAnsweredAndTheConnectionGoesOn) {
  for (const int opcode : {0x1f, 0x25, 0x30, 0x3d, 0x40, 0x7f, 0x80, 0xfe, 0xff}) {
    const Packet bare = simple(static_cast<uint8_t>(opcode));
    expect_error(alice_.call(bare), status::kUnknown, "Unknown command");
    Packet full = keyed(static_cast<uint8_t>(opcode), key("a"));
    full.extras = "12345678";
    full.value = std::string(100'000, 'x');
    expect_error(alice_.call(full), status::kUnknown, "Unknown command");
  }
  EXPECT_EQ(alice_.status_of(simple(op::kNoop)), status::kOk);
}

TEST_F(Opcodes, OpaqueComesBackWhateverItIs) {
  alice_.store(key("a"), "1");
  for (const uint32_t opaque : {0u, 1u, 0x80000000u, 0xffffffffu}) {
    for (const Packet& packet :
         {get(key("a")), set(key("a"), "1"), simple(op::kNoop), simple(0x7f), get("")}) {
      alice_.send(packet.with_opaque(opaque));
      const Packet reply = alice_.read();
      EXPECT_EQ(reply.opaque, opaque);
      EXPECT_EQ(reply.opcode, packet.opcode);
      EXPECT_EQ(reply.magic, 0x81);
    }
  }
}

TEST_F(Opcodes, QuitIsAnsweredAndClosesBehindWhatWasAskedBefore) {
  alice_.store(key("a"), "1");
  alice_.send({get(key("a")), simple(op::kQuit), get(key("a"))});
  const auto replies = alice_.read_to_end();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].value, "1");
  EXPECT_EQ(replies[1].opcode, op::kQuit);
  EXPECT_EQ(replies[1].status, status::kOk);
  EXPECT_EQ(alice_.connection().peer(), Peer::closed);
}

TEST_F(Opcodes, QuietQuitClosesWithoutAnAnswer) {
  alice_.store(key("a"), "1");
  alice_.send({get(key("a")), simple(op::kQuitQ)});
  const auto replies = alice_.read_to_end();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(alice_.connection().peer(), Peer::closed);
}

TEST_F(Opcodes, DataTypeAndVbucketAreIgnored) {
  alice_.store(key("a"), "1");
  Packet packet = get(key("a"));
  packet.data_type = 1;
  packet.status = 3;
  EXPECT_EQ(alice_.call(packet).value, "1");
}

}  // namespace
}  // namespace mctenant::integration
