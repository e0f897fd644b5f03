#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "config/limits.h"
#include "samples.h"
#include "support/temp_folder.h"

namespace mctenant::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Config parsed(const std::string& text, const std::string& file = "/etc/mctenant/mctenant.json") {
  Parsed result = parse(text, file);
  for (const Finding& fault : result.faults) ADD_FAILURE() << fault.format(file);
  return result.config ? *std::move(result.config) : Config();
}

std::vector<std::string> warnings(const std::string& text) {
  std::vector<std::string> lines;
  for (const Finding& warning : parse(text, "f").warnings) lines.push_back(warning.format("f"));
  return lines;
}

TEST(Config, DefaultsAreFilledIn) {
  const Config config = parsed(with(kTenants));
  EXPECT_EQ(config.listeners.size(), 1u);
  EXPECT_FALSE(config.admin);
  EXPECT_GE(config.workers, 1u);
  EXPECT_EQ(config.state, "/var/lib/mctenant/state.db");
  EXPECT_FALSE(config.key_namespace);
  ASSERT_EQ(config.pools.size(), 1u);
  EXPECT_EQ(config.pools[0].name, "default");
  EXPECT_EQ(config.pools[0].hash, upstream::kDefaultKeyHash);
  EXPECT_EQ(config.pools[0].timeout, upstream::PoolOptions().timeout);
  EXPECT_EQ(config.pools[0].servers[0].weight, 1u);
  EXPECT_THAT(config.tenants, IsEmpty());
  EXPECT_EQ(config.limits.item_size, session::Limits().item_size);
}

TEST(Config, EveryKeyIsTaken) {
  const Config config = parsed(R"({
    "listeners": [{"address": "0.0.0.0:11211"}, {"address": "/run/mctenant.sock"}],
    "admin": {"address": "[::1]:8211"},
    "workers": 3,
    "state": "/srv/state.db",
    "namespace": "cache1",
    "pools": {"a": {"servers": ["h:1", {"address": "/run/mc.sock", "weight": 7}], "hash": "md5", "timeout": "2s",
                    "connect_timeout": "3s", "retry_min": "10ms", "retry_max": "1m"},
              "b": {"servers": ["h:1"]}},
    "plans": {"p": {"memory": "25MiB", "max_connections": 9, "pool": "b"}},
    "tenants": {"acme": {"id": 2147483648, "plan": "p", "max_connections": 10, "credentials": [)" +
                               verified("acme") + ", " + verified("acme 2") + R"(]},
                "beta": {"id": 1, "pool": "a", "memory": 65536}},
    "limits": {"item_size": 1024, "sign_in_timeout": "10ms", "sign_in_refusals": 1, "pipeline": 2,
               "connection_buffer": "64KiB", "max_connections": 3, "drain_timeout": "0s", "sign_in_queue": 4,
               "sign_in_threads": 5, "background_deletes": 100}})");
  EXPECT_EQ(config.listeners.at(1).address.text(), "/run/mctenant.sock");
  EXPECT_EQ(config.admin->address.text(), "[::1]:8211");
  EXPECT_EQ(config.workers, 3u);
  EXPECT_EQ(config.state, "/srv/state.db");
  EXPECT_EQ(config.key_namespace, "cache1");
  const upstream::PoolOptions& pool = config.pools.at(0);
  EXPECT_EQ(pool.servers.at(1).address.text(), "/run/mc.sock");
  EXPECT_EQ(pool.servers.at(1).weight, 7u);
  EXPECT_EQ(pool.hash, upstream::KeyHash::md5);
  EXPECT_EQ(pool.timeout, std::chrono::seconds(2));
  EXPECT_EQ(pool.connect_timeout, std::chrono::seconds(3));
  EXPECT_EQ(pool.retry_min, std::chrono::milliseconds(10));
  EXPECT_EQ(pool.retry_max, std::chrono::minutes(1));
  const TenantConfig& acme = config.tenants.at(0);
  EXPECT_EQ(acme.name, "acme");
  EXPECT_EQ(acme.id, 2147483648u);
  EXPECT_EQ(acme.plan, (tenant::Plan{"b", 25 * base::kMiB, 10}));
  EXPECT_EQ(acme.credentials.at(1).username, "acme 2");
  EXPECT_EQ(acme.credentials.at(1).verifier.salt, "0123456789abcdef");
  EXPECT_EQ(config.tenants.at(1).plan, (tenant::Plan{"a", 65536, 0}));
  EXPECT_EQ(config.limits.item_size, 1024u);
  EXPECT_EQ(config.limits.sign_in_timeout, std::chrono::milliseconds(10));
  EXPECT_EQ(config.limits.drain_timeout, base::Duration::zero());
  EXPECT_EQ(config.limits.sign_in_threads, 5u);
  EXPECT_EQ(config.limits.background_deletes, 100u);
}

TEST(Config, WorkersZeroIsOneACore) {
  EXPECT_EQ(parsed(with(R"("workers": 0, )" + kTenants)).workers,
            std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 256));
}

TEST(Config, RelativePathsStandRelativeToTheFile) {
  const std::string text = with(R"("state": "data/state.db", )" + kTenants);
  EXPECT_EQ(parsed(text, "/etc/mctenant/m.json").state, "/etc/mctenant/data/state.db");
  EXPECT_EQ(parsed(text, "m.json").state, "data/state.db");
}

TEST(Config, SeveralListenersMayAskForAnyFreePort) {
  EXPECT_EQ(
      parsed(with_listeners(R"([{"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0"}])")).listeners.size(),
      2u);
}

TEST(Config, PasswordBecomesAVerifierThatMatchesIt) {
  const Config config = parsed(with_credential(R"({"username": "u", "password": "grün"})"));
  const auth::Verifier& verifier = config.tenants.at(0).credentials.at(0).verifier;
  EXPECT_TRUE(auth::matches(verifier, "grün"));
  EXPECT_FALSE(auth::matches(verifier, "gruen"));
}

TEST(Config, AListenerSaysHowItsClientsSignIn) {
  const Config config = parsed(with_listeners(R"([
      {"address": "127.0.0.1:0"},
      {"address": "127.0.0.1:0", "mechanisms": ["SCRAM-SHA-512", "SCRAM-SHA-256"]},
      {"address": "127.0.0.1:0", "plain_requires_tls": true},
      {"address": "127.0.0.1:0", "plain_requires_tls": false, "mechanisms": ["PLAIN"]}])"));
  const auto offered = [&config](size_t listener, bool encrypted) {
    return list_of(config.listeners.at(listener).sign_in.offered(encrypted));
  };
  EXPECT_EQ(offered(0, false), "PLAIN SCRAM-SHA-256");
  EXPECT_EQ(offered(1, false), "SCRAM-SHA-256 SCRAM-SHA-512");
  EXPECT_EQ(offered(2, false), "SCRAM-SHA-256");
  EXPECT_EQ(offered(2, true), "PLAIN SCRAM-SHA-256");
  EXPECT_EQ(offered(3, false), "PLAIN");
}

TEST(Config, APasswordBecomesTheVerifiersThatListenersNeed) {
  const Config config = parsed(R"({"listeners": [{"address": "127.0.0.1:0"},
      {"address": "127.0.0.1:0", "mechanisms": ["SCRAM-SHA-512"]}], )" +
                               kPools + R"(, "tenants": {"a": {"credentials": [
      {"username": "u", "password": "secret"}]}}})");
  const tenant::Credential& credential = config.tenants.at(0).credentials.at(0);
  EXPECT_EQ(credential.verifier.hash, auth::Hash::sha_256);
  ASSERT_EQ(credential.others.size(), 1u);
  EXPECT_EQ(credential.others[0].hash, auth::Hash::sha_512);
  EXPECT_TRUE(auth::matches(credential.others[0], "secret"));
}

TEST(Config, AVerifierMayStandForEachHash) {
  const Config config = parsed(
      with_credential(R"({"username": "u", "verifier": [")" + kVerifier1 + R"(", ")" + kVerifier + "\"]}"));
  const tenant::Credential& credential = config.tenants.at(0).credentials.at(0);
  EXPECT_EQ(auth::format_verifier(credential.verifier), kVerifier);
  ASSERT_EQ(credential.others.size(), 1u);
  EXPECT_EQ(auth::format_verifier(credential.others[0]), kVerifier1);
}

TEST(Config, ACredentialMayDoWhatAClientCanAskForUnlessItSaysWhat) {
  const auto capabilities = [](const std::string& more) {
    return parsed(with_credential(R"({"username": "u", "verifier": ")" + kVerifier + "\"" + more + "}"))
        .tenants.at(0)
        .credentials.at(0)
        .capabilities;
  };
  using tenant::Capability;
  EXPECT_EQ(capabilities(""), (tenant::Capabilities{Capability::read, Capability::write, Capability::flush}));
  EXPECT_EQ(capabilities(R"(, "capabilities": ["read"])"), (tenant::Capabilities{Capability::read}));
  EXPECT_EQ(capabilities(R"(, "capabilities": ["flush", "write"])"),
            (tenant::Capabilities{Capability::write, Capability::flush}));
  EXPECT_EQ(capabilities(R"(, "capabilities": ["api"])"), (tenant::Capabilities{Capability::api}));
  EXPECT_THAT(warnings(with_credential(R"({"username": "u", "capabilities": ["api"], "verifier": ")" +
                                       kVerifier + "\"}")),
              ElementsAre(HasSubstr("/capabilities/0: allows nothing yet")));
}

TEST(Config, TheFirstCredentialIsThePrimaryOneIfNoneSaysSo) {
  const auto primary = [](const char* first, const char* second) {
    const Config config =
        parsed(with_credential(R"({"username": "a", "verifier": ")" + kVerifier + "\"" + first +
                               R"(}, {"username": "b", "verifier": ")" + kVerifier + "\"" + second + "}"));
    std::string names;
    for (const tenant::Credential& credential : config.tenants.at(0).credentials) {
      if (credential.primary) names += credential.username;
    }
    return names;
  };
  EXPECT_EQ(primary("", ""), "a");
  EXPECT_EQ(primary("", R"(, "primary": true)"), "b");
  EXPECT_EQ(primary(R"(, "primary": true)", R"(, "primary": false)"), "a");
  EXPECT_EQ(primary(R"(, "primary": false)", ""), "a");
}

TEST(Config, ASaltByWhichAUserCanBeToldFromNobodyIsWarnedOf) {
  std::string verifier = kVerifier;
  verifier.replace(verifier.find("MDEyMzQ1Njc4OWFiY2RlZg=="), 24, "MDEyMzQ1Njc4OWFi");
  EXPECT_THAT(warnings(with_credential(R"({"username": "u", "verifier": ")" + verifier + "\"}")),
              ElementsAre(HasSubstr("/verifier: has a salt of 12 bytes")));
}

TEST(Config, ByteOrderMarkIsSkipped) { (void)parsed("\xef\xbb\xbf" + with(kTenants)); }

TEST(Config, AQuotaIsNothingToWarnOf) {
  EXPECT_THAT(warnings(with(R"("plans": {"p": {"memory": "1MiB"}},
                               "tenants": {"a": {"plan": "p", "credentials": [)" +
                            verified("a") + R"(]}, "b": {"memory": "2MiB", "credentials": [)" +
                            verified("b") + "]}}")),
              IsEmpty());
}

TEST(Config, NobodyWhoCanSignInIsWarnedOf) {
  EXPECT_THAT(warnings(with(kTenants)), ElementsAre("f: /tenants: is empty: nobody can sign in"));
  EXPECT_THAT(warnings("{" + kListeners + ", " + kPools + "}"),
              ElementsAre("f: has no \"tenants\": nobody can sign in"));
  EXPECT_THAT(warnings(with_tenant("{}")), ElementsAre(HasSubstr("/tenants/acme: has no credentials")));
  EXPECT_THAT(warnings(with_tenant(R"({"credentials": []})")), ElementsAre(HasSubstr("has no credentials")));
}

TEST(Config, AListenerWhoseMechanismsNoVerifierIsForIsWarnedOf) {
  const auto told = [](const std::string& listener, const std::string& verifiers) {
    return warnings(R"({"listeners": [{"address": "127.0.0.1:0"}, {)" + listener + "}], " + kPools +
                    R"(, "tenants": {"acme": {"credentials": [{"username": "u", )" + verifiers + "}]}}}");
  };
  const std::string usual = R"("verifier": ")" + kVerifier + "\"";
  const std::string both = R"("verifier": [")" + kVerifier + R"(", ")" + kVerifier1 + R"("])";
  const std::string sha1 = R"("address": "/s", "mechanisms": ["SCRAM-SHA-1"])";
  EXPECT_THAT(told(sha1, usual), ElementsAre(HasSubstr("/listeners/1/mechanisms: offers SCRAM-SHA-1 only")));
  EXPECT_THAT(
      told(R"("address": "/s", "mechanisms": ["PLAIN", "SCRAM-SHA-512"], "plain_requires_tls": true)", both),
      ElementsAre(HasSubstr("offers SCRAM-SHA-512 only")));
  EXPECT_THAT(told(sha1, both), IsEmpty());
  EXPECT_THAT(told(sha1, R"("password": "p")"), IsEmpty()) << "its verifiers are made";
  EXPECT_THAT(told(sha1 + R"(, "credential": "u")", usual), IsEmpty()) << "nobody signs in there";
  EXPECT_THAT(told(R"("address": "/s", "mechanisms": ["PLAIN"])", usual), IsEmpty());
}

TEST(Config, ManyTenantsAreReadInTimeProportionalToTheirNumber) {
  std::string tenants;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "t" + std::to_string(i);
    tenants += (i == 0 ? "" : ", ") + ("\"" + name) + R"(": {"credentials": [)" + verified(name) + "]}";
  }
  EXPECT_EQ(parsed(with(R"("tenants": {)" + tenants + "}")).tenants.size(), 5000u);
}

class TokenFile : public testing::Test {
 protected:
  // Writes the token file and a configuration beside it, and loads that.
  Parsed load_with(const std::string& token, mode_t mode = 0600,
                   const std::string& address = "0.0.0.0:8211") {
    chmod(folder_.write("admin.token", token).c_str(), mode);
    return load(folder_.write("m.json", with(R"("admin": {"address": ")" + address +
                                             R"(", "token_file": "admin.token"}, )" + kTenants)));
  }

  support::TempFolder folder_;
};

TEST_F(TokenFile, StandsBesideTheFileAndLosesItsLineEnd) {
  const Parsed result = load_with("0123456789abcdef\n");
  ASSERT_TRUE(result.config) << result.faults.at(0).message;
  EXPECT_EQ(result.config->admin->token, "0123456789abcdef");
  EXPECT_EQ(result.warnings.size(), 1u);  // of the tenants alone
}

TEST_F(TokenFile, ReadableByOthersIsWarnedOf) {
  const Parsed result = load_with("0123456789abcdef", 0644);
  EXPECT_TRUE(result.config);
  EXPECT_THAT(result.warnings.at(0), AllOf(Field(&Finding::pointer, "/admin/token_file"),
                                           Field(&Finding::message, HasSubstr("chmod 600"))));
}

TEST_F(TokenFile, FaultsNameTheFileAndNeverTheToken) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "is empty"},
      {" \n", "is empty"},
      {"0123456789abcde\n", "fewer than 16"},
      {"0123456789 abcdef", "visible ASCII"},
      {"0123456789abcdef\n0123456789abcdef", "visible ASCII"},
      {"0123456789abcdef\xc3\xbc", "visible ASCII"},
      {std::string(2000, '0'), "more than 1024"},
  };
  for (const auto& [token, part] : cases) {
    const Parsed result = load_with(token);
    ASSERT_EQ(result.faults.size(), 1u) << part;
    EXPECT_EQ(result.faults[0].pointer, "/admin/token_file");
    EXPECT_THAT(result.faults[0].message, AllOf(HasSubstr(part), HasSubstr(folder_.file("admin.token"))));
    EXPECT_THAT(result.faults[0].message, testing::Not(HasSubstr("0123456789")));
  }
}

TEST(Load, FileThatCannotBeReadIsAFault) {
  const support::TempFolder folder;
  for (const auto& [path, part] : std::vector<std::pair<std::string, std::string>>{
           {folder.file("none.json"), "No such file"}, {folder.path().string(), "Is a directory"}}) {
    const Parsed result = load(path);
    EXPECT_FALSE(result.config);
    ASSERT_EQ(result.faults.size(), 1u);
    EXPECT_EQ(result.faults[0].pointer, "");
    EXPECT_THAT(result.faults[0].message, HasSubstr(part));
  }
}

class Sample : public testing::Test {
 protected:
  static std::string file(const std::string& name) {
    return std::filesystem::path(MCTENANT_SOURCE_DIR) / "config" / name;
  }
};

TEST_F(Sample, HasNoFaults) {
  const Parsed result = load(file("mctenant.json"));
  for (const Finding& fault : result.faults) ADD_FAILURE() << fault.format(file("mctenant.json"));
  ASSERT_TRUE(result.config);
  EXPECT_TRUE(auth::matches(result.config->tenants.at(1).credentials.at(0).verifier, "only for a laptop"));
}

TEST_F(Sample, ShowsEveryLimitWithItsDefault) {
  Node tree;
  Findings findings;
  const std::string text = support::read_file(file("mctenant.json"));
  ASSERT_TRUE(parse_json(text, tree, findings));
  Object root(Value(tree, "", findings));
  const auto limits = root.find("limits");
  ASSERT_TRUE(limits);
  std::vector<std::string> shown;
  for (const auto& [key, value] : Object(*limits).members()) shown.push_back(key + "=" + value.node().text);
  std::vector<std::string> known;
  for (const LimitRow& row : limit_table()) known.push_back(std::string(row.key) + "=" + row.default_text());
  EXPECT_EQ(shown, known);
}

TEST_F(Sample, IsExplainedWithEveryLimitsTypeDefaultAndRange) {
  const std::string text = support::read_file(file("README.md"));
  for (const LimitRow& row : limit_table()) {
    EXPECT_THAT(text, HasSubstr("| `limits." + std::string(row.key) + "` | " + std::string(row.type()) +
                                " | " + row.default_text() + " | " + row.range_text() + " |"));
  }
}

TEST(Limits, DefaultsLieWithinTheirRanges) {
  std::string section;
  for (const LimitRow& row : limit_table()) {
    section += (section.empty() ? "\"" : ", \"") + std::string(row.key) +
               "\": " + (row.type() == "number" ? row.default_text() : "\"" + row.default_text() + "\"");
  }
  (void)parsed(with(R"("limits": {)" + section + "}, " + kTenants));
}

}  // namespace
}  // namespace mctenant::config
