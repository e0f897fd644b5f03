#include "config/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/limits.h"
#include "samples.h"
#include "support/temp_folder.h"

namespace mctenant::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config sample() {
  auto parsed =
      parse(with(R"("tenants": {"acme": {"credentials": [)" + verified("acme") + R"(]}, "beta": {}})"), "f");
  return parsed.config.value();
}

tenant::Directory directory_of(const Config& config) {
  std::vector<tenant::Entry> entries;
  for (const TenantConfig& tenant : config.tenants) {
    const auto id = static_cast<tenant::TenantId>(entries.size() + 1);
    entries.push_back(
        {std::make_shared<tenant::Tenant>(tenant.name, id, 0, "x7", 1), tenant.plan, tenant.credentials});
  }
  return tenant::Directory(std::move(entries));
}

// The places that are refused of a configuration that was changed so.
std::vector<std::string> refused(const std::function<void(Config&)>& change) {
  const Config started = sample();
  Config wanted = sample();
  change(wanted);
  std::vector<std::string> pointers;
  for (const Finding& fault : check_live(started, directory_of(started), wanted)) {
    EXPECT_THAT(fault.message, HasSubstr("restart mctenant to change it"));
    pointers.push_back(fault.pointer);
  }
  return pointers;
}

TEST(Live, WhatIsTheSameIsTaken) {
  EXPECT_THAT(refused([](Config&) {}), IsEmpty());
}

TEST(Live, TenantsPlansAndCredentialsMayChange) {
  EXPECT_THAT(refused([](Config& wanted) {
                wanted.tenants[0].plan.memory = base::kMiB;
                wanted.tenants[0].plan.max_connections = 3;
                wanted.tenants[0].credentials.clear();
                wanted.tenants[1].name = "gamma";
                wanted.tenants[1].plan.pool = "default";
              }),
              IsEmpty());
}

TEST(Live, WhatTheProcessIsBuiltOnIsRefusedByName) {
  EXPECT_THAT(refused([](Config& wanted) {
                wanted.listeners[0].address.port = 1;
                wanted.admin = Admin{};
                ++wanted.workers;
                wanted.state = "other.db";
                wanted.key_namespace = "cache1";
              }),
              ElementsAre("/listeners", "/admin", "/workers", "/state", "/namespace"));
}

TEST(Live, AnotherAdminTokenIsRefusedAndNotRepeated) {
  Config started = sample();
  started.admin = Admin{{}, "the old token, of some length"};
  Config wanted = started;
  wanted.admin->token = "the new token, of some length";
  const auto faults = check_live(started, directory_of(started), wanted);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_THAT(faults[0].format("f"), testing::Not(HasSubstr("token, of")));
}

TEST(Live, PoolsAreRefusedEachByName) {
  EXPECT_THAT(refused([](Config& wanted) {
                wanted.pools[0].timeout *= 2;
                wanted.pools.emplace_back().name = "second";
              }),
              ElementsAre("/pools/default", "/pools/second"));
  EXPECT_THAT(refused([](Config& wanted) { wanted.pools[0].servers[0].weight = 2; }),
              ElementsAre("/pools/default"));
  EXPECT_THAT(refused([](Config& wanted) { wanted.pools.clear(); }), ElementsAre("/pools/default"));
}

TEST(Live, PoolsInAnotherOrderAreTheSame) {
  Config started = sample();
  started.pools.emplace_back().name = "second";
  Config wanted = started;
  std::swap(wanted.pools[0], wanted.pools[1]);
  started.pools[0].item_size = 1000;  // as it is set at the start
  EXPECT_THAT(check_live(started, directory_of(started), wanted), IsEmpty());
}

TEST(Live, ATenantStaysInItsPool) {
  EXPECT_THAT(refused([](Config& wanted) { wanted.tenants[1].plan.pool = "second"; }),
              ElementsAre("/tenants/beta/pool"));
}

TEST(Live, LimitsThatAreFixedAreRefusedAndTheOthersMayChange) {
  std::vector<std::string> expected;
  for (const LimitRow& row : limit_table()) {
    if (!row.live) expected.push_back("/limits/" + std::string(row.key));
  }
  EXPECT_EQ(expected.size(), 3U);
  EXPECT_EQ(refused([](Config& wanted) {
              for (const LimitRow& row : limit_table()) {
                std::visit([&wanted](auto field) { wanted.limits.*field *= 2; }, row.field);
              }
            }),
            expected);
}

TEST(Live, TheReadmeTellsEveryLimitThatNeedsARestart) {
  const std::filesystem::path root(MCTENANT_SOURCE_DIR);
  const std::string text = support::read_file((root / "config" / "README.md").string());
  const size_t section = text.find("## Changing a running mctenant");
  ASSERT_NE(section, std::string::npos);
  for (const LimitRow& row : limit_table()) {
    const bool named = text.find("`limits." + std::string(row.key) + "`", section) != std::string::npos;
    EXPECT_EQ(named, !row.live) << row.key;
  }
}

// One user and a verifier of that user's.
class Known final : public auth::CredentialSource {
 public:
  explicit Known(const auth::Verifier& verifier) : verifier_(verifier) {}
  [[nodiscard]] const auth::Verifier* find_verifier(std::string_view username,
                                                    auth::Hash hash) const override {
    return username == "acme" && hash == verifier_.hash ? &verifier_ : nullptr;
  }

 private:
  const auth::Verifier verifier_;
};

TEST(Live, APasswordThatIsStillTheSameKeepsItsVerifier) {
  const Known known(auth::make_verifier("secret"));
  const auto verifier = [&known](const std::string& credential) {
    return parse(with_credential(credential), "f", &known).config->tenants[0].credentials[0].verifier;
  };
  const auth::Verifier before = *known.find_verifier("acme", auth::Hash::sha_256);
  EXPECT_EQ(verifier(R"({"username": "acme", "password": "secret"})"), before);
  const auth::Verifier changed = verifier(R"({"username": "acme", "password": "changed"})");
  EXPECT_NE(changed, before);
  EXPECT_TRUE(auth::matches(changed, "changed"));
  EXPECT_NE(verifier(R"({"username": "other", "password": "secret"})"), before);
}

TEST(FileState, TellsEveryKindOfChange) {
  const support::TempFolder folder;
  EXPECT_EQ(FileState::of(folder.file("f")), FileState());
  const std::string path = folder.write("f", "one");
  const FileState first = FileState::of(path);
  EXPECT_EQ(FileState::of(path), first);
  folder.write("f", "four");
  EXPECT_NE(FileState::of(path), first) << "written in place";
  const FileState second = FileState::of(path);
  std::filesystem::rename(folder.write("g", "four"), path);
  EXPECT_NE(FileState::of(path), second) << "replaced";
  const FileState third = FileState::of(path);
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::seconds(5));
  EXPECT_NE(FileState::of(path), third) << "touched";
  std::filesystem::create_symlink(path, folder.file("link"));
  EXPECT_EQ(FileState::of(folder.file("link")), FileState::of(path));
  std::filesystem::remove(path);
  EXPECT_FALSE(FileState::of(path).exists);
}

TEST(FileState, IsTheOneOfWhatWasLoaded) {
  const support::TempFolder folder;
  const std::string path = folder.write("f", with(kTenants));
  const Parsed parsed = load(path);
  FileSet expected;
  expected.add(path, FileState::of(path));
  EXPECT_EQ(parsed.files, expected);
}

}  // namespace
}  // namespace mctenant::config
