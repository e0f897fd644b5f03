// What a client may do whose credential does not allow everything.

#include "session/capabilities.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "protocol/binary_commands.h"
#include "support/session_harness.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using support::Packet;
using support::SessionHarness;
using tenant::Capabilities;
using tenant::Capability;
namespace op = support::op;
namespace status = support::status;

Packet request_of(const protocol::CommandRow& row) {
  Packet packet = support::simple(row.opcode);
  packet.extras.assign(row.extras, '\0');
  if (row.key != protocol::Presence::none) packet.key = "k0";
  if (row.value == protocol::Presence::optional && row.handling == protocol::Handling::forwarded)
    packet.value = "v";
  return packet;
}

uint64_t denied(SessionHarness& h, Capability capability) {
  const tenant::Totals totals = h.tenant().totals();
  if (capability == Capability::read) return totals.denied_read;
  return capability == Capability::write ? totals.denied_write : totals.denied_flush;
}

// Every opcode with every set of capabilities: what needs more than there is never reaches a server.
TEST(CapabilityTable, NothingReachesAServerThatIsNotAllowed) {
  for (unsigned bits = 0; bits < 8; ++bits) {
    Capabilities allowed;
    for (unsigned i = 0; i < 3; ++i) {
      if ((bits >> i & 1) != 0) allowed.add(static_cast<Capability>(i));
    }
    for (const protocol::CommandRow& row : protocol::binary_commands()) {
      if (row.handling != protocol::Handling::forwarded) continue;
      SessionHarness h({.capabilities = allowed});
      ASSERT_EQ(h.sign_in(), status::kOk);
      h.send({request_of(row).with_opaque(7), support::simple(op::kNoop)});
      // Independent of the table: what changes something writes, and what says a value reads.
      const bool says = row.command == Command::get || row.command == Command::get_and_touch ||
                        row.command == Command::increment || row.command == Command::decrement;
      const bool may =
          (!row.writes || allowed.has(Capability::write)) && (!says || allowed.has(Capability::read));
      EXPECT_EQ(h.waiting(), may ? 1U : 0U) << row.name << " " << bits;
      if (may) continue;
      const auto replies = h.take_replies();
      const bool read = row.command == Command::get || row.command == Command::get_and_touch;
      if (row.quiet && read) {
        EXPECT_EQ(replies.size(), 1U) << row.name << ": a miss is silent";
        continue;
      }
      ASSERT_EQ(replies.size(), 2U) << row.name;
      const bool stores = row.value == protocol::Presence::optional;
      EXPECT_EQ(replies[0].status, stores ? status::kNotStored : status::kNotFound) << row.name;
      EXPECT_EQ(replies[0].opaque, 7U);
      EXPECT_EQ(replies[0].key, row.returns_key ? "k0" : "") << row.name;
      EXPECT_EQ(denied(h, Capability::read) + denied(h, Capability::write), 1U);
    }
  }
}

TEST(Capabilities, TextAndMetaAreAnsweredInTheirOwnWords) {
  const auto talk = [](Capabilities allowed, const std::string& request) {
    SessionHarness h({.capabilities = allowed});
    EXPECT_TRUE(h.sign_in_text());
    h.send(request + "\r\n");
    EXPECT_EQ(h.waiting(), 0U) << request;
    return h.take_received();
  };
  const std::pair<const char*, const char*> kWrites[] = {
      {"set k0 0 0 1\r\nv", "NOT_STORED\r\n"},
      {"add k0 0 0 1\r\nv", "NOT_STORED\r\n"},
      {"replace k0 0 0 1\r\nv", "NOT_STORED\r\n"},
      {"append k0 0 0 1\r\nv", "NOT_STORED\r\n"},
      {"prepend k0 0 0 1\r\nv", "NOT_STORED\r\n"},
      {"cas k0 0 0 1 7\r\nv", "NOT_FOUND\r\n"},
      {"set k0 0 0 1 noreply\r\nv", ""},
      {"delete k0", "NOT_FOUND\r\n"},
      {"touch k0 1", "NOT_FOUND\r\n"},
      {"incr k0 1", "NOT_FOUND\r\n"},
      {"decr k0 1", "NOT_FOUND\r\n"},
      {"gat 1 k0 k1", "END\r\n"},
      {"ms k0 1\r\nv", "NS\r\n"},
      {"ms k0 1 k O9\r\nv", "NS kk0 O9\r\n"},
      {"md k0", "NF\r\n"},
      {"ma k0", "NF\r\n"},
      {"mg k0 v T10", "EN\r\n"},
      {"mg k0 v N10", "EN\r\n"},
      {"flush_all", "CLIENT_ERROR not allowed to flush\r\n"},
  };
  for (const auto& [request, answer] : kWrites)
    EXPECT_EQ(talk({Capability::read}, request), answer) << request;
  const std::pair<const char*, const char*> kReads[] = {
      {"get k0 k1", "END\r\n"},        {"gets k0", "END\r\n"}, {"mg k0 v", "EN\r\n"},
      {"mg k0 s v q\r\nmn", "MN\r\n"}, {"me k0", "EN\r\n"},    {"incr k0 0", "NOT_FOUND\r\n"},
      {"gat 1 k0", "END\r\n"},
  };
  for (const auto& [request, answer] : kReads)
    EXPECT_EQ(talk({Capability::write}, request), answer) << request;
}

TEST(Capabilities, ADenialKeepsItsPlaceAmongTheReplies) {
  SessionHarness h({.capabilities = {Capability::read}});
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send({support::get("k0").with_opaque(1), support::set("k0", "v").with_opaque(2),
          support::get("k1").with_opaque(3)});
  EXPECT_TRUE(h.take_replies().empty());
  h.answer_all();
  const auto replies = h.take_replies();
  ASSERT_EQ(replies.size(), 3U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(replies[i].opaque, i + 1);
  EXPECT_EQ(replies[1].status, status::kNotStored);
  EXPECT_EQ(denied(h, Capability::write), 1U);
  EXPECT_EQ(denied(h, Capability::read), 0U);
  EXPECT_EQ(h.tenant().totals().cmd_set, 0U);
}

TEST(Capabilities, AStoreThatIsTooLargeIsDeniedLikeAnyOther) {
  SessionHarness h({.limits = {.item_size = 1024}, .capabilities = {Capability::read}});
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send(support::set("k0", std::string(5000, 'v')));
  EXPECT_EQ(h.take_status(), status::kNotStored);
  EXPECT_EQ(h.waiting(), 0U) << "the old value stays";
}

TEST(Capabilities, AFlushWithoutTheCapabilityIsRefusedAndSaysSo) {
  SessionHarness h({.capabilities = {Capability::read, Capability::write}});
  ASSERT_EQ(h.sign_in(), status::kOk);
  for (const uint8_t opcode : {op::kFlush, op::kFlushQ}) {
    h.send(support::simple(opcode));
    const auto replies = h.take_replies();
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies[0].status, status::kAuth);
    EXPECT_EQ(replies[0].value, "Not allowed to flush");
  }
  EXPECT_EQ(h.generations().waiting(), 0U);
  EXPECT_EQ(denied(h, Capability::flush), 2U);
  EXPECT_EQ(h.finished(), std::nullopt);
  EXPECT_TRUE(h.session().signed_in());
}

TEST(Capabilities, WhoMayOnlyFlushMayFlush) {
  SessionHarness h({.capabilities = {Capability::flush}});
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send(support::simple(op::kFlush));
  EXPECT_EQ(h.generations().waiting(), 1U);
  h.generations().finish(true);
  h.run_one();
  EXPECT_EQ(h.take_status(), status::kOk);
  h.send(support::simple(op::kNoop));
  EXPECT_EQ(h.take_status(), status::kOk);
}

TEST(Capabilities, ThoseOfAReloadCountAtOnceAndCloseNobody) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  auto entries = h.context().directory().entries();
  entries[0].credentials[0].capabilities = {Capability::read};
  h.set_directory(entries);
  EXPECT_EQ(h.finished(), std::nullopt);
  h.send(support::set("k0", "v"));
  EXPECT_EQ(h.take_status(), status::kNotStored);
  entries[0].credentials[0].capabilities = tenant::kDefaultCapabilities;
  h.set_directory(entries);
  h.send(support::set("k0", "v"));
  EXPECT_EQ(h.waiting(), 1U);
}

TEST(Capabilities, ASecondSignInHasItsOwn) {
  SessionHarness h;
  auto entries = h.context().directory().entries();
  entries[1].credentials[0].capabilities = {Capability::read};
  h.set_directory(entries);
  ASSERT_EQ(h.sign_in(0), status::kOk);
  ASSERT_EQ(h.sign_in(1), status::kOk);
  h.send(support::set("k0", "v"));
  EXPECT_EQ(h.take_status(), status::kNotStored);
  ASSERT_EQ(h.sign_in(0), status::kOk);
  h.send(support::set("k0", "v"));
  EXPECT_EQ(h.waiting(), 1U);
}

TEST(Capabilities, ConnectionsAndSignInsAreCountedByCredential) {
  SessionHarness h;
  const auto figures = h.context().directory().entries()[0].credentials[0].figures;
  ASSERT_EQ(h.sign_in(0), status::kOk);
  EXPECT_EQ(figures->connections, 1U);
  ASSERT_EQ(h.sign_in(0), status::kOk);
  EXPECT_EQ(figures->connections, 1U);
  EXPECT_EQ(figures->sign_ins, 2U);
  ASSERT_EQ(h.sign_in(1), status::kOk);
  EXPECT_EQ(figures->connections, 0U);
  h.destroy_session();
  EXPECT_EQ(h.tenant(1).connections(), 0U);
}

}  // namespace
}  // namespace mctenant::session
