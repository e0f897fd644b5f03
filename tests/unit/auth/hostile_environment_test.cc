#include <gtest/gtest.h>
#include <netdb.h>
#include <sasl/sasl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include "auth_fixture.h"
#include "support/temp_folder.h"

// All tests of this program run in an environment that does its best to have Cyrus SASL accept an intruder: a
// folder of configuration that allows every mechanism and names a password database, with a user in it. A
// child process that uses Cyrus as it comes shows first that this works.
namespace {

std::atomic<int> names_resolved{0};

}  // namespace

// In the place of the C library's: nothing of this program may ask for a name.
extern "C" int getaddrinfo(const char*, const char*, const struct addrinfo*, struct addrinfo**) {
  ++names_resolved;
  return EAI_FAIL;
}

namespace mctenant::auth {
namespace {

constexpr char kIntruder[] = "intruder";
constexpr char kPassword[] = "from-the-sasldb";

// Runs `attempt` in a child process and tells whether it succeeded there.
template <class Attempt>
bool in_child(Attempt attempt) {
  const pid_t child = fork();
  if (child == 0) _exit(attempt() ? 0 : 1);
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

sasl_conn_t* unpinned_connection(const char* server_name = "mctenant") {
  sasl_conn_t* connection = nullptr;
  if (sasl_server_init(nullptr, "memcached") != SASL_OK) return nullptr;
  if (sasl_server_new("memcached", server_name, nullptr, nullptr, nullptr, nullptr, 0, &connection) !=
      SASL_OK) {
    return nullptr;
  }
  return connection;
}

bool unpinned_accepts(const char* mechanism, const std::string& message) {
  sasl_conn_t* connection = unpinned_connection();
  const char* out = nullptr;
  unsigned length = 0;
  return connection != nullptr &&
         sasl_server_start(connection, mechanism, message.data(), static_cast<unsigned>(message.size()), &out,
                           &length) == SASL_OK;
}

class HostileEnvironment final : public testing::Environment {
 public:
  void SetUp() override {
    const std::string database = folder_.file("sasldb2");
    for (const char* name : {"memcached.conf", "mctenant.conf"}) {
      folder_.write(name,
                    "mech_list: PLAIN ANONYMOUS LOGIN CRAM-MD5 SCRAM-SHA-256\npwcheck_method: auxprop\n"
                    "auxprop_plugin: sasldb\nauto_transition: yes\nlog_level: 7\nsasldb_path: " +
                        database + "\n");
    }
    for (const char* variable : {"SASL_CONF_PATH", "HOME"}) setenv(variable, folder_.path().c_str(), 1);
    const std::string command = std::string("printf %s ") + kPassword +
                                " | saslpasswd2 -c -p -u mctenant -f " + database + " " + kIntruder + " >" +
                                folder_.file("log") + " 2>&1";
    made_ = std::system(command.c_str()) == 0;
    anonymous_works_ = in_child([] { return unpinned_accepts("ANONYMOUS", "x"); });
    database_works_ = in_child([] { return unpinned_accepts("PLAIN", plain(kIntruder, kPassword)); });
    resolving_is_seen_ = in_child([] {
      (void)unpinned_connection(nullptr);
      return names_resolved > 0;
    });
    setenv("SASL_PATH", folder_.path().c_str(), 1);  // where no mechanism is
  }

  support::TempFolder folder_;
  bool made_ = false;
  bool anonymous_works_ = false;
  bool database_works_ = false;
  bool resolving_is_seen_ = false;
};

HostileEnvironment* const environment =
    static_cast<HostileEnvironment*>(testing::AddGlobalTestEnvironment(new HostileEnvironment));

class HostileEnvironmentTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Authenticator::initialize()); }

  Verdict verdict_of(std::string_view mechanism, const std::string& message) {
    return sign_in(authenticator_, worker_, mechanism, message).verdict;
  }

  Users users_;
  ManualWorker worker_;
  PasswordChecker checker_{{}};
  Authenticator authenticator_{users_, checker_, worker_};
};

TEST_F(HostileEnvironmentTest, AUserOfASasldbIsRefused) {
  if (!environment->made_) GTEST_SKIP() << "saslpasswd2 (package sasl2-bin) can't make a sasldb here";
  ASSERT_TRUE(environment->database_works_)
      << "the environment does no harm, so this test would show nothing";
  for (const std::string name : {kIntruder, "intruder@mctenant"}) {
    EXPECT_EQ(verdict_of("PLAIN", plain(name, kPassword)), Verdict::refused);
    EXPECT_EQ(verdict_of("LOGIN", plain(name, kPassword)), Verdict::not_offered);
  }
}

TEST_F(HostileEnvironmentTest, AUserOfBothHasOurPasswordOnly) {
  users_.set(kIntruder, "ours");
  EXPECT_EQ(verdict_of("PLAIN", plain(kIntruder, kPassword)), Verdict::refused);
  EXPECT_EQ(verdict_of("PLAIN", plain(kIntruder, "ours")), Verdict::accepted);
}

TEST_F(HostileEnvironmentTest, AnonymousIsRefusedThoughTheConfigurationAllowsIt) {
  if (!environment->anonymous_works_) GTEST_SKIP() << "the ANONYMOUS mechanism is not installed here";
  EXPECT_EQ(verdict_of("ANONYMOUS", "somebody@example.com"), Verdict::not_offered);
}

TEST_F(HostileEnvironmentTest, OnlyPlainAndScramAreLoaded) {
  size_t found = 0;
  for (const char** name = sasl_global_listmech(); name != nullptr && *name != nullptr; ++name) {
    // EXTERNAL is part of Cyrus itself, and is not offered.
    const std::string mechanism = *name;
    EXPECT_TRUE(mechanism == "PLAIN" || mechanism == "EXTERNAL" || mechanism.starts_with("SCRAM-SHA-"))
        << mechanism;
    ++found;
  }
  EXPECT_GE(found, 4u);
}

TEST_F(HostileEnvironmentTest, NoNameIsResolved) {
  if (!environment->resolving_is_seen_)
    GTEST_SKIP() << "this host's name is complete, so Cyrus never asks for it";
  users_.set("acme", "secret");
  EXPECT_EQ(verdict_of("PLAIN", plain("acme", "secret")), Verdict::accepted);
  EXPECT_EQ(verdict_of("PLAIN", plain("nobody", "secret")), Verdict::refused);
  EXPECT_EQ(names_resolved, 0);
}

}  // namespace
}  // namespace mctenant::auth
