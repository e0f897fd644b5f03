#include "server/known_tenants.h"

#include <gtest/gtest.h>

#include <string>

namespace mctenant::server {
namespace {

// acme lives, in generation 5; 2 was retired in generation 3 before this process began.
class KnownTenantsTest : public testing::Test {
 protected:
  KnownTenantsTest() : known_("x7") {
    KnownTenants::Known living;
    living.account.tenant = &acme_;
    living.living = true;
    known_.set_living(1, living);
    known_.retire({.id = 2, .name = "gone", .generation = 3, .retired = true});
  }

  [[nodiscard]] Owner owner(std::string_view key) const { return known_.find(key).owner; }

  tenant::Tenant acme_{"acme", 1, 5, "x7", 1};
  KnownTenants known_;
};

TEST_F(KnownTenantsTest, AnItemOfThePresentGenerationIsItsTenants) {
  const KnownTenants::Found found = known_.find("x7.1.5:user:17");
  EXPECT_EQ(found.owner, Owner::tenant);
  EXPECT_EQ(found.parts.id, 1U);
  EXPECT_EQ(found.parts.generation, 5U);
  EXPECT_EQ(found.parts.tail, "user:17");
  ASSERT_NE(found.known, nullptr);
  EXPECT_EQ(found.known->account.tenant, &acme_);
}

TEST_F(KnownTenantsTest, AnItemOfAGenerationBeforeIsLeftOver) {
  for (const char* key : {"x7.1.4:k", "x7.1.1:k", "x7.1.0:k"}) EXPECT_EQ(owner(key), Owner::leftover) << key;
}

TEST_F(KnownTenantsTest, AFlushMakesLeftoversOfWhatWasTheTenants) {
  acme_.set_generation(6);
  EXPECT_EQ(owner("x7.1.5:k"), Owner::leftover);
  EXPECT_EQ(owner("x7.1.6:k"), Owner::tenant);
}

TEST_F(KnownTenantsTest, AGenerationThatWasNeverGivenIsNobodys) {
  EXPECT_EQ(owner("x7.1.6:k"), Owner::nobody);
  EXPECT_EQ(owner("x7.1.18446744073709551615:k"), Owner::nobody);
  EXPECT_EQ(owner("x7.2.4:k"), Owner::nobody) << "a retired tenant's neither";
}

TEST_F(KnownTenantsTest, EveryGenerationOfARetiredTenantIsLeftOver) {
  for (const char* key : {"x7.2.3:k", "x7.2.2:k", "x7.2.0:k"}) EXPECT_EQ(owner(key), Owner::leftover) << key;
}

TEST_F(KnownTenantsTest, AnUnknownIdIsNobodys) {
  for (const char* key : {"x7.3.0:k", "x7.0.0:k", "x7.11.5:k", "x7.4294967295.0:k"})
    EXPECT_EQ(owner(key), Owner::nobody) << key;
}

TEST_F(KnownTenantsTest, AForeignNamespaceIsNobodys) {
  for (const char* key : {"x8.1.5:k", "x.1.5:k", "x77.1.5:k", "X7.1.5:k", "7.1.5:k", ".1.5:k", "a.x7.1.5:k",
                          "plain", "x7", "x7:k", ""}) {
    EXPECT_EQ(owner(key), Owner::nobody) << key;
  }
}

// Somebody else's key may look like one of ours and still not be one that was ever written.
TEST_F(KnownTenantsTest, ANumberWrittenInAnotherWayIsNobodys) {
  for (const char* key :
       {"x7.01.5:k", "x7.1.05:k", "x7.1.04:k", "x7.+1.5:k", "x7.1.+4:k", "x7.-1.5:k", "x7. 1.5:k",
        "x7.1.4 :k", "x7.1.0x4:k", "x7.1.4.:k", "x7.2.00:k", "x7.4294967297.5:k",
        "x7.1.18446744073709551616:k", "x7..5:k", "x7.1.:k", "x7.1.5", "x7.1.5:", "x7.1:5:k"}) {
    EXPECT_EQ(owner(key), Owner::nobody) << key;
  }
}

TEST_F(KnownTenantsTest, ATenantThatIsRetiredWhileWeRunLeavesAllOfItsItems) {
  acme_.set_generation(6);
  known_.retire({.id = 1, .name = "acme", .generation = 6, .retired = true});
  for (const char* key : {"x7.1.6:k", "x7.1.5:k", "x7.1.0:k"}) EXPECT_EQ(owner(key), Owner::leftover) << key;
  EXPECT_EQ(owner("x7.1.7:k"), Owner::nobody);
  EXPECT_EQ(known_.find("x7.1.6:k").known->account.tenant, &acme_) << "its account is still looked after";
}

TEST_F(KnownTenantsTest, ANamesakeOfARetiredTenantHasItemsOfItsOwn) {
  tenant::Tenant second("gone", 9, 0, "x7", 1);
  KnownTenants::Known living;
  living.account.tenant = &second;
  living.living = true;
  known_.set_living(9, living);
  EXPECT_EQ(owner("x7.9.0:k"), Owner::tenant);
  EXPECT_EQ(owner("x7.2.3:k"), Owner::leftover);
  EXPECT_EQ(known_.all().size(), 3U);
}

}  // namespace
}  // namespace mctenant::server
