#include "tenant/directory.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mctenant::tenant {
namespace {

auth::Verifier verifier_with_salt(std::string salt) {
  auth::Verifier verifier;
  verifier.salt = std::move(salt);
  return verifier;
}

Directory two_tenants() {
  std::vector<Entry> entries;
  entries.push_back(
      {std::make_shared<Tenant>("acme", 1, 0, "x7", 1),
       {},
       {{"acme", verifier_with_salt("salt of acme")}, {"acme-2", verifier_with_salt("salt of acme-2")}}});
  entries.push_back(
      {std::make_shared<Tenant>("beta", 2, 0, "x7", 1), {}, {{"beta", verifier_with_salt("of beta")}}});
  return Directory(std::move(entries));
}

TEST(Directory, EachUserNameLeadsToItsVerifierAndTenant) {
  const Directory directory = two_tenants();
  ASSERT_NE(directory.find_verifier("acme-2", auth::Hash::sha_256), nullptr);
  EXPECT_EQ(directory.find_verifier("acme-2", auth::Hash::sha_256)->salt, "salt of acme-2");
  EXPECT_EQ(directory.find_verifier("beta", auth::Hash::sha_256)->salt, "of beta");
  EXPECT_EQ(directory.find_by_username("acme")->tenant->id(), 1u);
  EXPECT_EQ(directory.find_by_username("acme-2")->tenant->id(), 1u);
  EXPECT_EQ(directory.find_by_username("beta")->tenant->id(), 2u);
  EXPECT_EQ(directory.entries().size(), 2u);
}

TEST(Directory, TenantsAreFoundByTheirIds) {
  const Directory directory = two_tenants();
  EXPECT_EQ(directory.find_tenant(2)->tenant->name(), "beta");
  EXPECT_EQ(directory.find_tenant(1), &directory.entries()[0]);
  EXPECT_EQ(directory.find_tenant(3), nullptr);
}

TEST(Directory, ACredentialThatIsHeldOutlivesIt) {
  std::shared_ptr<const Credential> held;
  {
    const Directory directory = two_tenants();
    held = directory.find_credential("acme-2");
    EXPECT_EQ(directory.find_credential("nobody"), nullptr);
  }
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->username, "acme-2");
  EXPECT_EQ(held->verifier.salt, "salt of acme-2");
}

TEST(Directory, UnknownNamesLeadNowhere) {
  const Directory directory = two_tenants();
  for (const std::string_view name : {std::string_view(""), std::string_view("acm"), std::string_view("ACME"),
                                      std::string_view("acme\0", 5), std::string_view("acme-20")}) {
    EXPECT_EQ(directory.find_verifier(name, auth::Hash::sha_256), nullptr);
    EXPECT_EQ(directory.find_by_username(name), nullptr);
  }
  EXPECT_EQ(Directory({}).find_by_username("acme"), nullptr);
}

}  // namespace
}  // namespace mctenant::tenant
