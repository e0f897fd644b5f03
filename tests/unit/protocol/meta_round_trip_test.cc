// What the encoder writes is what a real memcached takes, and what it answers is what the parser reads.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "protocol/meta_encoder.h"
#include "protocol/meta_reply_parser.h"
#include "support/memcached_process.h"

namespace mctenant::protocol {
namespace {

using namespace std::chrono_literals;

// A reply and the value that it came with.
struct Answer {
  Reply reply;
  std::string value;
};

class MetaRoundTrip : public testing::Test {
 protected:
  static void SetUpTestSuite() { memcached_ = std::make_unique<support::MemcachedProcess>(); }
  static void TearDownTestSuite() { memcached_.reset(); }

  // The server and with it the connection's place in the stream are checked by every exchange.
  Answer ask(const Request& request, std::string_view key) {
    base::OutputQueue out;
    write_meta_request(request, key, out);
    iovec pieces[8];
    const int count = out.gather(pieces, 8);
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(connection_.send({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len}));
    }
    for (;;) {
      const MetaReply found = parse_meta_reply(request.command, connection_.unread(), 2 << 20);
      if (found.outcome == MetaReply::Outcome::reply) {
        Answer answer{found.reply,
                      std::string(found.reply.value.data == nullptr ? "" : found.reply.value.data,
                                  found.reply.value.size)};
        answer.reply.value = {};
        connection_.take(found.consumed);
        EXPECT_TRUE(connection_.unread().empty());
        return answer;
      }
      if (found.outcome == MetaReply::Outcome::broken || !connection_.read_some(5s)) {
        ADD_FAILURE() << "the server answered: " << connection_.unread();
        return {};
      }
    }
  }
  Answer ask(Command command, std::string_view key, std::string_view value = "", uint64_t cas = 0) {
    Request request;
    request.command = command;
    request.value = {{}, value.data(), value.size()};
    request.cas = cas;
    return ask(request, key);
  }
  Answer arithmetic(Command command, std::string_view key, uint64_t delta, bool create = false,
                    uint64_t initial = 0) {
    Request request;
    request.command = command;
    request.delta = delta;
    request.create = create;
    request.initial = initial;
    return ask(request, key);
  }

  static std::unique_ptr<support::MemcachedProcess> memcached_;

 private:
  support::Connection connection_{memcached_->address()};
};

std::unique_ptr<support::MemcachedProcess> MetaRoundTrip::memcached_;

TEST_F(MetaRoundTrip, StoresAndReads) {
  EXPECT_EQ(ask(Command::get, "a").reply.status, Status::not_found);
  Request store;
  store.command = Command::set;
  store.flags = 0xdeadbeef;
  store.expiry = 1000;
  const std::string value("a\r\nEN\r\n\0z", 9);
  store.value = {{}, value.data(), value.size()};
  const Answer stored = ask(store, "a");
  EXPECT_EQ(stored.reply.status, Status::ok);
  EXPECT_NE(stored.reply.cas, 0U);
  const Answer read = ask(Command::get, "a");
  EXPECT_EQ(read.reply.status, Status::ok);
  EXPECT_EQ(read.value, value);
  EXPECT_EQ(read.reply.flags, 0xdeadbeef);
  EXPECT_EQ(read.reply.cas, stored.reply.cas);
  EXPECT_EQ(ask(Command::set, "empty").reply.status, Status::ok);
  EXPECT_EQ(ask(Command::get, "empty").value, "");
}

TEST_F(MetaRoundTrip, ConditionsHoldOrNot) {
  EXPECT_EQ(ask(Command::replace, "b", "1").reply.status, Status::not_found);
  EXPECT_EQ(ask(Command::append, "b", "1").reply.status, Status::not_stored);
  EXPECT_EQ(ask(Command::prepend, "b", "1").reply.status, Status::not_stored);
  EXPECT_EQ(ask(Command::append, "b", "1", 5).reply.status, Status::not_stored);
  EXPECT_EQ(ask(Command::set, "b", "1", 5).reply.status, Status::not_found);
  const Answer added = ask(Command::add, "b", "1");
  EXPECT_EQ(added.reply.status, Status::ok);
  EXPECT_EQ(ask(Command::add, "b", "2").reply.status, Status::exists);
  EXPECT_EQ(ask(Command::set, "b", "2", added.reply.cas + 1000).reply.status, Status::exists);
  EXPECT_EQ(ask(Command::append, "b", "2", added.reply.cas + 1000).reply.status, Status::exists);
  const Answer appended = ask(Command::append, "b", "2", added.reply.cas);
  EXPECT_EQ(appended.reply.status, Status::ok);
  EXPECT_EQ(ask(Command::prepend, "b", "0", appended.reply.cas).reply.status, Status::ok);
  EXPECT_EQ(ask(Command::get, "b").value, "012");
  EXPECT_EQ(ask(Command::replace, "b", "new").reply.status, Status::ok);
}

TEST_F(MetaRoundTrip, AProbeTellsSizeCasAndFlags) {
  EXPECT_EQ(ask(Command::probe, "c").reply.status, Status::not_found);
  Request store;
  store.command = Command::set;
  store.flags = 3;
  store.value = {{}, "12345", 5};
  const Answer stored = ask(store, "c");
  const Answer probed = ask(Command::probe, "c");
  EXPECT_EQ(probed.reply.status, Status::ok);
  EXPECT_EQ(probed.reply.number, 5U);
  EXPECT_EQ(probed.reply.cas, stored.reply.cas);
  EXPECT_EQ(probed.reply.flags, 3U);
}

TEST_F(MetaRoundTrip, AProbeTellsSizeCasFlagsAndExpiryToTheLastSecond) {
  EXPECT_EQ(ask(Command::probe, "i").reply.status, Status::not_found);
  const Answer plain = ask(Command::set, "i", "12345");
  const Answer seen = ask(Command::probe, "i");
  EXPECT_EQ(seen.reply.status, Status::ok);
  EXPECT_EQ(seen.reply.expiry, -1);
  EXPECT_EQ(seen.reply.cas, plain.reply.cas);
  EXPECT_EQ(seen.reply.number, 5U);

  Request store;
  store.command = Command::set;
  store.expiry = 1;
  store.flags = 7;
  const Answer stored = ask(store, "i");
  const Answer again = ask(Command::probe, "i");
  if (again.reply.status == Status::ok) {  // not yet expired
    EXPECT_EQ(again.reply.cas, stored.reply.cas);
    EXPECT_EQ(again.reply.flags, 7U);
    EXPECT_GE(again.reply.expiry, 0);
    EXPECT_LE(again.reply.expiry, 1);
  }
}

TEST_F(MetaRoundTrip, Removes) {
  EXPECT_EQ(ask(Command::remove, "d").reply.status, Status::not_found);
  const Answer stored = ask(Command::set, "d", "1");
  EXPECT_EQ(ask(Command::remove, "d", "", stored.reply.cas + 1000).reply.status, Status::exists);
  EXPECT_EQ(ask(Command::remove, "d", "", stored.reply.cas).reply.status, Status::ok);
  EXPECT_EQ(ask(Command::get, "d").reply.status, Status::not_found);
}

TEST_F(MetaRoundTrip, Counts) {
  EXPECT_EQ(arithmetic(Command::increment, "n", 1).reply.status, Status::not_found);
  EXPECT_EQ(arithmetic(Command::increment, "n", 1, true, 10).reply.number, 10U);
  EXPECT_EQ(arithmetic(Command::increment, "n", 5).reply.number, 15U);
  const Answer shorter = arithmetic(Command::decrement, "n", 8);  // memcached keeps the length: "7 "
  EXPECT_EQ(shorter.reply.status, Status::ok);
  EXPECT_EQ(shorter.reply.number, 7U);
  EXPECT_NE(shorter.reply.cas, 0U);
  EXPECT_EQ(arithmetic(Command::decrement, "n", 100).reply.number, 0U);
  EXPECT_EQ(arithmetic(Command::increment, "n", UINT64_MAX).reply.number, UINT64_MAX);
  EXPECT_EQ(arithmetic(Command::increment, "n", 2).reply.number, 1U);
  (void)ask(Command::set, "text", "abc");
  EXPECT_EQ(arithmetic(Command::increment, "text", 1).reply.status, Status::non_numeric);
  Request request;
  request.command = Command::increment;
  request.delta = 1;
  request.cas = 999'999'999;
  EXPECT_EQ(ask(request, "n").reply.status, Status::exists);
}

TEST_F(MetaRoundTrip, Touches) {
  EXPECT_EQ(ask(Command::touch, "t").reply.status, Status::not_found);
  EXPECT_EQ(ask(Command::get_and_touch, "t").reply.status, Status::not_found);
  const Answer stored = ask(Command::set, "t", "value");
  Request request;
  request.command = Command::touch;
  request.expiry = 100;
  EXPECT_EQ(ask(request, "t").reply.cas, stored.reply.cas);
  request.command = Command::get_and_touch;
  EXPECT_EQ(ask(request, "t").value, "value");
  request.command = Command::touch;
  request.expiry = -1;
  EXPECT_EQ(ask(request, "t").reply.status, Status::ok);
  EXPECT_EQ(ask(Command::get, "t").reply.status, Status::not_found);
}

TEST_F(MetaRoundTrip, TheLongestKeyAndAMegabytePass) {
  const std::string key(250, 'k');
  const std::string value(1 << 20, 'v');
  EXPECT_EQ(ask(Command::set, key, value).reply.status, Status::ok);
  EXPECT_EQ(ask(Command::get, key).value, value);
}

TEST_F(MetaRoundTrip, WhatIsTooLargeIsToldInOneReply) {
  const std::string value(3 << 20, 'v');
  EXPECT_EQ(ask(Command::set, "big", value).reply.status, Status::too_large);
  EXPECT_EQ(ask(Command::get, "big").reply.status, Status::not_found);
}

}  // namespace
}  // namespace mctenant::protocol
