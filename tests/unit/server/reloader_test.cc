#include "server/reloader.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/loop_thread.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace mctenant::server {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Right, and told from other versions by the number of workers.
std::string with_workers(int workers) {
  return R"({"listeners": [{"address": "127.0.0.1:0"}], "tenants": {},
             "pools": {"default": {"servers": ["127.0.0.1:1"]}}, "workers": )" +
         std::to_string(workers) + "}";
}

// Everything but the file belongs to the loop's thread.
class ReloaderTest : public testing::Test, public Reloader::Target {
 protected:
  void SetUp() override {
    folder_.write("c.json", with_workers(1));
    thread_.call([this] {
      reloader_.emplace(thread_.loop(), file_, config::load(file_).files, *this, figures_);
      reloader_->start();
    });
  }
  void TearDown() override { thread_.stop(); }

  [[nodiscard]] std::shared_ptr<const tenant::Directory> directory() const override { return directory_; }
  void apply(config::Config wanted, Reloader::Done done) override {
    applied_.push_back(wanted.workers);
    if (hold_) {
      held_ = std::move(done);
    } else if (refuse_) {
      done({config::Finding{"/workers", "can't change"}});
    } else {
      done({});
    }
  }

  std::vector<size_t> applied() {
    return thread_.call([this] { return applied_; });
  }
  uint64_t failed() { return figures_.failed.get(); }
  void signal() {
    thread_.call([this] { reloader_->reload(); });
  }
  bool comes_to(const std::vector<size_t>& wanted) {
    return support::wait_until([&] { return applied() == wanted; }, 10s);
  }
  // Long enough for two looks at the file.
  static void look_twice() { std::this_thread::sleep_for(600ms); }

  support::TempFolder folder_;
  const std::string file_ = folder_.file("c.json");
  std::shared_ptr<const tenant::Directory> directory_ =
      std::make_shared<const tenant::Directory>(std::vector<tenant::Entry>());
  ReloadFigures figures_;
  std::vector<size_t> applied_;
  bool refuse_ = false;
  bool hold_ = false;
  Reloader::Done held_;
  support::LoopThread thread_;
  std::optional<Reloader> reloader_;
};

TEST_F(ReloaderTest, AFileThatStaysIsNotReadAgain) {
  look_twice();
  EXPECT_EQ(applied(), std::vector<size_t>{});
  EXPECT_EQ(figures_.succeeded.get(), 0U);
}

TEST_F(ReloaderTest, AFileThatIsWrittenInPlaceIsTakenWithinASecondAndOnce) {
  const auto begin = Clock::now();
  folder_.write("c.json", with_workers(2));
  EXPECT_TRUE(comes_to({2}));
  EXPECT_LT(Clock::now() - begin, 1s);
  look_twice();
  EXPECT_EQ(applied(), std::vector<size_t>{2});
  EXPECT_EQ(figures_.succeeded.get(), 1U);
}

TEST_F(ReloaderTest, AFileThatTakesItsPlaceIsTakenThoughSizeAndTimeAreTheSame) {
  const auto time = std::filesystem::last_write_time(file_);
  folder_.write("next.json", with_workers(2));
  std::filesystem::last_write_time(folder_.file("next.json"), time);
  std::filesystem::rename(folder_.file("next.json"), file_);
  EXPECT_TRUE(comes_to({2}));
}

TEST_F(ReloaderTest, ALinkThatLeadsElsewhereIsFollowed) {
  folder_.write("a.json", with_workers(2));
  folder_.write("b.json", with_workers(3));
  std::filesystem::remove(file_);
  std::filesystem::create_symlink(folder_.file("a.json"), file_);
  EXPECT_TRUE(comes_to({2}));
  std::filesystem::create_symlink(folder_.file("b.json"), folder_.file("link"));
  std::filesystem::rename(folder_.file("link"), file_);
  EXPECT_TRUE(comes_to({2, 3}));
}

TEST_F(ReloaderTest, ASignalReadsTheFileThoughItIsTheSame) {
  signal();
  EXPECT_TRUE(comes_to({1}));
  signal();
  EXPECT_TRUE(comes_to({1, 1}));
}

TEST_F(ReloaderTest, AFaultIsCountedOnceAndTheNextChangeIsTaken) {
  folder_.write("c.json", with_workers(2).substr(0, 60));
  EXPECT_TRUE(support::wait_until([&] { return failed() == 1; }, 10s));
  look_twice();
  EXPECT_EQ(failed(), 1U);
  EXPECT_EQ(applied(), std::vector<size_t>{});
  folder_.write("c.json", with_workers(2));
  EXPECT_TRUE(comes_to({2}));
}

TEST_F(ReloaderTest, AFileThatIsGoneIsAFaultUntilItIsBack) {
  std::filesystem::remove(file_);
  EXPECT_TRUE(support::wait_until([&] { return failed() == 1; }, 10s));
  look_twice();
  EXPECT_EQ(failed(), 1U);
  folder_.write("c.json", with_workers(2));
  EXPECT_TRUE(comes_to({2}));
}

TEST_F(ReloaderTest, WhatIsRefusedIsAFailure) {
  thread_.call([this] { refuse_ = true; });
  folder_.write("c.json", with_workers(2));
  EXPECT_TRUE(support::wait_until([&] { return failed() == 1; }, 10s));
  EXPECT_EQ(figures_.succeeded.get(), 0U);
  thread_.call([this] { refuse_ = false; });
  signal();
  EXPECT_TRUE(comes_to({2, 2}));
}

TEST_F(ReloaderTest, WhatHappensWhileOneIsAppliedComesAfterIt) {
  thread_.call([this] { hold_ = true; });
  signal();
  EXPECT_TRUE(comes_to({1}));
  folder_.write("c.json", with_workers(2));
  for (int i = 0; i < 3; ++i) signal();
  look_twice();
  EXPECT_EQ(applied(), std::vector<size_t>{1});
  thread_.call([this] {
    hold_ = false;
    std::exchange(held_, nullptr)({});
  });
  EXPECT_TRUE(comes_to({1, 2}));
  look_twice();
  EXPECT_EQ(applied(), (std::vector<size_t>{1, 2}));
}

TEST_F(ReloaderTest, AFileThatNeverRestsIsReadAllTheSame) {
  const auto begin = Clock::now();
  bool taken = false;
  while (!taken && Clock::now() - begin < 5s) {
    folder_.write("next.json", with_workers(2));
    std::filesystem::rename(folder_.file("next.json"), file_);
    taken = !applied().empty();
  }
  EXPECT_TRUE(taken);
  EXPECT_LT(Clock::now() - begin, 1s);
}

TEST_F(ReloaderTest, OnceStoppedItReadsNoMore) {
  thread_.call([this] { reloader_->stop(); });
  folder_.write("c.json", with_workers(2));
  signal();
  look_twice();
  EXPECT_EQ(applied(), std::vector<size_t>{});
}

}  // namespace
}  // namespace mctenant::server
