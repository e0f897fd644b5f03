// What becomes of the answer to a question about one key.

#include <gtest/gtest.h>

#include <string>

#include "model_memcached.h"
#include "quota/ledger.h"
#include "session/accounting.h"
#include "tenant/tenant.h"

namespace mctenant::session::model {
namespace {

class Probe : public testing::Test, private upstream::Pool {
 protected:
  Probe() {
    account = {&tenant, &tenant.shard(0), &ledger, this};
    accounting.track(account, 1, "ns.1.1:key", 7, key);
  }
  quota::Event stored(uint64_t cas, quota::Observer by, uint32_t sent) {
    quota::Event event;
    event.kind = quota::Event::Kind::stored;
    event.observer = by;
    event.source = 1;
    event.sent = sent;
    event.hash = key.hash;
    event.key = key.tail();
    event.generation = 1;
    event.cas = cas;
    event.size = 100;
    event.expiry = 0;
    return event;
  }
  void answer() {
    ASSERT_TRUE(connection.execute());
    (void)connection.deliver();
  }
  bool knows() {
    quota::KnownItem item{};
    return ledger.look_up(key.hash, key.tail(), 1, item);
  }

  base::ManualClock clock;
  quota::Books books{1};
  tenant::Tenant tenant{"acme", 1, 1, "ns", 1};
  quota::Ledger ledger{2, 1'700'000'000};
  Memcached server{clock, 1};
  Connection connection{server, 0};
  Accounting accounting{books, 0, clock};
  Account account;
  TrackedKey key;

 private:
  [[nodiscard]] upstream::Server& place(std::string_view /*server_key*/) override { return connection; }
  [[nodiscard]] bool can_serve() const override { return true; }
};

TEST_F(Probe, FindsAnItemOfWhichNothingWasKnown) {
  server.items()["ns.1.1:key"] = {"value", 0, 7, 0};
  accounting.probe(key);
  answer();
  quota::KnownItem item{};
  ASSERT_TRUE(ledger.look_up(key.hash, key.tail(), 1, item));
  EXPECT_EQ(item.cas, 7U);
  EXPECT_EQ(item.size, quota::item_bytes(10, 5, 0));
  EXPECT_EQ(accounting.figures().probes.get(), 1U);
}

TEST_F(Probe, RemovesWhatIsNotThere) {
  EXPECT_FALSE(ledger.apply(stored(7, 0, ledger.clock(key.hash))));
  accounting.probe(key);
  answer();
  EXPECT_FALSE(knows());
}

TEST_F(Probe, AStoreWhoseReplyComesAfterItsAnswerOfNothingIsAskedForAgain) {
  const uint32_t sent = ledger.clock(key.hash);
  accounting.probe(key);
  answer();
  ASSERT_TRUE(ledger.apply(stored(7, 1, sent)));
  accounting.probe(key);
  answer();
  EXPECT_FALSE(knows());
}

TEST_F(Probe, WithoutAnAnswerNothingIsTold) {
  EXPECT_FALSE(ledger.apply(stored(7, 0, ledger.clock(key.hash))));
  accounting.probe(key);
  (void)connection.lose();
  (void)connection.deliver();
  EXPECT_TRUE(knows());
}

}  // namespace
}  // namespace mctenant::session::model
