#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mctenant::store {

// A prepared statement. Made by Database::prepare(), and dropped before it.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(Statement&& other) noexcept : statement_(other.statement_) { other.statement_ = nullptr; }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& operator=(Statement&&) = delete;

  // Parameters count from 1, columns from 0. A text must live until the last step.
  void bind(int parameter, int64_t value) { sqlite3_bind_int64(statement_, parameter, value); }
  void bind(int parameter, std::string_view text) {
    sqlite3_bind_text(statement_, parameter, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
  // SQLITE_ROW, SQLITE_DONE or an error.
  [[nodiscard]] int step() { return sqlite3_step(statement_); }
  [[nodiscard]] int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string text(int column) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes == nullptr
               ? ""
               : std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  sqlite3_stmt* statement_;
};

// One SQLite file. Errors are told with the file's path and what can be done. One thread at a time.
class Database {
 public:
  // Opens a file that is there, for reading and writing.
  [[nodiscard]] static base::Expected<Database> open(const std::string& path);
  ~Database() { sqlite3_close_v2(handle_); }
  Database(Database&& other) noexcept : path_(std::move(other.path_)), handle_(other.handle_) {
    other.handle_ = nullptr;
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  Database& operator=(Database&&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] base::Expected<Statement> prepare(const char* sql);
  // Statements without results.
  [[nodiscard]] base::Expected<void> execute(const char* sql);
  // The first column of the first row; 0 or "" without a row.
  [[nodiscard]] base::Expected<int64_t> number(const char* sql);
  [[nodiscard]] base::Expected<std::string> text(const char* sql);
  // Whether the file is no longer what stands under its path: what is written to it is lost.
  [[nodiscard]] bool moved() const;

  // The error of the last call.
  [[nodiscard]] tl::unexpected<base::Error> failure() const;

 private:
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  sqlite3* handle_;
};

// All or nothing: what is not committed is rolled back.
class Transaction {
 public:
  [[nodiscard]] static base::Expected<Transaction> begin(Database& database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept : database_(other.database_) { other.database_ = nullptr; }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;

  // On disk when it returns without an error.
  [[nodiscard]] base::Expected<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;
};

}  // namespace mctenant::store
