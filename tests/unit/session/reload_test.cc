// What a reload of the configuration means for a client.

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "support/session_harness.h"

namespace mctenant::session {
namespace {

using support::HarnessUsers;
using support::SessionHarness;
namespace op = support::op;
namespace status = support::status;

std::vector<tenant::Entry> entries_of(SessionHarness& h) { return h.context().directory().entries(); }

TEST(Reload, AClientWhoseTenantAndCredentialStayNoticesNothing) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  for (int i = 0; i < 3; ++i) {
    auto entries = entries_of(h);
    entries.erase(entries.begin() + 1, entries.end());
    entries[0].credentials.push_back({"another", {}});
    h.set_directory(std::move(entries));
    EXPECT_EQ(h.finished(), std::nullopt);
    h.send(support::simple(op::kNoop));
    EXPECT_EQ(h.take_status(), status::kOk);
  }
}

TEST(Reload, ANewQuotaIsShownToThoseWhoAreSignedIn) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  auto entries = entries_of(h);
  entries[0].plan.memory = 12'345'678;
  h.set_directory(std::move(entries));
  h.send(support::simple(op::kStat));
  bool shown = false;
  for (const auto& packet : h.take_replies()) {
    if (packet.key == "limit_maxbytes") shown = packet.value == "12345678";
  }
  EXPECT_TRUE(shown);
}

TEST(Reload, ARemovedTenantGetsItsLastRepliesAndIsGone) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  tenant::Tenant& tenant = h.tenant();
  EXPECT_EQ(tenant.connections(), 1U);
  h.send(support::set("a", "1"));
  ASSERT_EQ(h.waiting(), 1U);
  auto entries = entries_of(h);
  const auto kept = entries[0].tenant;
  entries.erase(entries.begin());
  h.set_directory(std::move(entries));
  EXPECT_EQ(h.finished(), std::nullopt);
  h.send(support::set("b", "2"));
  EXPECT_EQ(h.waiting(), 1U) << "nothing more is taken";
  h.answer_all();
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.finished(), CloseReason::tenant_removed);
  h.destroy_session();
  EXPECT_EQ(kept->connections(), 0U);
}

TEST(Reload, ARemovedTenantsFlushUnderWayIsAnsweredFirst) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  h.send(support::simple(op::kFlush));
  auto entries = entries_of(h);
  entries.erase(entries.begin());
  h.set_directory(std::move(entries));
  EXPECT_EQ(h.finished(), std::nullopt);
  h.generations().finish(false);
  h.run_one();
  EXPECT_EQ(h.take_status(), status::kTemporary);
  EXPECT_EQ(h.finished(), CloseReason::tenant_removed);
}

TEST(Reload, ACredentialThatIsGoneOrAnotherEndsItsConnections) {
  for (const char* change : {"gone", "another password", "another tenant's"}) {
    SessionHarness h;
    ASSERT_EQ(h.sign_in(), status::kOk);
    auto entries = entries_of(h);
    auto credentials = std::exchange(entries[0].credentials, {});
    if (change == std::string_view("another password")) {
      credentials[0].verifier.stored_key[31] ^= 1;
      entries[0].credentials = credentials;
    } else if (change == std::string_view("another tenant's")) {
      entries[1].credentials.push_back(credentials[0]);
    }
    h.set_directory(std::move(entries));
    EXPECT_EQ(h.finished(), CloseReason::credential_changed) << change;
  }
}

TEST(Reload, VerifiersOfOtherHashesMayComeAndGoButNotChange) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  auto entries = entries_of(h);
  auth::Verifier other = entries[0].credentials[0].verifier;
  other.hash = auth::Hash::sha_512;
  for (const bool there : {true, false, true}) {
    entries[0].credentials[0].others.assign(there ? 1 : 0, other);
    h.set_directory(entries);
    EXPECT_EQ(h.finished(), std::nullopt);
  }
  other.stored_key[63] ^= 1;
  entries[0].credentials[0].others = {other};
  h.set_directory(std::move(entries));
  EXPECT_EQ(h.finished(), CloseReason::credential_changed);
}

TEST(Reload, ASignInUnderWayOfARemovedUserFails) {
  SessionHarness h({.forgetful = true});
  const auto& user = HarnessUsers::instance().users[0];
  h.send(support::plain(user.name, user.password));
  ASSERT_EQ(h.take_received(), "") << "its password is being checked";
  auto entries = entries_of(h);
  entries.erase(entries.begin());
  h.set_directory(std::move(entries));
  h.run_one();
  EXPECT_EQ(h.take_status(), status::kAuth);
  EXPECT_FALSE(h.session().signed_in());
  EXPECT_EQ(h.finished(), std::nullopt);
}

TEST(Reload, ASignInUnderWayWithAPasswordOfBeforeFails) {
  SessionHarness h({.forgetful = true});
  const auto& user = HarnessUsers::instance().users[0];
  h.send(support::plain(user.name, user.password));
  auto entries = entries_of(h);
  entries[0].credentials[0].verifier = HarnessUsers::instance().users[1].verifier;
  h.set_directory(std::move(entries));
  h.run_one();
  EXPECT_EQ(h.take_status(), status::kAuth);
}

TEST(Reload, FewerConnectionsCloseNobodyAndRefuseTheNext) {
  SessionHarness h;
  ASSERT_EQ(h.sign_in(), status::kOk);
  auto entries = entries_of(h);
  ASSERT_TRUE(entries[0].tenant->take_connection(0));  // somebody else's
  entries[0].plan.max_connections = 1;
  h.set_directory(entries);
  EXPECT_EQ(h.finished(), std::nullopt);
  h.send(support::simple(op::kNoop));
  EXPECT_EQ(h.take_status(), status::kOk);
  EXPECT_EQ(h.sign_in(), status::kTemporary) << "signed out by asking anew, and no place is free";
}

}  // namespace
}  // namespace mctenant::session
