// What a tenant's quota means for its clients: what is evicted for a store and when, what is refused, what is
// told of it; and what replies tell the ledger, whoever still waits for them.

#include "unit/session/quota_fixture.h"

namespace mctenant::session {
namespace {

// ---- What is evicted.

TEST_F(QuotaTest, AStoreThatFillsItToTheByteEvictsNothing) {
  store('a', 9);
  h.send(support::set("b0", value_for(kItem)));
  ASSERT_EQ(waiting().size(), 1U);
  EXPECT_EQ(waiting()[0].request.command, Command::set);
  h.answer_all();
  EXPECT_EQ(h.ledger().usage().bytes, 10 * kItem);
  EXPECT_FALSE(h.ledger().over());
}

TEST_F(QuotaTest, DeletesOnConditionOfTheVersionLeaveAheadOfAStoreThatGoesOver) {
  store('a', 10);
  auto before = h.server(0).items();
  h.send(support::set("b0", value_for(3 * kItem - 1)));
  ASSERT_EQ(waiting().size(), 4U);
  std::set<std::string> evicted;
  for (size_t i = 0; i < 3; ++i) {
    const ScriptedServer::Sent& sent = waiting()[i];
    EXPECT_EQ(sent.request.command, Command::remove);
    ASSERT_TRUE(before.contains(sent.key)) << sent.key;
    EXPECT_EQ(sent.request.cas, before[sent.key].cas);
    EXPECT_TRUE(evicted.insert(sent.key).second) << "twice: " << sent.key;
  }
  EXPECT_EQ(waiting()[3].request.command, Command::set);
  EXPECT_EQ(waiting()[3].key, server_key("b0"));
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.server(0).items().size(), 8U);
  EXPECT_EQ(h.ledger().usage().items, 8U);
  EXPECT_EQ(h.ledger().usage().bytes, 10 * kItem - 1);
  EXPECT_EQ(h.tenant().totals().evictions, 3U);
  expect_claimed(10 * kItem - 1);
}

TEST_F(QuotaTest, WhatAnItemReplacesCountsForIt) {
  store('a', 10);
  h.send(support::set("a3", value_for(kItem)));
  EXPECT_EQ(waiting().size(), 1U) << "no room is needed";
  h.answer_all();
  h.send(support::set("a3", value_for(kItem + 1)));
  EXPECT_GE(waiting().size(), 2U);
  EXPECT_EQ(waiting().front().request.command, Command::remove);
}

TEST_F(QuotaTest, NeighboursAreNotEvictedForIt) {
  store('a', 10);
  ASSERT_EQ(h.sign_in(1), status::kOk);
  h.send(support::set("b0", value_for(10 * kItem)));
  ASSERT_EQ(waiting().size(), 1U);
  EXPECT_EQ(waiting()[0].key, "test.2.1:b0");
  h.answer_all();
  h.send(support::set("b1", value_for(kItem)));
  ASSERT_EQ(waiting().size(), 2U);
  EXPECT_EQ(waiting()[0].key, "test.2.1:b0") << "its own";
  h.answer_all();
  EXPECT_EQ(h.ledger(0).usage().items, 10U);
  EXPECT_EQ(h.tenant(0).totals().evictions, 0U);
  EXPECT_EQ(h.tenant(1).totals().evictions, 1U);
}

// What would be evicted for it is what it builds on: the store would fail, and the value be lost.
TEST_F(QuotaTest, NoStoreIsMadeRoomForByTheItemThatItChanges) {
  const auto grown = support::append("a0", std::string(kItem, 'w'));
  const auto larger = support::set("a0", value_for(7 * kItem));
  for (const Packet& packet :
       {grown, grown.with_opcode(op::kPrepend), larger, larger.with_opcode(op::kReplace),
        larger.with_opcode(op::kReplace).with_cas(1)}) {
    SCOPED_TRACE(packet.describe());
    h.ledger().begin_generation(h.tenant().generation() + 1);
    h.tenant().set_generation(h.tenant().generation() + 1);
    h.server(0).items().clear();
    store('a', 1, 6 * kItem);  // the coldest, and most of what its stripe has
    store('b', 4);
    Packet sent = packet;
    if (packet.cas != 0) sent.cas = h.server(0).items().begin()->second.cas;
    h.send(sent);
    h.answer_all();
    EXPECT_EQ(h.take_status(), status::kOk);
    EXPECT_EQ(h.ledger().usage().bytes, 10 * kItem);
    EXPECT_EQ(h.ledger().usage().items, 4U);
    EXPECT_EQ(h.server(0).items().size(), 4U);
  }
}

TEST_F(QuotaTest, AnItemThatIsAloneMayGrowToAllOfIt) {
  store('a', 1, 9 * kItem);
  h.send(support::append("a0", std::string(kItem, 'w')));
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  h.send(support::set("a0", value_for(10 * kItem)));
  ASSERT_EQ(waiting().size(), 1U);
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.ledger().usage().bytes, 10 * kItem);
}

class ColdestTest : public QuotaTest {
 protected:
  ColdestTest() : QuotaTest(64 * kItem) {}
};

TEST_F(ColdestTest, ItemsThatWereReadStay) {
  store('a', 32);
  store('b', 32);
  for (int i = 0; i < 32; ++i) h.send(support::get(std::string("a") + static_cast<char>('0' + i)));
  h.answer_all();
  h.send(support::set("c0", value_for(3 * kItem)));
  ASSERT_EQ(waiting().size(), 4U);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(waiting()[i].key.starts_with(server_key("b"))) << waiting()[i].key;
}

class ManyItemsTest : public QuotaTest {
 protected:
  ManyItemsTest() : QuotaTest(1000 * kItem) {}
};

TEST_F(ManyItemsTest, OneStoreWaitsForNoMoreThanSoManyAndTheNextTakeTheRest) {
  for (int i = 0; i < 1000; ++i) {
    std::string key{static_cast<char>('A' + i / 32), static_cast<char>('A' + i % 32)};
    h.send(support::set(std::move(key), value_for(kItem)));
    h.answer_all();
  }
  ASSERT_EQ(h.ledger().usage().bytes, 1000 * kItem);
  h.send(support::set("z0", value_for(600 * kItem)));
  EXPECT_EQ(waiting().size(), 256U + 1);
  h.send(support::set("z1", value_for(kItem)));
  EXPECT_EQ(waiting().size(), 2 * 256U + 2);
  h.send(support::set("z2", value_for(kItem)));
  EXPECT_EQ(waiting().size(), 602U + 3) << "only what is over";
  h.answer_all();
  EXPECT_EQ(h.ledger().usage().bytes, 1000 * kItem);
}

class NoQuotaTest : public QuotaTest {
 protected:
  NoQuotaTest() : QuotaTest(0) {}
};

TEST_F(NoQuotaTest, NothingIsEvictedOrRefused) {
  store('a', 30, 10'000);
  EXPECT_EQ(h.server(0).items().size(), 30U);
  EXPECT_EQ(h.ledger().usage().bytes, 300'000U);
  EXPECT_EQ(stats().at("limit_maxbytes"), "0");
}

// ---- Victims that stay.

TEST_F(QuotaTest, AVictimThatWasStoredAnewMeanwhileStays) {
  store('a', 10);
  h.send(support::set("b0", value_for(kItem)));
  ASSERT_EQ(waiting().size(), 2U);
  const std::string victim = waiting()[0].key;
  h.server(0).items()[victim].cas = 1000;
  EXPECT_EQ(h.ledger().usage().items, 9U) << "it counts as gone while it is leaving";
  h.server(0).answer();
  EXPECT_EQ(h.ledger().usage().items, 10U) << "and is back";
  h.answer_all();
  EXPECT_TRUE(h.server(0).items().contains(victim));
  EXPECT_EQ(h.ledger().usage().bytes, 11 * kItem);
  EXPECT_EQ(h.tenant().totals().evictions, 0U);
  // The next store makes room for both.
  (void)h.take_replies();
  h.send(support::set("b1", value_for(kItem)));
  EXPECT_EQ(waiting().size(), 3U);
  h.answer_all();
  EXPECT_EQ(h.ledger().usage().bytes, 10 * kItem);
}

TEST_F(QuotaTest, AVictimThatHasGoneByItselfIsNoEviction) {
  store('a', 10);
  h.send(support::set("b0", value_for(kItem)));
  h.server(0).items().erase(waiting()[0].key);
  h.answer_all();
  EXPECT_EQ(h.ledger().usage().items, 10U);
  EXPECT_EQ(h.ledger().usage().bytes, 10 * kItem);
  EXPECT_EQ(h.tenant().totals().evictions, 0U);
}

TEST_F(QuotaTest, AVictimWhoseServerWentAwayStays) {
  store('a', 10);
  h.send(support::set("b0", value_for(kItem)));
  h.server(0).go_down();
  h.turn();
  EXPECT_EQ(h.take_status(), status::kTemporary);
  EXPECT_EQ(h.ledger().usage().items, 10U);
  expect_claimed(10 * kItem);
}

TEST_F(QuotaTest, AnAnswerForAVictimOfAGenerationBeforeChangesNothing) {
  store('a', 10);
  h.send(support::set("b0", value_for(kItem)));
  ASSERT_EQ(waiting().size(), 2U);
  h.tenant().set_generation(2);
  h.ledger().begin_generation(2);
  h.answer_all();
  EXPECT_EQ(h.ledger().usage().items, 0U);
  expect_claimed(0);
}

// The flush was another worker's: this one knows of it before the ledger does.
TEST_F(QuotaTest, NothingOfANewGenerationIsDeletedForWhatIsKnownOfTheOld) {
  store('a', 10);
  h.tenant().set_generation(2);
  h.send(support::set("a0", value_for(kItem)));
  ASSERT_EQ(waiting().size(), 1U);
  EXPECT_EQ(waiting()[0].request.command, Command::set);
  EXPECT_EQ(waiting()[0].key, "test.1.2:a0");
  h.answer_all();
  EXPECT_TRUE(h.server(0).items().contains("test.1.2:a0"));
  h.ledger().begin_generation(2);
  EXPECT_EQ(h.ledger().usage().bytes, kItem);
}

class TwoServersTest : public QuotaTest {
 protected:
  TwoServersTest() : QuotaTest(10 * kItem, 2) {}
};

TEST_F(TwoServersTest, WhileOneServerIsAwayOthersMakeRoom) {
  store('a', 10);  // those that end with an even digit are on the first
  h.server(0).set_up(false);
  for (int i = 0; i < 4; ++i) {
    h.send(support::set("b1", value_for(kItem + static_cast<size_t>(i))));
    for (const auto& sent : waiting(1)) EXPECT_EQ(sent.key.back() % 2, 1) << sent.key;
    h.answer_all();
  }
  for (const char* key : {"a0", "a2", "a4", "a6", "a8"}) EXPECT_TRUE(stored(key, 0)) << key;
}

TEST_F(TwoServersTest, AStoreIsNotRefusedWhereNothingCanBeEvicted) {
  for (const char* key : {"a0", "a2", "a4", "a6", "a8"}) {
    h.send(support::set(key, value_for(2 * kItem)));
    h.answer_all();
    (void)h.take_replies();
  }
  h.server(0).set_up(false);
  h.send(support::set("b1", value_for(kItem)));
  ASSERT_EQ(waiting(1).size(), 1U);
  EXPECT_EQ(waiting(0).size(), 0U);
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.ledger().usage().bytes, 11 * kItem);
}

// ---- What is refused.

TEST_F(QuotaTest, AnItemAsLargeAsAllOfItIsStored) {
  store('a', 10);
  h.send(support::set("b0", value_for(10 * kItem)));
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.server(0).items().size(), 1U);
}

TEST_F(QuotaTest, AnItemLargerThanAllOfItIsRefusedAndASetDropsTheOldValue) {
  for (const uint8_t opcode : {op::kSet, op::kSetQ}) {
    store('a', 3);
    h.send(support::set("a0", value_for(10 * kItem + 1)).with_opcode(opcode));
    ASSERT_EQ(waiting().size(), 1U) << "nothing is evicted for it";
    EXPECT_EQ(waiting()[0].request.command, Command::remove);
    EXPECT_EQ(waiting()[0].key, server_key("a0"));
    EXPECT_EQ(waiting()[0].request.cas, 0U);
    h.answer_all();
    EXPECT_EQ(h.take_status(), status::kTooLarge);
    EXPECT_FALSE(stored("a0"));
    EXPECT_EQ(h.ledger().usage().items, 2U);
    expect_claimed(2 * kItem);
  }
}

TEST_F(QuotaTest, OtherStoresLargerThanAllOfItAreRefusedAndKeepTheOldValue) {
  store('a', 3);
  for (const uint8_t opcode : {op::kAdd, op::kReplace}) {
    h.send(support::set("a0", value_for(10 * kItem + 1)).with_opcode(opcode));
    EXPECT_EQ(h.take_status(), status::kTooLarge);
  }
  for (const uint8_t opcode : {op::kAppend, op::kPrepend}) {
    h.send(support::append("a0", std::string(9 * kItem + 1, 'v')).with_opcode(opcode));
    h.answer_all();
    EXPECT_EQ(h.take_status(), status::kTooLarge);
  }
  EXPECT_TRUE(stored("a0"));
  EXPECT_EQ(h.tenant().totals().too_large, 4U);
  expect_claimed(3 * kItem);
}

TEST_F(QuotaTest, TheFlagsOfAnItemCount) {
  h.send(support::set("a0", value_for(10 * kItem - 3), 1).with_opcode(op::kAdd));
  EXPECT_EQ(h.take_status(), status::kTooLarge);
  h.send(support::set("a0", value_for(10 * kItem - 4), 1).with_opcode(op::kAdd));
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.ledger().usage().bytes, 10 * kItem);
}

// ---- Reservations.

TEST_F(QuotaTest, StoresUnderWayCountAsIfTheyWereStored) {
  store('a', 8);
  h.send(support::set("b0", value_for(kItem)));
  h.send(support::set("b1", value_for(kItem)));
  EXPECT_EQ(waiting().size(), 2U);
  EXPECT_EQ(h.ledger().usage().bytes, 8 * kItem) << "but are not told as that";
  h.send(support::set("b2", value_for(kItem)));
  EXPECT_EQ(waiting().size(), 4U);
  EXPECT_EQ(waiting()[2].request.command, Command::remove);
}

TEST_F(QuotaTest, AReservationIsGivenBackWhateverTheAnswer) {
  for (const Status status : {Status::not_found, Status::exists, Status::too_large, Status::not_stored,
                              Status::out_of_memory, Status::temporary_failure}) {
    h.send(support::set("b0", value_for(4 * kItem)));
    expect_claimed(4 * kItem);
    h.reply(0, status);
    h.answer_all();
    (void)h.take_replies();
    expect_claimed(0);
  }
  h.send(support::set("b0", value_for(4 * kItem)));
  h.answer_all();
  expect_claimed(4 * kItem);
}

TEST_F(QuotaTest, AnAppendReservesWhatItAdds) {
  store('a', 1, 5 * kItem);
  h.send(support::append("a0", std::string(kItem, 'w')));
  expect_claimed(6 * kItem);
  h.reply(0, Status::temporary_failure);
  h.answer_all();
  expect_claimed(5 * kItem);
}

TEST_F(QuotaTest, AnItemThatCouldNotGrowIsAskedFor) {
  for (const bool gone : {false, true}) {
    store('a', 1, 5 * kItem);
    h.send(support::append("a0", std::string(kItem, 'w')));
    if (gone) h.server(0).items().clear();  // else the server had no memory for more
    h.reply(0, Status::not_stored);
    EXPECT_EQ(h.take_status(), status::kNotStored);
    ASSERT_EQ(waiting().size(), 1U);
    EXPECT_EQ(waiting()[0].request.command, Command::probe);
    h.answer_all();
    expect_claimed(gone ? 0 : 5 * kItem);
  }
}

TEST_F(QuotaTest, AnAppendTriedAgainReservesOnce) {
  store('a', 1, 5 * kItem);
  h.send(support::append("a0", std::string(kItem, 'w')));
  for (int i = 0; i < 5; ++i) {
    h.reply(0, Status::exists);
    ASSERT_EQ(waiting().back().request.command, Command::probe);
    expect_claimed(5 * kItem);
    h.server(0).answer();
    h.turn();
    ASSERT_EQ(waiting().back().request.command, Command::append);
    expect_claimed(6 * kItem);
  }
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  expect_claimed(6 * kItem);
  EXPECT_EQ(h.ledger().usage().bytes, 6 * kItem);
}

TEST_F(QuotaTest, AStoreThatCanNotBeSentReservesNothing) {
  h.server(0).set_up(false);
  h.send(support::set("b0", value_for(4 * kItem)));
  EXPECT_EQ(h.take_status(), status::kTemporary);
  expect_claimed(0);
}

// ---- Clients that have gone.

TEST_F(QuotaTest, RepliesToASessionThatHasGoneStillReachTheLedger) {
  store('a', 2);
  h.send({support::set("b0", value_for(kItem)), support::keyed(op::kDelete, "a0"), support::touch("a1", 60),
          support::increment("n0", 1, 17, 0)});
  ASSERT_EQ(waiting().size(), 4U);
  h.destroy_session();
  while (!waiting().empty()) h.server(0).answer();
  EXPECT_EQ(h.ledger().usage().items, 3U) << "a1, b0, n0";
  EXPECT_EQ(h.ledger().usage().bytes, 2 * kItem + kOverhead + 2);
  expect_claimed(2 * kItem + kOverhead + 2);
  const auto now = static_cast<uint32_t>(h.context().accounting->now());
  while (!h.ledger().expire(now + 59, 1000)) {
  }
  EXPECT_EQ(h.ledger().usage().items, 3U);
  while (!h.ledger().expire(now + 60, 1000)) {
  }
  EXPECT_EQ(h.ledger().usage().items, 2U) << "the touch, too";
}

TEST_F(QuotaTest, EvictionsForASessionThatHasGoneAreCounted) {
  store('a', 10);
  h.send(support::set("b0", value_for(2 * kItem)));
  ASSERT_EQ(waiting().size(), 3U);
  h.destroy_session();
  while (!waiting().empty()) h.server(0).answer();
  EXPECT_EQ(h.ledger().usage().bytes, 10 * kItem);
  EXPECT_EQ(h.tenant().totals().evictions, 2U);
  expect_claimed(10 * kItem);
}

TEST_F(QuotaTest, AnAppendOfASessionThatHasGoneEndsWithItsProbe) {
  h.server(0).items()[server_key("m0")] = {"12345", 0, 9};
  h.send(support::append("m0", "x"));
  ASSERT_EQ(waiting().size(), 1U);
  ASSERT_EQ(waiting()[0].request.command, Command::probe);
  h.destroy_session();
  h.server(0).answer();
  EXPECT_TRUE(waiting().empty());
  EXPECT_EQ(h.ledger().usage().items, 1U) << "the probe has told what is there";
  EXPECT_EQ(h.server(0).items()[server_key("m0")].value, "12345");
}

// ---- What a reply leaves open is asked.

TEST_F(QuotaTest, AStoreWithoutAnAnswerIsAskedFor) {
  h.send(support::set("b0", value_for(kItem), 3));
  h.server(0).items()[server_key("b0")] = {value_for(kItem), 3, 9};  // done, and its reply was lost
  h.reply(0, Status::temporary_failure);
  EXPECT_EQ(h.take_status(), status::kTemporary);
  ASSERT_EQ(waiting().size(), 1U);
  EXPECT_EQ(waiting()[0].request.command, Command::probe);
  EXPECT_EQ(waiting()[0].key, server_key("b0"));
  protocol::Reply probed;
  probed.status = Status::ok;
  probed.cas = 9;
  probed.flags = 3;
  probed.number = value_for(kItem).size();
  probed.expiry = 60;
  h.reply(0, probed);
  EXPECT_EQ(h.ledger().usage().bytes, kItem + 4);
  quota::KnownItem item{};
  quota::Ledger& ledger = h.ledger();
  ASSERT_TRUE(ledger.look_up(ledger.hash("b0"), "b0", 1, item));
  EXPECT_EQ(item.cas, 9U);
  EXPECT_TRUE(item.certain);
  EXPECT_EQ(item.flags, quota::Event::ClientFlags::some);
  const auto now = static_cast<uint32_t>(h.context().accounting->now());
  while (!ledger.expire(now + 59, 1000)) {
  }
  EXPECT_EQ(ledger.usage().items, 1U);
  while (!ledger.expire(now + 60, 1000)) {
  }
  EXPECT_EQ(ledger.usage().items, 0U);
  EXPECT_EQ(h.context().accounting->figures().probes.get(), 1U);
}

TEST_F(QuotaTest, AProbeThatFindsNothingTakesTheItemOut) {
  store('a', 1);
  h.send(support::touch("a0", 60));
  h.server(0).items().clear();
  h.reply(0, Status::temporary_failure);
  h.answer_all();
  EXPECT_EQ(h.ledger().usage().items, 0U);
}

TEST_F(QuotaTest, ANumberCountedOnThatTheLedgerDoesNotKnowIsAskedFor) {
  h.server(0).items()[server_key("n0")] = {"5", 0, 1};
  h.send(support::increment("n0", 1));
  h.server(0).answer();
  h.turn();
  ASSERT_EQ(waiting().size(), 1U);
  EXPECT_EQ(waiting()[0].request.command, Command::probe);
  h.answer_all();
  EXPECT_EQ(h.ledger().usage().bytes, kOverhead + 1);
}

TEST_F(QuotaTest, AnExpiryThatACrawlWillTellIsNotAskedFor) {
  for (const bool crawling : {false, true}) {
    h.server(0).set_crawling(crawling);
    const std::string key = crawling ? "m0" : "m1";
    h.server(0).items()[server_key(key)] = {"12345", 0, 9};
    h.send(support::get(key));
    h.server(0).answer();
    h.turn();
    EXPECT_EQ(h.waiting(), crawling ? 0U : 1U);
    h.answer_all();
    quota::KnownItem item{};
    EXPECT_TRUE(h.ledger().look_up(h.ledger().hash(key), key, 1, item));
  }
}

TEST_F(QuotaTest, AServerThatIsAwayIsNotAsked) {
  h.send(support::set("b0", value_for(kItem)));
  h.server(0).go_down();
  h.turn();
  EXPECT_EQ(h.take_status(), status::kTemporary);
  EXPECT_TRUE(waiting().empty());
}

}  // namespace
}  // namespace mctenant::session
