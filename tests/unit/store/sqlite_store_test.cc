#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <csignal>
#include <memory>
#include <set>
#include <string>

#include "store/store.h"
#include "support/temp_folder.h"

namespace mctenant::store {
namespace {

using tenant::Generation;
using tenant::TenantId;
using ::testing::HasSubstr;

class SqliteStore : public testing::Test {
 protected:
  std::unique_ptr<Store> open(std::optional<std::string> key_namespace = std::nullopt) {
    auto store = open_sqlite({path_, std::move(key_namespace)});
    if (!store) {
      ADD_FAILURE() << store.error().message;
      abort();
    }
    return *std::move(store);
  }
  std::string error_of(const StoreOptions& options) {
    auto store = open_sqlite(options);
    return store ? "" : store.error().message;
  }

  support::TempFolder folder_;
  const std::string path_ = folder_.file("state.db");
};

TEST_F(SqliteStore, IsMadeForItsOwnerAlone) {
  const auto store = open();
  ASSERT_TRUE(store->ensure_tenant("acme", std::nullopt));
  for (const char* suffix : {"", "-wal"}) {
    struct stat status {};
    ASSERT_EQ(stat((path_ + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteStore, NamespaceIsRandomAndLasts) {
  const std::string first = open()->key_namespace();
  EXPECT_TRUE(tenant::valid_namespace(first));
  EXPECT_EQ(open()->key_namespace(), first);

  std::set<std::string> drawn = {first};
  for (int i = 0; i < 10; ++i) {
    const auto other = open_sqlite({folder_.file("other" + std::to_string(i)), std::nullopt});
    ASSERT_TRUE(other);
    EXPECT_TRUE(drawn.insert((*other)->key_namespace()).second);
  }
}

TEST_F(SqliteStore, TheSecretOfSaltsIsRandomAndStays) {
  const std::string first = open()->salt_secret();
  EXPECT_EQ(first.size(), 43u);
  EXPECT_EQ(open()->salt_secret(), first);
  auto other = open_sqlite({folder_.file("other.db"), std::nullopt});
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_NE((*other)->salt_secret(), first);
}

TEST_F(SqliteStore, ConfiguredNamespaceIsTakenAndLasts) {
  EXPECT_EQ(open("cache1")->key_namespace(), "cache1");
  EXPECT_EQ(open("cache1")->key_namespace(), "cache1");
  EXPECT_EQ(open()->key_namespace(), "cache1");
}

TEST_F(SqliteStore, AnotherNamespaceIsRefusedAndTheStoreKept) {
  (void)open("cache1")->ensure_tenant("acme", std::nullopt);
  EXPECT_THAT(error_of({path_, "cache2"}),
              testing::AllOf(HasSubstr(path_), HasSubstr("\"cache1\""), HasSubstr("\"cache2\""),
                             HasSubstr("remove \"namespace\"")));
  EXPECT_EQ(open()->tenants()->size(), 1u);
}

TEST_F(SqliteStore, InvalidNamespaceIsRefused) {
  EXPECT_THAT(error_of({path_, "a.b"}), HasSubstr("1 to 16 characters"));
}

TEST_F(SqliteStore, TenantKeepsItsIdAndGeneration) {
  TenantRecord acme;
  {
    const auto store = open();
    acme = *store->ensure_tenant("acme", std::nullopt);
    EXPECT_EQ(acme.name, "acme");
    EXPECT_EQ(acme.generation, 0u);
    EXPECT_NE(store->ensure_tenant("beta", std::nullopt)->id, acme.id);
    EXPECT_EQ(store->ensure_tenant("acme", std::nullopt)->id, acme.id);
    EXPECT_EQ(store->advance_generation(acme.id), 1u);
    EXPECT_EQ(store->advance_generation(acme.id), 2u);
  }
  const auto store = open();
  const auto again = store->ensure_tenant("acme", std::nullopt);
  EXPECT_EQ(again->id, acme.id);
  EXPECT_EQ(again->generation, 2u);
  EXPECT_EQ(store->ensure_tenant("beta", std::nullopt)->generation, 0u);
}

TEST_F(SqliteStore, TenantsAreListedById) {
  const auto store = open();
  (void)store->ensure_tenant("zeta", 3);
  (void)store->ensure_tenant("acme", 9);
  (void)store->ensure_tenant("grün, with a ' in it", 1);
  const auto records = store->tenants();
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 3u);
  EXPECT_EQ(records->at(0).name, "grün, with a ' in it");
  EXPECT_EQ(records->at(1).name, "zeta");
  EXPECT_EQ(records->at(2).id, 9u);
}

TEST_F(SqliteStore, IdIsNeverGivenAgainAfterItsTenantIsRetired) {
  std::set<TenantId> given;
  for (int round = 0; round < 5; ++round) {
    const auto store = open();
    for (int i = 0; i < 3; ++i) {
      const auto record = store->ensure_tenant("acme", std::nullopt);
      ASSERT_TRUE(record);
      EXPECT_TRUE(given.insert(record->id).second) << record->id << " was given twice";
      EXPECT_EQ(record->generation, 0u);
      ASSERT_TRUE(store->retire_tenant("acme"));
    }
  }
  const auto store = open();
  EXPECT_TRUE(store->tenants()->empty());
  const auto refused = store->ensure_tenant("beta", *given.begin());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("is or was that of the tenant \"acme\""));
}

TEST_F(SqliteStore, AskedForIdIsGivenOnce) {
  const auto store = open();
  EXPECT_EQ(store->ensure_tenant("acme", 7)->id, 7u);
  EXPECT_EQ(store->ensure_tenant("acme", 7)->id, 7u);
  EXPECT_EQ(store->ensure_tenant("acme", std::nullopt)->id, 7u);
  EXPECT_EQ(store->ensure_tenant("beta", std::nullopt)->id, 8u);

  const auto taken = store->ensure_tenant("gamma", 7);
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("\"acme\" and can't be given to \"gamma\""));
  const auto another = store->ensure_tenant("acme", 9);
  ASSERT_FALSE(another);
  EXPECT_THAT(another.error().message, HasSubstr("has the id 7 and can't get the id 9"));
  EXPECT_FALSE(store->ensure_tenant("delta", 0));
  EXPECT_FALSE(store->ensure_tenant("delta", 2147483649u));
  EXPECT_EQ(store->tenants()->size(), 2u);
}

TEST_F(SqliteStore, AfterTheHighestIdTheLowestNeverUsedIsGiven) {
  const auto store = open();
  ASSERT_TRUE(store->ensure_tenant("last", 2147483648u));
  EXPECT_EQ(store->ensure_tenant("a", std::nullopt)->id, 1u);
  EXPECT_EQ(store->ensure_tenant("b", std::nullopt)->id, 2u);
  ASSERT_TRUE(store->retire_tenant("a"));
  EXPECT_EQ(store->ensure_tenant("c", std::nullopt)->id, 3u);
}

TEST_F(SqliteStore, WhatIsNotThereIsAnError) {
  const auto store = open();
  EXPECT_FALSE(store->advance_generation(5));
  EXPECT_FALSE(store->retire_tenant("acme"));
  const TenantId id = store->ensure_tenant("acme", std::nullopt)->id;
  ASSERT_TRUE(store->retire_tenant("acme"));
  EXPECT_FALSE(store->advance_generation(id));
  EXPECT_FALSE(store->retire_tenant("acme"));
}

// What is later to be deleted on the servers must be known to be this store's own.
TEST_F(SqliteStore, EveryGenerationThatMayHaveItemsIsRemembered) {
  {
    const auto store = open();
    (void)store->ensure_tenant("acme", 1);
    (void)store->ensure_tenant("gone", 2);
    (void)store->advance_generation(1);
    (void)store->advance_generation(1);
    (void)store->advance_generation(2);
    (void)store->retire_tenant("gone");
  }
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
  std::string rows;
  sqlite3_exec(
      raw,
      "SELECT id || ':' || first_generation || '-' || (generation - 1 + retired) FROM tenants ORDER BY id",
      [](void* out, int, char** columns, char**) {
        *static_cast<std::string*>(out) += std::string(columns[0]) + " ";
        return 0;
      },
      &rows, nullptr);
  sqlite3_close(raw);
  EXPECT_EQ(rows, "1:0-1 2:0-1 ");
}

TEST_F(SqliteStore, AllTenantsAreTheLivingAndTheRetired) {
  const auto store = open();
  (void)store->ensure_tenant("acme", 1);
  (void)store->ensure_tenant("gone", 2);
  (void)store->advance_generation(2);
  ASSERT_TRUE(store->retire_tenant("gone"));
  (void)store->ensure_tenant("gone", 3);
  const auto all = store->all_tenants();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ(all->at(1).name, "gone");
  EXPECT_EQ(all->at(1).generation, 1u);
  EXPECT_TRUE(all->at(1).retired);
  EXPECT_EQ(all->at(2).id, 3u);
  EXPECT_FALSE(all->at(0).retired || all->at(2).retired);
}

TEST_F(SqliteStore, TenantsBecomeThoseThatAreWanted) {
  const auto store = open();
  (void)store->ensure_tenant("acme", std::nullopt);
  (void)store->ensure_tenant("beta", std::nullopt);
  (void)store->advance_generation(2);
  const auto settled = store->set_tenants({{"gamma", std::nullopt}, {"beta", std::nullopt}});
  ASSERT_TRUE(settled);
  ASSERT_EQ(settled->living.size(), 2u);
  EXPECT_EQ(settled->living[0].name, "gamma");
  EXPECT_EQ(settled->living[0].id, 3u);
  EXPECT_EQ(settled->living[1].id, 2u);
  EXPECT_EQ(settled->living[1].generation, 1u);
  ASSERT_EQ(settled->retired.size(), 1u);
  EXPECT_EQ(settled->retired[0].name, "acme");
  EXPECT_EQ(store->set_tenants({{"beta", std::nullopt}, {"gamma", 3}})->retired.size(), 0u);
  EXPECT_EQ(store->set_tenants({})->retired.size(), 2u);
  EXPECT_TRUE(store->tenants()->empty());
}

TEST_F(SqliteStore, TenantsThatCannotBeHadChangeNothing) {
  const auto store = open();
  (void)store->ensure_tenant("acme", 1);
  (void)store->ensure_tenant("beta", 2);
  const auto refused = store->set_tenants({{"gamma", 3}, {"beta", 4}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("has the id 2 and can't get the id 4"));
  const auto all = store->all_tenants();
  ASSERT_EQ(all->size(), 2u) << "gamma came and stayed";
  EXPECT_FALSE(all->at(0).retired);
}

TEST_F(SqliteStore, FlushThatWaitsIsMadeWhenItsTimeHasCome) {
  {
    const auto store = open();
    (void)store->ensure_tenant("acme", 1);
    (void)store->ensure_tenant("beta", 2);
    EXPECT_EQ(store->schedule_flush(1, 500), 0u);
    EXPECT_EQ(store->schedule_flush(1, 1000), 0u);
    EXPECT_EQ(store->flush_due(999)->size(), 0u);
  }
  const auto store = open();
  EXPECT_EQ(store->tenants()->at(0).flush_at, 1000);
  EXPECT_EQ(store->tenants()->at(1).flush_at, 0);
  const auto moved = store->flush_due(1000);
  ASSERT_TRUE(moved);
  ASSERT_EQ(moved->size(), 1u);
  EXPECT_EQ(moved->at(0).id, 1u);
  EXPECT_EQ(moved->at(0).generation, 1u);
  EXPECT_EQ(store->flush_due(2000)->size(), 0u) << "once";
  EXPECT_EQ(store->tenants()->at(0).flush_at, 0);
}

TEST_F(SqliteStore, FlushTakesBackTheOneThatWaitsAndSoDoesTheTenantsEnd) {
  const auto store = open();
  (void)store->ensure_tenant("acme", 1);
  (void)store->schedule_flush(1, 1000);
  EXPECT_EQ(store->advance_generation(1), 1u);
  EXPECT_EQ(store->flush_due(1000)->size(), 0u);
  EXPECT_EQ(store->advance_generation(1, 1000), 2u);
  ASSERT_TRUE(store->retire_tenant("acme"));
  EXPECT_EQ(store->all_tenants()->at(0).flush_at, 0);
  EXPECT_EQ(store->flush_due(1000)->size(), 0u);
  EXPECT_FALSE(store->schedule_flush(1, 1000));
}

TEST_F(SqliteStore, StoreOfTheFirstVersionKeepsAllItHas) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
  const int made = sqlite3_exec(raw, R"(
    CREATE TABLE settings (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE tenants (
      id               INTEGER PRIMARY KEY NOT NULL CHECK (id >= 1 AND id <= 2147483648),
      name             TEXT NOT NULL,
      generation       INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0),
      first_generation INTEGER NOT NULL DEFAULT 0 CHECK (first_generation >= 0),
      retired          INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1))
    ) STRICT;
    CREATE UNIQUE INDEX tenants_living ON tenants (name) WHERE retired = 0;
    INSERT INTO settings VALUES ('namespace', 'cache1');
    INSERT INTO tenants VALUES (7, 'acme', 3, 0, 0), (8, 'gone', 1, 0, 1);
    PRAGMA application_id = 0x6d63746e;
    PRAGMA user_version = 1;)",
                                nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  ASSERT_EQ(made, SQLITE_OK);
  const auto store = open();
  EXPECT_EQ(store->key_namespace(), "cache1");
  ASSERT_EQ(store->all_tenants()->size(), 2u);
  EXPECT_EQ(store->tenants()->at(0).generation, 3u);
  EXPECT_EQ(store->schedule_flush(7, 1000), 3u);
  EXPECT_EQ(store->flush_due(1000)->at(0).generation, 4u);
}

TEST_F(SqliteStore, ProbeSucceedsAndChangesNoTenant) {
  const auto store = open();
  (void)store->ensure_tenant("acme", 4);
  EXPECT_TRUE(store->probe());
  EXPECT_TRUE(store->probe());
  EXPECT_EQ(store->tenants()->size(), 1u);
  EXPECT_EQ(store->key_namespace(),
            open_sqlite({folder_.file("x"), store->key_namespace()}).value()->key_namespace());
}

}  // namespace
}  // namespace mctenant::store
