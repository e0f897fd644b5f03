#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unordered_set>
#include <utility>

#include "base/secret.h"
#include "store/schema.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace mctenant::store {
namespace {

using base::Expected;
using tenant::Generation;
using tenant::TenantId;

// What a TenantRecord is made of.
#define COLUMNS "id, name, generation, flush_at, retired"

constexpr int64_t kMaxId = int64_t{1} << 31;
// 62 to the power of 8: two installations on the same servers don't meet by chance.
constexpr size_t kRandomNamespace = 8;
// 256 bits.
constexpr size_t kSaltSecret = 43;

class SqliteStore final : public Store {
 public:
  SqliteStore(Database database, std::string key_namespace, std::string salt_secret)
      : database_(std::move(database)),
        key_namespace_(std::move(key_namespace)),
        salt_secret_(std::move(salt_secret)) {}

  const std::string& key_namespace() const override { return key_namespace_; }
  const std::string& salt_secret() const override { return salt_secret_; }

  Expected<TenantRecord> ensure_tenant(std::string_view name, std::optional<TenantId> id) override {
    return in_transaction([&] { return ensure(name, id); });
  }

  Expected<SettledTenants> set_tenants(const std::vector<WantedTenant>& wanted) override {
    return in_transaction([&]() -> Expected<SettledTenants> {
      auto retired = retire_others(wanted);
      if (!retired) return tl::unexpected(retired.error());
      SettledTenants settled{{}, *std::move(retired)};
      for (const WantedTenant& tenant : wanted) {
        auto record = ensure(tenant.name, tenant.id);
        if (!record) return tl::unexpected(record.error());
        settled.living.push_back(*std::move(record));
      }
      return settled;
    });
  }

  Expected<void> retire_tenant(std::string_view name) override {
    return in_transaction([&] { return retire(name); }).and_then([&](bool found) -> Expected<void> {
      if (found) return {};
      return fail("has no tenant \"" + std::string(name) + "\"");
    });
  }

  Expected<std::vector<TenantRecord>> tenants() override {
    return records("SELECT " COLUMNS " FROM tenants WHERE retired = 0 ORDER BY id");
  }

  Expected<std::vector<TenantRecord>> all_tenants() override {
    return records("SELECT " COLUMNS " FROM tenants ORDER BY id");
  }

  Expected<Generation> advance_generation(TenantId id, int64_t flush_at) override {
    return change_generation(
        "UPDATE tenants SET generation = generation + 1, flush_at = ?2 WHERE id = ?1 AND retired = 0 "
        "RETURNING " COLUMNS,
        id, flush_at);
  }

  Expected<Generation> schedule_flush(TenantId id, int64_t flush_at) override {
    return change_generation(
        "UPDATE tenants SET flush_at = ?2 WHERE id = ?1 AND retired = 0 RETURNING " COLUMNS, id, flush_at);
  }

  Expected<std::vector<TenantRecord>> flush_due(int64_t now) override {
    return in_transaction([&] {
      return records(
          "UPDATE tenants SET generation = generation + 1, flush_at = 0 "
          "WHERE retired = 0 AND flush_at != 0 AND flush_at <= ?1 RETURNING " COLUMNS,
          now);
    });
  }

  Expected<void> probe() override {
    return in_transaction([&] {
      return database_.execute(
          "INSERT INTO settings VALUES ('probed', 'yes') ON CONFLICT DO UPDATE SET value = excluded.value");
    });
  }

 private:
  [[nodiscard]] tl::unexpected<base::Error> fail(const std::string& what) const {
    return base::fail("the store " + database_.path() + ": " + what);
  }

  // Everything that is written: on disk when it returns without an error, else nothing of it is.
  template <class Work>
  auto in_transaction(Work work) -> decltype(work()) {
    if (database_.moved()) {
      return fail(
          "the file is gone or another has taken its place; what would be written would be lost. Put it "
          "back, or restart mctenant");
    }
    auto transaction = Transaction::begin(database_);
    if (!transaction) return tl::unexpected(transaction.error());
    auto result = work();
    if (!result) return result;
    if (auto committed = transaction->commit(); !committed) return tl::unexpected(committed.error());
    return result;
  }

  // All rows of a statement that gives COLUMNS.
  template <class... T>
  Expected<std::vector<TenantRecord>> records(const char* sql, T... parameters) {
    auto statement = database_.prepare(sql);
    if (!statement) return tl::unexpected(statement.error());
    int place = 0;
    (statement->bind(++place, parameters), ...);
    std::vector<TenantRecord> found;
    int result = SQLITE_ROW;
    while ((result = statement->step()) == SQLITE_ROW) {
      found.push_back({static_cast<TenantId>(statement->number(0)), statement->text(1),
                       static_cast<Generation>(statement->number(2)), statement->number(3),
                       statement->number(4) != 0});
    }
    if (result != SQLITE_DONE) return database_.failure();
    return found;
  }

  // The one row of such a statement, if there is one.
  template <class... T>
  Expected<std::optional<TenantRecord>> record(const char* sql, T... parameters) {
    return records(sql, parameters...).map([](std::vector<TenantRecord> found) {
      return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
    });
  }

  Expected<Generation> change_generation(const char* sql, TenantId id, int64_t flush_at) {
    const auto changed = in_transaction([&] { return record(sql, int64_t{id}, flush_at); });
    if (!changed) return tl::unexpected(changed.error());
    if (*changed) return (*changed)->generation;
    return fail("has no tenant with the id " + std::to_string(id));
  }

  // Those below change within a transaction of their caller's.

  Expected<TenantRecord> ensure(std::string_view name, std::optional<TenantId> id) {
    auto known = record("SELECT " COLUMNS " FROM tenants WHERE name = ?1 AND retired = 0", name);
    if (!known) return tl::unexpected(known.error());
    if (*known) {
      if (!id || (*known)->id == *id) return **known;
      return fail("the tenant \"" + std::string(name) + "\" has the id " + std::to_string((*known)->id) +
                  " and can't get the id " + std::to_string(*id) + ": its items would be lost");
    }
    if (id) return insert_as(name, *id);
    const auto next = next_id();
    if (!next) return tl::unexpected(next.error());
    return insert(name, *next);
  }

  // False if there is no such tenant.
  Expected<bool> retire(std::string_view name) {
    return record(
               "UPDATE tenants SET retired = 1, flush_at = 0 WHERE name = ?1 AND retired = 0 "
               "RETURNING " COLUMNS,
               name)
        .map([](const auto& retired) { return retired.has_value(); });
  }

  Expected<std::vector<TenantRecord>> retire_others(const std::vector<WantedTenant>& wanted) {
    std::unordered_set<std::string_view> kept;
    for (const WantedTenant& tenant : wanted) kept.insert(tenant.name);
    auto known = tenants();
    if (!known) return known;
    std::erase_if(*known, [&kept](const TenantRecord& tenant) { return kept.contains(tenant.name); });
    for (const TenantRecord& tenant : *known) {
      if (const auto retired = retire(tenant.name); !retired) return tl::unexpected(retired.error());
    }
    return known;
  }

  // An id that the configuration asks for.
  Expected<TenantRecord> insert_as(std::string_view name, TenantId id) {
    if (id < 1 || id > kMaxId)
      return fail("the id " + std::to_string(id) + " is not one from 1 to 2147483648");
    auto owner = record("SELECT " COLUMNS " FROM tenants WHERE id = ?1", int64_t{id});
    if (!owner) return tl::unexpected(owner.error());
    if (*owner) {
      return fail("the id " + std::to_string(id) + " is or was that of the tenant \"" + (*owner)->name +
                  "\" and can't be given to \"" + std::string(name) + "\"; choose an id that was never used");
    }
    return insert(name, id);
  }

  // One more than the highest that ever was; after the last possible one, the lowest that never was.
  Expected<TenantId> next_id() {
    auto next = database_.number("SELECT coalesce(max(id), 0) + 1 FROM tenants");
    if (next && *next > kMaxId) {
      next = database_.number(
          "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM tenants WHERE id = 1) UNION ALL "
          "SELECT id + 1 FROM tenants AS below WHERE id < 2147483648 AND NOT EXISTS "
          "(SELECT 1 FROM tenants WHERE id = below.id + 1) LIMIT 1");
      if (next && *next == 0) return fail("all ids are used up");
    }
    return next.map([](int64_t id) { return static_cast<TenantId>(id); });
  }

  Expected<TenantRecord> insert(std::string_view name, TenantId id) {
    return record("INSERT INTO tenants (id, name) VALUES (?1, ?2) RETURNING " COLUMNS, int64_t{id}, name)
        .map([](const auto& inserted) { return *inserted; });
  }

  Database database_;
  const std::string key_namespace_;
  const std::string salt_secret_;
};

tl::unexpected<base::Error> cannot_make(const std::string& path, const std::string& why) {
  return base::fail("the store " + path + " can't be made: " + why);
}

// A new file's name is on disk only when its folder is.
void sync_folder(const std::filesystem::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd);
  close(fd);
}

// Makes an empty file, which becomes a store when it is opened. One that is there stays as it is, and is not
// opened: to close it would drop the locks that this process has on it.
Expected<void> make_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISREG(status.st_mode)) return {};
    return base::fail("the store " + path + " is not a file; name a file in \"state\"");
  }
  const auto parent = std::filesystem::path(path).parent_path();
  const std::filesystem::path folder = parent.empty() ? "." : parent;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd >= 0) {
    close(fd);
    sync_folder(folder);
    return {};
  }
  const int error = errno;
  if (error == EEXIST) return {};
  if (error == ENOENT || error == ENOTDIR) {
    return cannot_make(path,
                       "there is no folder " + folder.string() + "; make it, or name another \"state\"");
  }
  if (error == EACCES || error == EPERM || error == EROFS) {
    return cannot_make(path, std::string(std::strerror(error)) +
                                 "; give mctenant's user write access to the folder " + folder.string() +
                                 ", or name another \"state\"");
  }
  return cannot_make(path, std::strerror(error));
}

// From here on no other process can use the file, and what is committed is on disk. The order matters: the
// locking mode comes before the first read, so that no memory shared with other processes is used.
Expected<void> take_over(Database& database) {
  return database.execute("PRAGMA locking_mode = EXCLUSIVE")
      .and_then([&] { return database.execute("BEGIN EXCLUSIVE; COMMIT"); })
      .and_then([&] { return database.execute("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL"); });
}

Expected<void> use_write_ahead_log(Database& database) {
  return database.text("PRAGMA journal_mode = WAL").and_then([&](const std::string& mode) -> Expected<void> {
    if (mode == "wal") return {};
    return base::fail("the store " + database.path() + " can't use a write-ahead log, only \"" + mode +
                      "\"; move it to another file system");
  });
}

// A page that is damaged could make an id look free that is not.
Expected<void> check_pages(Database& database) {
  return database.text("PRAGMA quick_check(1)").and_then([&](const std::string& result) -> Expected<void> {
    if (result == "ok") return {};
    return base::fail(
        "the store " + database.path() +
        " is damaged; nothing was changed. Put a backup in its place, or move it away: the new store "
        "will begin with empty caches (SQLite: " +
        result + ")");
  });
}

// Writes a setting that the store does not have yet.
Expected<std::string> keep(Database& database, std::string_view name, std::string value) {
  auto transaction = Transaction::begin(database);
  if (!transaction) return tl::unexpected(transaction.error());
  {
    auto statement = database.prepare("INSERT INTO settings VALUES (?1, ?2)");
    if (!statement) return tl::unexpected(statement.error());
    statement->bind(1, name);
    statement->bind(2, std::string_view(value));
    if (statement->step() != SQLITE_DONE) return database.failure();
  }
  if (auto committed = transaction->commit(); !committed) return tl::unexpected(committed.error());
  return value;
}

// The namespace that the store was made with; a new store gets the one wanted, or a random one.
Expected<std::string> settle_namespace(Database& database, const std::optional<std::string>& wanted) {
  auto kept = database.text("SELECT value FROM settings WHERE name = 'namespace'");
  if (!kept) return kept;
  if (!kept->empty()) {
    if (!wanted || *wanted == *kept) return kept;
    return base::fail(
        "the store " + database.path() + " has the namespace \"" + *kept +
        "\", and the configuration says \"" + *wanted +
        "\", under which no item would be found; remove \"namespace\", or name another \"state\" to begin "
        "with empty caches");
  }
  return keep(database, "namespace", wanted ? *wanted : base::random_alphanumeric(kRandomNamespace));
}

Expected<std::string> settle_salt_secret(Database& database) {
  auto kept = database.text("SELECT value FROM settings WHERE name = 'salt_secret'");
  if (!kept || !kept->empty()) return kept;
  return keep(database, "salt_secret", base::random_alphanumeric(kSaltSecret));
}

}  // namespace

Expected<std::unique_ptr<Store>> open_sqlite(const StoreOptions& options) {
  if (options.key_namespace && !tenant::valid_namespace(*options.key_namespace)) {
    return base::fail("the namespace \"" + *options.key_namespace +
                      "\" is not 1 to 16 characters of A-Z a-z 0-9");
  }
  if (auto made = make_file(options.path); !made) return tl::unexpected(made.error());
  auto database = Database::open(options.path);
  if (!database) return tl::unexpected(database.error());
  auto ready = take_over(*database)
                   .and_then([&] { return check_pages(*database); })
                   .and_then([&] { return migrate(*database); })
                   .and_then([&] { return use_write_ahead_log(*database); });
  if (!ready) return tl::unexpected(ready.error());
  auto key_namespace = settle_namespace(*database, options.key_namespace);
  if (!key_namespace) return tl::unexpected(key_namespace.error());
  return settle_salt_secret(*database).map([&](std::string salt_secret) {
    return std::unique_ptr<Store>(std::make_unique<SqliteStore>(
        *std::move(database), *std::move(key_namespace), std::move(salt_secret)));
  });
}

}  // namespace mctenant::store
