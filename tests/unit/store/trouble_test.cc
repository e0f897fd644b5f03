// What an operator meets: stores in use, damaged, newer, foreign, on a full disk, killed in the middle.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>

#include "child.h"
#include "store/store.h"
#include "support/temp_folder.h"

namespace mctenant::store {
namespace {

using tenant::Generation;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string error_of(const std::string& path) {
  auto store = open_sqlite({path, std::nullopt});
  return store ? "" : store.error().message;
}

class StoreTrouble : public testing::Test {
 protected:
  std::unique_ptr<Store> open() {
    auto store = open_sqlite({path_, std::nullopt});
    if (!store) {
      ADD_FAILURE() << store.error().message;
      abort();
    }
    return *std::move(store);
  }
  void run_sql(const std::string& sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
    sqlite3_close(raw);
  }

  support::TempFolder folder_;
  const std::string path_ = folder_.file("state.db");
};

TEST_F(StoreTrouble, SecondOpeningIsRefusedWhileTheFirstLives) {
  auto first = open();
  EXPECT_THAT(error_of(path_), AllOf(HasSubstr(path_), HasSubstr("is open in another running mctenant")));
  ASSERT_TRUE(first->ensure_tenant("acme", std::nullopt));  // the first is not disturbed
  EXPECT_NE(error_of(path_), "");
  first.reset();
  EXPECT_EQ(error_of(path_), "");
}

TEST_F(StoreTrouble, SecondProcessIsRefusedAndTheLockDiesWithItsProcess) {
  Child holder([this](int pipe) {
    const auto store = open();
    (void)store->ensure_tenant("acme", std::nullopt);
    send_text(pipe, "!");
    pause();
  });
  char ready = 0;
  ASSERT_TRUE(holder.read(&ready, 1));
  EXPECT_THAT(error_of(path_), HasSubstr("is open in another running mctenant"));
  holder.kill_now();
  EXPECT_EQ(open()->tenants()->size(), 1u);
}

TEST_F(StoreTrouble, MissingFolderIsNamed) {
  const std::string path = folder_.file("no/such/state.db");
  EXPECT_THAT(error_of(path),
              AllOf(HasSubstr("there is no folder " + folder_.file("no/such")), HasSubstr("make it")));
  folder_.write("file", "x");
  EXPECT_THAT(error_of(folder_.file("file/state.db")), HasSubstr("there is no folder"));
}

TEST_F(StoreTrouble, FolderInTheFilesPlaceIsRefused) {
  EXPECT_THAT(error_of(folder_.path().string()), HasSubstr("is not a file; name a file in \"state\""));
}

// Opens the store as a user who may read but not write what this test made.
std::string error_without_rights(const std::string& path) {
  Child child([&path](int pipe) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(1);
    send_text(pipe, error_of(path));
  });
  return child.read_all();
}

TEST_F(StoreTrouble, FolderThatCannotBeWrittenIsNamed) {
  chmod(folder_.path().c_str(), 0555);
  EXPECT_THAT(error_without_rights(path_),
              AllOf(HasSubstr("can't be made: Permission denied"), HasSubstr("write access to the folder")));
  chmod(folder_.path().c_str(), 0700);
}

TEST_F(StoreTrouble, FileThatCannotBeWrittenIsNamed) {
  (void)open();
  chmod(path_.c_str(), 0444);
  chmod(folder_.path().c_str(), 0555);
  EXPECT_THAT(error_without_rights(path_), AllOf(HasSubstr(path_), HasSubstr("write access to the file")));
  chmod(path_.c_str(), 0000);
  EXPECT_THAT(error_without_rights(path_),
              AllOf(HasSubstr("can't be opened"), HasSubstr("access to the file")));
  chmod(folder_.path().c_str(), 0700);
}

TEST_F(StoreTrouble, FileThatIsNoDatabaseIsRefusedAndKept) {
  const std::string content = "a letter, not a database\n" + std::string(5000, 'x');
  folder_.write("state.db", content);
  EXPECT_THAT(error_of(path_), HasSubstr("is not a store of mctenant's"));
  EXPECT_EQ(support::read_file(path_), content);
}

TEST_F(StoreTrouble, DatabaseOfAnotherProgramIsRefusedAndKept) {
  run_sql("CREATE TABLE letters (text TEXT); INSERT INTO letters VALUES ('dear');");
  const std::string before = support::read_file(path_);
  EXPECT_THAT(error_of(path_), HasSubstr("is the database of another program"));
  EXPECT_EQ(support::read_file(path_), before);
}

TEST_F(StoreTrouble, NewerSchemaIsRefusedAndKept) {
  (void)open()->ensure_tenant("acme", std::nullopt);
  run_sql("PRAGMA user_version = 1000");
  EXPECT_THAT(error_of(path_), AllOf(HasSubstr("schema version 1000"), HasSubstr("run the newer mctenant")));
  run_sql("PRAGMA user_version = 2");
  EXPECT_EQ(open()->tenants()->size(), 1u);
}

TEST_F(StoreTrouble, DamagedFileIsRefusedAndKept) {
  {
    const auto store = open();
    for (int i = 0; i < 200; ++i) (void)store->ensure_tenant("tenant-" + std::to_string(i), std::nullopt);
  }
  std::string content = support::read_file(path_);
  ASSERT_GT(content.size(), 3 * 4096u);
  for (size_t i = 4096 + 16; i < content.size(); i += 7) content[i] = 'x';
  folder_.write("state.db", content);
  EXPECT_THAT(error_of(path_), AllOf(HasSubstr("is damaged; nothing was changed"), HasSubstr("backup")));
  EXPECT_EQ(support::read_file(path_), content);
}

TEST_F(StoreTrouble, CutOffFileIsRefusedAndKept) {
  {
    const auto store = open();
    for (int i = 0; i < 200; ++i) (void)store->ensure_tenant("tenant-" + std::to_string(i), std::nullopt);
  }
  std::filesystem::resize_file(path_, 2 * 4096);
  EXPECT_THAT(error_of(path_), HasSubstr("is damaged; nothing was changed"));
  EXPECT_EQ(std::filesystem::file_size(path_), 2 * 4096u);
}

TEST_F(StoreTrouble, EmptyFileOfAnInterruptedStartBecomesAStore) {
  folder_.write("state.db", "");
  EXPECT_TRUE(open()->ensure_tenant("acme", std::nullopt));
}

TEST_F(StoreTrouble, FileThatWasTakenAwayIsToldInsteadOfWritingToNowhere) {
  const auto store = open();
  const auto id = store->ensure_tenant("acme", std::nullopt)->id;
  ASSERT_TRUE(store->advance_generation(id));
  std::filesystem::rename(path_, path_ + ".bak");
  EXPECT_FALSE(store->probe());
  const auto refused = store->advance_generation(id);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("the file is gone or another has taken its place"));
  std::filesystem::rename(path_ + ".bak", path_);
  EXPECT_TRUE(store->probe());
  EXPECT_EQ(store->advance_generation(id), 2u);
}

// While it lives, no file of this process can grow.
class FullDisk {
 public:
  explicit FullDisk(rlim_t largest) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{largest, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(StoreTrouble, WriteThatFailsMovesNothingAndLaterOnesSucceed) {
  auto store = open();
  const auto id = store->ensure_tenant("acme", std::nullopt)->id;
  ASSERT_EQ(store->advance_generation(id), 1u);
  {
    const FullDisk full(std::filesystem::file_size(path_ + "-wal"));
    for (int i = 0; i < 3; ++i) {
      const auto refused = store->advance_generation(id);
      ASSERT_FALSE(refused);
      EXPECT_THAT(refused.error().message, AllOf(HasSubstr(path_), HasSubstr("written")));
    }
    EXPECT_FALSE(store->probe());
    EXPECT_FALSE(store->ensure_tenant("beta", std::nullopt));
    EXPECT_EQ(store->tenants()->at(0).generation, 1u);  // still read
  }
  EXPECT_TRUE(store->probe());
  EXPECT_EQ(store->advance_generation(id), 2u);
  store.reset();
  EXPECT_EQ(open()->tenants()->at(0).generation, 2u);
}

TEST_F(StoreTrouble, StoreThatCouldNotBeMadeOnAFullDiskIsMadeLater) {
  {
    const FullDisk full(0);
    EXPECT_NE(error_of(path_), "");
  }
  EXPECT_TRUE(open()->ensure_tenant("acme", std::nullopt));
}

// What was reported as done stays done: the tenant's flushed items must not come back.
TEST_F(StoreTrouble, KilledAtAnyMomentItNeverHasLessThanItReported) {
  std::mt19937 random(20);
  const auto id = open()->ensure_tenant("acme", std::nullopt)->id;
  Generation least = 0;
  for (int round = 0; round < 20; ++round) {
    Child child([this, id](int pipe) {
      const auto store = open();
      for (;;) {
        const Generation generation = store->advance_generation(id).value();
        send_text(pipe, std::string(reinterpret_cast<const char*>(&generation), sizeof(generation)));
      }
    });
    Generation reported = 0;
    for (auto reports = 1 + random() % 40; reports > 0; --reports)
      ASSERT_TRUE(child.read(&reported, sizeof(reported)));
    random.discard(random() % 500'000);  // some time, without sleeping
    child.kill_now();
    while (child.read(&reported, sizeof(reported))) {
    }
    ASSERT_GT(reported, least);

    const auto records = open()->tenants();
    ASSERT_TRUE(records);
    least = records->at(0).generation;
    EXPECT_GE(least, reported);
    EXPECT_LE(least, reported + 1);
  }
}

TEST_F(StoreTrouble, KilledWhileTenantsComeAndGoItNeverGivesAnIdTwice) {
  std::mt19937 random(21);
  tenant::TenantId highest = 0;
  for (int round = 0; round < 5; ++round) {
    Child child([this](int pipe) {
      const auto store = open();
      for (;;) {
        (void)store->retire_tenant("acme");
        const auto id = store->ensure_tenant("acme", std::nullopt)->id;
        send_text(pipe, std::string(reinterpret_cast<const char*>(&id), sizeof(id)));
      }
    });
    tenant::TenantId id = 0;
    for (auto reports = 1 + random() % 20; reports > 0; --reports) {
      ASSERT_TRUE(child.read(&id, sizeof(id)));
      EXPECT_GT(id, highest);
      highest = id;
    }
    child.kill_now();
    while (child.read(&id, sizeof(id))) highest = id;
  }
}

}  // namespace
}  // namespace mctenant::store
