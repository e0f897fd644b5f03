#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
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

constexpr int64_t kMaxId = int64_t{1} << 31;
// 62 to the power of 8: two installations on the same servers don't meet by chance.
constexpr size_t kRandomNamespace = 8;

class SqliteStore final : public Store {
 public:
  SqliteStore(Database database, std::string key_namespace)
      : database_(std::move(database)), key_namespace_(std::move(key_namespace)) {}

  const std::string& key_namespace() const override { return key_namespace_; }

  Expected<TenantRecord> ensure_tenant(std::string_view name, std::optional<TenantId> id) override {
    auto known = find("SELECT id, name, generation FROM tenants WHERE name = ?1 AND retired = 0", name);
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

  Expected<void> retire_tenant(std::string_view name) override {
    return write("UPDATE tenants SET retired = 1 WHERE name = ?1 AND retired = 0 RETURNING id", name)
        .and_then([&](std::optional<int64_t> id) -> Expected<void> {
          if (id) return {};
          return fail("has no tenant \"" + std::string(name) + "\"");
        });
  }

  Expected<std::vector<TenantRecord>> tenants() override {
    auto statement =
        database_.prepare("SELECT id, name, generation FROM tenants WHERE retired = 0 ORDER BY id");
    if (!statement) return tl::unexpected(statement.error());
    std::vector<TenantRecord> records;
    int result = SQLITE_ROW;
    while ((result = statement->step()) == SQLITE_ROW) records.push_back(record(*statement));
    if (result != SQLITE_DONE) return database_.failure();
    return records;
  }

  Expected<Generation> advance_generation(TenantId id) override {
    return write(
               "UPDATE tenants SET generation = generation + 1 WHERE id = ?1 AND retired = 0 RETURNING "
               "generation",
               int64_t{id})
        .and_then([&](std::optional<int64_t> generation) -> Expected<Generation> {
          if (generation) return static_cast<Generation>(*generation);
          return fail("has no tenant with the id " + std::to_string(id));
        });
  }

  Expected<void> probe() override {
    return write(
               "INSERT INTO settings VALUES ('probed', ?1) ON CONFLICT DO UPDATE SET value = excluded.value "
               "RETURNING 1",
               std::string_view("yes"))
        .map([](const auto&) {});
  }

 private:
  [[nodiscard]] tl::unexpected<base::Error> fail(const std::string& what) const {
    return base::fail("the store " + database_.path() + ": " + what);
  }

  static TenantRecord record(Statement& row) {
    return {static_cast<TenantId>(row.number(0)), row.text(1), static_cast<Generation>(row.number(2))};
  }

  template <class T>
  Expected<std::optional<TenantRecord>> find(const char* sql, T parameter) {
    auto statement = database_.prepare(sql);
    if (!statement) return tl::unexpected(statement.error());
    statement->bind(1, parameter);
    const int result = statement->step();
    if (result == SQLITE_ROW) return record(*statement);
    if (result == SQLITE_DONE) return std::nullopt;
    return database_.failure();
  }

  // One change in a transaction of its own; gives the number that it returns, or nothing if it changed
  // nothing.
  template <class T>
  Expected<std::optional<int64_t>> write(const char* sql, T parameter) {
    if (database_.moved()) {
      return fail(
          "the file is gone or another has taken its place; what would be written would be lost. Put it "
          "back, "
          "or restart mctenant");
    }
    auto transaction = Transaction::begin(database_);
    if (!transaction) return tl::unexpected(transaction.error());
    std::optional<int64_t> returned;
    {
      auto statement = database_.prepare(sql);
      if (!statement) return tl::unexpected(statement.error());
      statement->bind(1, parameter);
      int result = SQLITE_ROW;
      while ((result = statement->step()) == SQLITE_ROW) returned = statement->number(0);
      if (result != SQLITE_DONE) return database_.failure();
    }
    if (auto committed = transaction->commit(); !committed) return tl::unexpected(committed.error());
    return returned;
  }

  // An id that the configuration asks for.
  Expected<TenantRecord> insert_as(std::string_view name, TenantId id) {
    if (id < 1 || id > kMaxId)
      return fail("the id " + std::to_string(id) + " is not one from 1 to 2147483648");
    auto owner = find("SELECT id, name, generation FROM tenants WHERE id = ?1", int64_t{id});
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
    const std::string sql =
        "INSERT INTO tenants (id, name) VALUES (" + std::to_string(id) + ", ?1) RETURNING generation";
    return write(sql.c_str(), name).map([&](std::optional<int64_t> generation) {
      return TenantRecord{id, std::string(name), static_cast<Generation>(generation.value_or(0))};
    });
  }

  Database database_;
  const std::string key_namespace_;
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
  std::string fresh = wanted ? *wanted : base::random_alphanumeric(kRandomNamespace);
  auto transaction = Transaction::begin(database);
  if (!transaction) return tl::unexpected(transaction.error());
  {
    auto statement = database.prepare("INSERT INTO settings VALUES ('namespace', ?1)");
    if (!statement) return tl::unexpected(statement.error());
    statement->bind(1, std::string_view(fresh));
    if (statement->step() != SQLITE_DONE) return database.failure();
  }
  if (auto committed = transaction->commit(); !committed) return tl::unexpected(committed.error());
  return fresh;
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
  return settle_namespace(*database, options.key_namespace).map([&](std::string key_namespace) {
    return std::unique_ptr<Store>(
        std::make_unique<SqliteStore>(*std::move(database), std::move(key_namespace)));
  });
}

}  // namespace mctenant::store
