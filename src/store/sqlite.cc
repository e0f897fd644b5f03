#include "store/sqlite.h"

#include <cstring>
#include <utility>

namespace mctenant::store {
namespace {

// What an operator can do about an error of SQLite's. The store is as it was before the call.
std::string advice(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "is open in another running mctenant or another program; stop that one, or give this one a "
             "\"state\" of "
             "its own";
    case SQLITE_NOTADB:
      return "is not a store of mctenant's; check \"state\", or move the file away";
    case SQLITE_CORRUPT:
      return "is damaged; nothing was changed. Put a backup in its place, or move it away: the new store "
             "will begin "
             "with empty caches";
    case SQLITE_FULL:
      return "can't be written, since the disk is full; nothing is lost. Make room";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "can't be written; give mctenant's user write access to the file and its folder";
    case SQLITE_CANTOPEN:
      return "can't be opened; give mctenant's user read and write access to the file and its folder";
    case SQLITE_IOERR:
      return "can't be read or written; check the disk";
    default:
      return "can't be used";
  }
}

}  // namespace

base::Expected<Database> Database::open(const std::string& path) {
  sqlite3* handle = nullptr;
  // Without SQLite's own mutex: one thread at a time is the rule here.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database(path, handle);
  if (result != SQLITE_OK) return database.failure();
  // Without the right to write SQLite opens for reading alone, and says nothing.
  if (sqlite3_db_readonly(handle, "main") == 1)
    return base::fail("the store " + path + " " + advice(SQLITE_READONLY));
  return database;
}

base::Expected<Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr) != SQLITE_OK) return failure();
  return Statement(statement);
}

base::Expected<void> Database::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure();
  return {};
}

base::Expected<int64_t> Database::number(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const int result = statement->step();
  if (result == SQLITE_ROW) return statement->number(0);
  if (result == SQLITE_DONE) return 0;
  return failure();
}

base::Expected<std::string> Database::text(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const int result = statement->step();
  if (result == SQLITE_ROW) return statement->text(0);
  if (result == SQLITE_DONE) return std::string();
  return failure();
}

bool Database::moved() const {
  int has_moved = 0;
  const int result = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
  return result == SQLITE_OK && has_moved != 0;
}

tl::unexpected<base::Error> Database::failure() const {
  if (handle_ == nullptr) return base::fail("the store " + path_ + " can't be opened: out of memory");
  const int code = sqlite3_extended_errcode(handle_);
  const int system_error = sqlite3_system_errno(handle_);
  std::string message = "the store " + path_ + " " + advice(code) + " (SQLite: ";
  message += sqlite3_errmsg(handle_);
  // Only then is the number of the system's error that of this call.
  const int kind = code & 0xff;
  if (system_error != 0 && (kind == SQLITE_CANTOPEN || kind == SQLITE_IOERR)) {
    message += std::string("; ") + std::strerror(system_error);
  }
  return base::fail(message + ")");
}

base::Expected<Transaction> Transaction::begin(Database& database) {
  auto begun = database.execute("BEGIN IMMEDIATE");
  if (!begun) return tl::unexpected(begun.error());
  return Transaction(database);
}

Transaction::~Transaction() {
  // After some errors SQLite has rolled back by itself, and this one fails: either way nothing stays.
  if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

base::Expected<void> Transaction::commit() {
  auto committed = database_->execute("COMMIT");
  if (committed) database_ = nullptr;
  return committed;
}

}  // namespace mctenant::store
