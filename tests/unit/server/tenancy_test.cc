#include "server/tenancy.h"

#include <gtest/gtest.h>

#include <vector>

namespace mctenant::server {
namespace {

config::Config with_tenants(const std::vector<std::string>& names) {
  config::Config config;
  for (const std::string& name : names) {
    config::TenantConfig tenant;
    tenant.name = name;
    tenant.plan.max_connections = 7;
    tenant.credentials.push_back({name + "'s user", {}});
    config.tenants.push_back(tenant);
  }
  return config;
}

TEST(Tenancy, ATenantThatStaysIsTheSameObject) {
  Tenancy tenancy("x7", 2);
  const auto first = tenancy.make_directory(with_tenants({"acme", "beta"}), {{1, "acme", 5}, {2, "beta", 0}});
  tenant::Tenant* acme = first->entries()[0].tenant.get();
  EXPECT_EQ(acme->generation(), 5U);
  EXPECT_EQ(acme->prefix(acme->shard(1)), "x7.1.5:");
  acme->set_generation(6);  // more than what the record says, which may be older
  const auto second =
      tenancy.make_directory(with_tenants({"gamma", "acme"}), {{3, "gamma", 0}, {1, "acme", 5}});
  EXPECT_EQ(second->entries()[1].tenant.get(), acme);
  EXPECT_EQ(acme->generation(), 6U);
  EXPECT_EQ(second->entries()[0].tenant->name(), "gamma");
  EXPECT_EQ(second->find_by_username("acme's user")->plan.max_connections, 7U);
  EXPECT_EQ(second->find_by_username("beta's user"), nullptr);
}

TEST(Tenancy, ARemovedTenantLivesOnAndItsNamesakeIsAnother) {
  Tenancy tenancy("x7", 1);
  auto directory = tenancy.make_directory(with_tenants({"acme"}), {{1, "acme", 5}});
  const std::weak_ptr<tenant::Tenant> first = directory->entries()[0].tenant;
  directory = tenancy.make_directory(with_tenants({}), {});
  EXPECT_FALSE(first.expired()) << "requests under way still count in it";
  directory = tenancy.make_directory(with_tenants({"acme"}), {{2, "acme", 0}});
  EXPECT_NE(directory->entries()[0].tenant, first.lock());
  EXPECT_EQ(directory->entries()[0].tenant->id(), 2U);
}

TEST(Tenancy, EveryTenantOfTheConfigurationIsWanted) {
  config::Config config = with_tenants({"acme", "beta"});
  config.tenants[1].id = 9;
  const auto wanted = wanted_tenants(config);
  ASSERT_EQ(wanted.size(), 2U);
  EXPECT_EQ(wanted[0].name, "acme");
  EXPECT_EQ(wanted[0].id, std::nullopt);
  EXPECT_EQ(wanted[1].id, 9U);
}

}  // namespace
}  // namespace mctenant::server
