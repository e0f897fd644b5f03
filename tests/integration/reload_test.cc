// The configuration changes while mctenant serves: by SIGHUP, and by itself when the file does.

#include <signal.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "base/sanitizers.h"
#include "integration/world.h"

namespace mctenant::integration {
namespace {

using Clock = std::chrono::steady_clock;
using Tenants = std::map<std::string, std::string>;

class Reload : public testing::Test {
 protected:
  // The file as it is now, with other tenants, plan or limits.
  [[nodiscard]] std::string file_with(const Tenants& tenants, const std::string& plan = "{}",
                                      const std::map<std::string, std::string>& limits = {}) const {
    MctenantOptions options = options_;
    options.servers = {world_.first.address(), world_.second.address()};
    options.tenants = tenants;
    options.limits.insert(limits.begin(), limits.end());
    std::string text = configuration(options, world_.mctenant.address(), world_.mctenant.admin(),
                                     world_.mctenant.folder().file("state.db"));
    return replaced(text, R"("dev": {})", R"("dev": )" + plan);
  }
  static std::string replaced(std::string text, const std::string& what, const std::string& with) {
    const size_t place = text.find(what);
    EXPECT_NE(place, std::string::npos) << what;
    return text.replace(place, what.size(), with);
  }
  void write_in_place(const std::string& text) const { world_.mctenant.folder().write(kFile, text); }
  void put_in_its_place(const std::string& text) const {
    const auto& folder = world_.mctenant.folder();
    std::filesystem::rename(folder.write("next.json", text), folder.file(kFile));
  }
  void hang_up() { world_.mctenant.process().signal(SIGHUP); }

  [[nodiscard]] uint64_t metric(const std::string& name) const {
    const std::string text = "\n" + world_.mctenant.metrics();
    const size_t place = text.find("\n" + name + " ");
    if (place == std::string::npos) {
      ADD_FAILURE() << "no metric " << name;
      return 0;
    }
    return std::stoull(text.substr(place + name.size() + 2));
  }
  [[nodiscard]] uint64_t applied() const {
    return metric(R"(mctenant_config_reloads_total{result="applied"})");
  }
  [[nodiscard]] uint64_t failed() const {
    return metric(R"(mctenant_config_reloads_total{result="failed"})");
  }
  [[nodiscard]] uint64_t closed(const std::string& reason) const {
    return metric("mctenant_client_connections_closed_total{reason=\"" + reason + "\"}");
  }
  // Of `stats`.
  static std::string figure(BinaryClient& client, const std::string& wanted) {
    for (const auto& [name, value] : client.stats()) {
      if (name == wanted) return value;
    }
    return "";
  }
  // Both within a second of the call.
  [[nodiscard]] bool comes_into_force(uint64_t reloads) const {
    return wait_until([&] { return applied() == reloads; }, kPromised);
  }
  [[nodiscard]] bool fails(uint64_t reloads) const {
    return wait_until([&] { return failed() == reloads; }, kPromised);
  }

  static constexpr const char* kFile = "mctenant.json";
  // As promised, but for slow builds.
  static constexpr Milliseconds kPromised = base::kSanitized ? 10s : 1s;
  const std::string alice_ = "alice's password";
  const std::string bob_ = "bob's password";
  // A server that is starved of CPU for a while is not to be taken for one that is down.
  const MctenantOptions options_{.pool = R"("timeout": "10s")"};
  World world_{options_};
};

TEST_F(Reload, AChangedFileIsTakenByItselfAndASignalHastensIt) {
  BinaryClient alice = world_.mctenant.sign_in("alice");
  alice.store("a", "1");
  write_in_place(file_with({{"alice", alice_}, {"bob", bob_}, {"carol", "carol's"}}));
  ASSERT_TRUE(comes_into_force(1)) << world_.mctenant.process().output();
  BinaryClient carol(world_.mctenant.address(), "carol", "carol's");
  EXPECT_EQ(carol.fetch("a"), std::nullopt);
  carol.store("a", "carol's");

  put_in_its_place(file_with({{"alice", alice_}, {"carol", "carol's"}, {"dave", "dave's"}}));
  ASSERT_TRUE(comes_into_force(2));
  BinaryClient(world_.mctenant.address(), "dave", "dave's").store("a", "dave's");

  hang_up();
  ASSERT_TRUE(comes_into_force(3)) << "asked for, though the file is the same";
  EXPECT_EQ(alice.fetch("a"), "1");
  EXPECT_EQ(carol.fetch("a"), "carol's") << "a password in plain is the same credential after each reload";
  EXPECT_EQ(failed(), 0u);
  const auto now = static_cast<uint64_t>(std::time(nullptr));
  EXPECT_NEAR(static_cast<double>(metric("mctenant_config_applied_timestamp_seconds")),
              static_cast<double>(now), 10.0);
}

TEST_F(Reload, AFileWithFaultsChangesNothingAndEveryFaultIsLogged) {
  BinaryClient bob = world_.mctenant.sign_in("bob");
  const std::string good = file_with({{"alice", alice_}});
  write_in_place(replaced(replaced(good, R"("plan": "dev")", R"("plan": "none")"), R"("limits": {)",
                          R"("limits": {"pipeline": 0, )"));
  ASSERT_TRUE(fails(1));
  std::string log = world_.mctenant.process().output();
  EXPECT_NE(log.find("/tenants/alice/plan: "), std::string::npos) << log;
  EXPECT_NE(log.find("/limits/pipeline: "), std::string::npos) << log;
  write_in_place(good.substr(0, good.size() / 2));  // half written
  ASSERT_TRUE(fails(2));
  EXPECT_EQ(bob.status_of(simple(op::kNoop)), status::kOk) << "still a tenant";
  EXPECT_EQ(world_.mctenant.sign_in("bob").status_of(simple(op::kNoop)), status::kOk);
  EXPECT_EQ(applied(), 0u);
  write_in_place(good);
  ASSERT_TRUE(comes_into_force(1));
  EXPECT_EQ(bob.connection().wait_for_end(5s), Peer::closed);
}

TEST_F(Reload, WhatNeedsARestartIsRefusedByName) {
  const std::string good = file_with({{"alice", alice_}, {"bob", bob_}});
  const std::string address = "\"" + world_.mctenant.address() + "\"";
  write_in_place(replaced(replaced(good, R"("workers": 2)", R"("workers": 3)"), address, "\"127.0.0.1:0\""));
  ASSERT_TRUE(fails(1));
  const std::string log = world_.mctenant.process().output();
  for (const char* fault : {"/listeners: ", "/workers: ", "restart mctenant"}) {
    EXPECT_NE(log.find(fault), std::string::npos) << fault << log;
  }
  EXPECT_EQ(world_.mctenant.sign_in("alice").status_of(simple(op::kNoop)), status::kOk);
}

TEST_F(Reload, ATenantThatIsRemovedIsSignedOutAndItsNamesakeFindsNothing) {
  BinaryClient alice = world_.mctenant.sign_in("alice");
  BinaryClient bobs[] = {world_.mctenant.sign_in("bob"), world_.mctenant.sign_in("bob")};
  alice.store("a", "alice's");
  bobs[0].store("a", "bob's");
  write_in_place(file_with({{"alice", alice_}}));
  ASSERT_TRUE(comes_into_force(1));
  for (BinaryClient& bob : bobs) EXPECT_EQ(bob.connection().wait_for_end(5s), Peer::closed);
  EXPECT_TRUE(wait_until([&] { return closed("tenant_removed") == 2; }, 5s));
  EXPECT_EQ(world_.mctenant.connect().status_of(plain("bob", bob_)), status::kAuth);
  EXPECT_EQ(alice.fetch("a"), "alice's");

  write_in_place(file_with({{"alice", alice_}, {"bob", bob_}}));
  ASSERT_TRUE(comes_into_force(2));
  EXPECT_EQ(world_.mctenant.sign_in("bob").fetch("a"), std::nullopt) << "an id is never given again";
}

TEST_F(Reload, ATenantThatIsRemovedWhileMctenantIsDownIsRetiredAtTheStart) {
  world_.mctenant.sign_in("bob").store("a", "bob's");
  world_.mctenant.process().stop();
  write_in_place(file_with({{"alice", alice_}}));
  world_.mctenant.start();
  EXPECT_NE(world_.mctenant.process().output().find("\"bob\" (id 2) is no longer configured"),
            std::string::npos);
  write_in_place(file_with({{"alice", alice_}, {"bob", bob_}}));
  ASSERT_TRUE(comes_into_force(1));
  EXPECT_EQ(world_.mctenant.sign_in("bob").fetch("a"), std::nullopt);
}

TEST_F(Reload, ACredentialThatIsChangedEndsItsConnectionsAndNoOther) {
  BinaryClient alice = world_.mctenant.sign_in("alice");
  BinaryClient bob = world_.mctenant.sign_in("bob");
  alice.store("a", "1");
  write_in_place(file_with({{"alice", "another"}, {"bob", bob_}}));
  ASSERT_TRUE(comes_into_force(1));
  EXPECT_EQ(alice.connection().wait_for_end(5s), Peer::closed);
  EXPECT_EQ(world_.mctenant.connect().status_of(plain("alice", alice_)), status::kAuth);
  EXPECT_EQ(BinaryClient(world_.mctenant.address(), "alice", "another").fetch("a"), "1");
  EXPECT_EQ(bob.status_of(simple(op::kNoop)), status::kOk);
  EXPECT_TRUE(wait_until([&] { return closed("credential_changed") == 1; }, 5s));
}

TEST_F(Reload, AnotherPlanAndOtherLimitsCountForThoseWhoAreSignedIn) {
  BinaryClient alice = world_.mctenant.sign_in("alice");
  BinaryClient second = world_.mctenant.sign_in("alice");
  const Tenants both = {{"alice", alice_}, {"bob", bob_}};
  write_in_place(
      file_with(both, R"({"max_connections": 1, "memory": "64KiB"})", {{"max_connections", "99"}}));
  ASSERT_TRUE(comes_into_force(1));
  EXPECT_EQ(alice.status_of(simple(op::kNoop)), status::kOk) << "nobody is closed";
  EXPECT_EQ(second.status_of(simple(op::kNoop)), status::kOk);
  EXPECT_EQ(world_.mctenant.connect().status_of(plain("alice", alice_)), status::kTemporary);
  EXPECT_EQ(figure(alice, "limit_maxbytes"), "65536");
  EXPECT_EQ(figure(alice, "max_connections"), "99");
  EXPECT_EQ(metric("mctenant_limit_connections"), 99u);

  write_in_place(file_with(both, R"({"max_connections": 3})"));
  ASSERT_TRUE(comes_into_force(2));
  EXPECT_EQ(world_.mctenant.sign_in("alice").status_of(simple(op::kNoop)), status::kOk);
}

TEST_F(Reload, KilledAtAnyMomentOfReloadsTheStateIsSound) {
  const std::string with = file_with({{"alice", alice_}, {"bob", bob_}});
  const std::string without = file_with({{"alice", alice_}});
  world_.mctenant.sign_in("alice").store("a", "1");
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i <= round; ++i) {
      put_in_its_place(i % 2 == 0 ? without : with);
      hang_up();
    }
    std::this_thread::sleep_for(Milliseconds(45 + 6 * round));  // about when what was asked for is done
    world_.mctenant.process().kill();
    put_in_its_place(with);
    world_.mctenant.start();
    EXPECT_EQ(world_.mctenant.sign_in("alice").fetch("a"), "1");
    EXPECT_EQ(world_.mctenant.sign_in("bob").status_of(simple(op::kNoop)), status::kOk);
  }
}

class ConcurrentReload : public Reload {};

TEST_F(ConcurrentReload, ManyUnderLoadCloseNobodyAndLoseNoReply) {
  std::atomic<bool> done{false};
  std::atomic<uint64_t> answered{0};
  std::vector<std::future<std::string>> clients;  // each ends with what went wrong, or nothing
  for (int t = 0; t < 4; ++t) {
    clients.push_back(std::async(std::launch::async, [&, t]() -> std::string {
      try {
        BinaryClient client = world_.mctenant.sign_in(t % 2 == 0 ? "alice" : "bob");
        const std::string key = "key " + std::to_string(t);
        for (uint64_t i = 0; !done; ++i) {
          const std::string value = std::to_string(i);
          client.store(key, value);
          if (client.fetch(key) != value) return "another value than was stored";
          ++answered;
        }
        return "";
      } catch (const std::exception& error) {
        return error.what();
      }
    }));
  }
  BinaryClient watcher = world_.mctenant.sign_in("alice");
  const auto begin = Clock::now();
  // The release build tries the whole hundred.
  constexpr uint64_t kReloads = base::kSanitized ? 30 : 100;
  for (uint64_t i = 1; i <= kReloads; ++i) {
    Tenants tenants = {{"alice", alice_}, {"bob", bob_}};
    if (i % 2 == 1) tenants["carol"] = "carol's";
    put_in_its_place(file_with(tenants, R"({"memory": ")" + std::to_string(i) + R"(MiB"})"));
    if (i % 3 == 0) hang_up();
    // Not by their count: a signal may come while the change that it is about is read already.
    const std::string quota = std::to_string(i << 20);
    EXPECT_TRUE(wait_until([&] { return figure(watcher, "limit_maxbytes") == quota; }, 20s))
        << i << '\n'
        << world_.mctenant.process().output();
    if (HasFailure()) break;
  }
  RecordProperty("milliseconds_for_all_reloads",
                 std::to_string(std::chrono::duration_cast<Milliseconds>(Clock::now() - begin).count()));
  const uint64_t before_the_end = answered;
  EXPECT_TRUE(wait_until([&] { return answered > before_the_end + 100; }, 10s));
  done = true;
  for (auto& client : clients) EXPECT_EQ(client.get(), "") << world_.mctenant.process().output();
  EXPECT_GE(applied(), kReloads);
  EXPECT_EQ(failed(), 0u);
  EXPECT_EQ(closed("credential_changed") + closed("tenant_removed"), 0u);
}

}  // namespace
}  // namespace mctenant::integration
