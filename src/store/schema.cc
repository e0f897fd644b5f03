#include "store/schema.h"

#include <iterator>
#include <string>

namespace mctenant::store {
namespace {

// "mctn": says in the file's header whose it is.
constexpr int64_t kApplicationId = 0x6d63746e;

// Version n is what the first n steps make. A step that was released never changes: what comes next is a new
// one.
constexpr const char* kSteps[] = {
    // 1. The row of a tenant stays when the tenant is retired, so that its id is never given again. Items of
    // the
    // generations from first_generation on may still be on the servers, under prefixes that this store made
    // and no
    // other: below the current one (or with it, of a retired tenant) they are to be deleted.
    R"(
    CREATE TABLE settings (
      name  TEXT PRIMARY KEY NOT NULL,
      value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tenants (
      id               INTEGER PRIMARY KEY NOT NULL CHECK (id >= 1 AND id <= 2147483648),
      name             TEXT NOT NULL,
      generation       INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0),
      first_generation INTEGER NOT NULL DEFAULT 0 CHECK (first_generation >= 0),
      retired          INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1))
    ) STRICT;
    CREATE UNIQUE INDEX tenants_living ON tenants (name) WHERE retired = 0;
    )",
    // 2. When the generation is to move by itself, in Unix seconds: a flush with a delay. 0: it is not.
    R"(
    ALTER TABLE tenants ADD COLUMN flush_at INTEGER NOT NULL DEFAULT 0 CHECK (flush_at >= 0);
    )",
};
constexpr int64_t kNewest = std::size(kSteps);

base::Expected<void> check_owner(Database& database, int64_t version) {
  const auto application = database.number("PRAGMA application_id");
  if (!application) return tl::unexpected(application.error());
  const auto tables = database.number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(tables.error());
  const bool empty = *application == 0 && *tables == 0 && version == 0;
  if (*application == kApplicationId || empty) return {};
  return base::fail("the file " + database.path() +
                    " is the database of another program, not a store of mctenant's; check \"state\"");
}

base::Expected<void> run_steps(Database& database, int64_t version) {
  auto transaction = Transaction::begin(database);
  if (!transaction) return tl::unexpected(transaction.error());
  for (; version < kNewest; ++version) {
    if (auto done = database.execute(kSteps[version]); !done) return done;
  }
  const std::string marks = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                            "; PRAGMA user_version = " + std::to_string(kNewest);
  if (auto done = database.execute(marks.c_str()); !done) return done;
  return transaction->commit();
}

}  // namespace

base::Expected<void> migrate(Database& database) {
  const auto version = database.number("PRAGMA user_version");
  if (!version) return tl::unexpected(version.error());
  if (auto ours = check_owner(database, *version); !ours) return ours;
  if (*version > kNewest || *version < 0) {
    return base::fail("the store " + database.path() + " has the schema version " + std::to_string(*version) +
                      ", and this mctenant knows those up to " + std::to_string(kNewest) +
                      "; run the newer mctenant that made it. Nothing was changed");
  }
  if (*version == kNewest) return {};
  return run_steps(database, *version);
}

}  // namespace mctenant::store
