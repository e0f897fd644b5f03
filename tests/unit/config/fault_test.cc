// Every fault that a configuration can have: the text, where it is told, and what is said.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "config/config.h"
#include "samples.h"

namespace mctenant::config {
namespace {

using ::testing::HasSubstr;

struct FaultCase {
  std::string name;
  std::string text;
  std::string pointer;
  std::string part;  // of the message
};

void PrintTo(const FaultCase& fault, std::ostream* out) { *out << fault.text; }

class Fault : public testing::TestWithParam<FaultCase> {};

TEST_P(Fault, IsTheOnlyOneAndSaysWhatWouldBeRight) {
  const Parsed parsed = parse(GetParam().text, "/etc/mctenant/mctenant.json");
  EXPECT_FALSE(parsed.config);
  ASSERT_EQ(parsed.faults.size(), 1u) << testing::PrintToString(parsed.faults.size()) << " faults, the last "
                                      << (parsed.faults.empty() ? "" : parsed.faults.back().format("F"));
  EXPECT_EQ(parsed.faults[0].pointer, GetParam().pointer);
  EXPECT_THAT(parsed.faults[0].message, HasSubstr(GetParam().part));
}

std::vector<FaultCase> json_cases() {
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += R"({"a":)";
  return {
      {"EmptyFile", " \n", "", "is empty"},
      {"CommaTooMany", "{\n  \"workers\": 1,\n}", "", "is not JSON at line 3, column 1"},
      {"CommaMissing", "{\"workers\": 1\n  \"state\": \"x\"}", "", "is not JSON at line 2, column 9"},
      {"NotClosed", "{\"workers\": 1", "", "is not JSON at line 1, column 14"},
      {"Comment", "{\n// no\n}", "", "is not JSON at line 2, column 1"},
      {"TextBehindTheEnd", with(kTenants) + "x", "", "is not JSON at line 1"},
      {"NotUtf8", with("\"state\": \"\xff\", " + kTenants), "", "is not JSON at line 1"},
      {"NumberWithoutEnd", with(R"("workers": 1e999, )" + kTenants), "", "is not JSON at line 1"},
      {"TooDeep", deep,
       [] {
         std::string pointer;
         for (int i = 0; i < 32; ++i) pointer += "/a";
         return pointer;
       }(),
       "more than 32"},
      {"NotAnObject", "[]", "", "is a list; write an object"},
      {"KeyTwice", with(R"("workers": 1, "workers": 2, )" + kTenants), "/workers", "stands twice"},
      {"TenantTwice", with(R"("tenants": {"acme": {}, "acme": {}})"), "/tenants/acme", "stands twice"},
      {"PointerIsEscaped", with_tenant(R"({"a/b~": 1})"), "/tenants/acme/a~1b~0", "is an unknown key."},
      {"UnknownKey", with(R"("worker": 1, )" + kTenants), "/worker",
       R"(unknown key. Did you mean "workers"?)"},
      {"UnknownKeyLikeNone", with(R"("tenants": {"a": {"quotas": {"x": 1}}})"), "/tenants/a/quotas",
       R"(unknown key. There are: "id", "plan", "memory", "max_connections", "rate", "pool", "credentials")"},
  };
}

std::vector<FaultCase> listener_cases() {
  return {
      {"Missing", "{" + kPools + ", " + kTenants + "}", "/listeners",
       R"(is missing; write "listeners": [{"address")"},
      {"None", with_listeners("[]"), "/listeners", "at least one listener"},
      {"NotAList", with_listeners(R"({"address": "127.0.0.1:1"})"), "/listeners",
       "is an object; write a list"},
      {"NotAnObject", with_listeners(R"(["127.0.0.1:1"])"), "/listeners/0", "is a text; write an object"},
      {"WithoutAddress", with_listeners("[{}]"), "/listeners/0/address",
       R"(is missing; write "address": "0.0.0.0)"},
      {"AddressIsANumber", with_listeners(R"([{"address": 11211}])"), "/listeners/0/address",
       "is a number; write a text, an address, such as"},
      {"AddressEmpty", with_listeners(R"([{"address": ""}])"), "/listeners/0/address",
       "is empty; write an address"},
      {"PortOutOfRange", with_listeners(R"([{"address": "0.0.0.0:65536"}])"), "/listeners/0/address",
       "from 0 to 65535"},
      {"UnixPathTooLong", with_listeners(R"([{"address": "/)" + std::string(107, 'a') + R"("}])"),
       "/listeners/0/address", "at most 107 bytes"},
      {"AddressTwice", with_listeners(R"([{"address": "0.0.0.0:1"}, {"address": "0.0.0.0:1"}])"),
       "/listeners/1/address", "has a listener already"},
      {"ModeOfTcp", with_listeners(R"([{"address": "0.0.0.0:1", "mode": "0600"}])"), "/listeners/0/mode",
       "has no meaning but for the path of a unix socket"},
      {"ModeIsNone", with_listeners(R"([{"address": "/s", "mode": "rw"}])"), "/listeners/0/mode",
       R"("rw" is not the mode of a socket)"},
      {"ModeOfThreeDigits", with_listeners(R"([{"address": "/s", "mode": "660"}])"), "/listeners/0/mode",
       R"("660" is not the mode of a socket; write one from "0600" to "0777")"},
      {"ModeIsNotOctal", with_listeners(R"([{"address": "/s", "mode": "0680"}])"), "/listeners/0/mode",
       "is not the mode of a socket"},
      {"ModeShutsItsOwnerOut", with_listeners(R"([{"address": "/s", "mode": "0066"}])"), "/listeners/0/mode",
       "which lets its owner in"},
      {"ModeIsANumber", with_listeners(R"([{"address": "/s", "mode": 600}])"), "/listeners/0/mode",
       "is a number; write a text"},
      {"TlsIsNoObject", with_listeners(R"([{"address": "0.0.0.0:1", "tls": true}])"), "/listeners/0/tls",
       "write an object"},
      {"TlsWithoutCertificate", with_listeners(R"([{"address": "0.0.0.0:1", "tls": {"private_key": "k"}}])"),
       "/listeners/0/tls/certificate", R"(is missing; write "certificate": "cert.pem")"},
      {"TlsWithoutKey", with_listeners(R"([{"address": "0.0.0.0:1", "tls": {"certificate": "c"}}])"),
       "/listeners/0/tls/private_key", R"(is missing; write "private_key": "key.pem")"},
      {"CredentialOnAPublicAddress",
       R"({"listeners": [{"address": "0.0.0.0:1", "credential": "acme"}], )" + kPools +
           R"(, "tenants": {"acme": {"credentials": [)" + verified("acme") + "]}}}",
       "/listeners/0/credential", "can be reached from other machines"},
      {"CredentialOnAName",
       R"({"listeners": [{"address": "localhost:1", "credential": "acme"}], )" + kPools +
           R"(, "tenants": {"acme": {"credentials": [)" + verified("acme") + "]}}}",
       "/listeners/0/credential", "can be reached from other machines"},
      {"CredentialUnknown",
       R"({"listeners": [{"address": "/s", "credential": "amce"}], )" + kPools +
           R"(, "tenants": {"acme": {"credentials": [)" + verified("acme") + "]}}}",
       "/listeners/0/credential", R"(is not the user name of any credential. Did you mean "acme"?)"},
      {"CredentialEmpty", with_listeners(R"([{"address": "/s", "credential": ""}])"),
       "/listeners/0/credential", "is empty"},
      {"MechanismsNotAList", with_listeners(R"([{"address": "0.0.0.0:1", "mechanisms": "PLAIN"}])"),
       "/listeners/0/mechanisms", "is a text; write a list of mechanisms"},
      {"MechanismsEmpty", with_listeners(R"([{"address": "0.0.0.0:1", "mechanisms": []}])"),
       "/listeners/0/mechanisms", "nobody could sign in"},
      {"MechanismNotAText", with_listeners(R"([{"address": "0.0.0.0:1", "mechanisms": [1]}])"),
       "/listeners/0/mechanisms/0", "is a number; write a text, a mechanism"},
      {"MechanismUnknown", with_listeners(R"([{"address": "0.0.0.0:1", "mechanisms": ["SCRAM-SHA-265"]}])"),
       "/listeners/0/mechanisms/0", R"(Did you mean "SCRAM-SHA-256"?)"},
      {"MechanismInSmallLetters", with_listeners(R"([{"address": "0.0.0.0:1", "mechanisms": ["plain"]}])"),
       "/listeners/0/mechanisms/0", R"("plain" is not a mechanism that mctenant has)"},
      {"MechanismUnsafe", with_listeners(R"([{"address": "0.0.0.0:1", "mechanisms": ["ANONYMOUS"]}])"),
       "/listeners/0/mechanisms/0", "is not a mechanism that mctenant has"},
      {"MechanismTwice", with_listeners(R"([{"address": "0.0.0.0:1", "mechanisms": ["PLAIN", "PLAIN"]}])"),
       "/listeners/0/mechanisms/1", "stands there twice"},
      {"PlainRequiresTlsAsText", with_listeners(R"([{"address": "0.0.0.0:1", "plain_requires_tls": "yes"}])"),
       "/listeners/0/plain_requires_tls", R"("yes" is neither true nor false)"},
      {"NoMechanismLeft",
       with_listeners(R"([{"address": "0.0.0.0:1", "mechanisms": ["PLAIN"], "plain_requires_tls": true}])"),
       "/listeners/0/plain_requires_tls", "nobody could sign in"},
      {"UnknownKey", with_listeners(R"([{"address": "0.0.0.0:1", "adress": ""}])"), "/listeners/0/adress",
       R"(Did you mean "address"?)"},
  };
}

std::vector<FaultCase> top_level_cases() {
  return {
      {"AdminNotAnObject", with(R"("admin": "127.0.0.1:1", )" + kTenants), "/admin",
       "is a text; write an object"},
      {"AdminWithoutAddress", with(R"("admin": {}, )" + kTenants), "/admin/address", "is missing"},
      {"AdminOpenToAll", with(R"("admin": {"address": "0.0.0.0:8211"}, )" + kTenants), "/admin/address",
       R"(add a "token_file", or listen on 127.0.0.1)"},
      {"AdminOnAName", with(R"("admin": {"address": "localhost:8211"}, )" + kTenants), "/admin/address",
       "token_file"},
      {"AdminUnknownKey", with(R"("admin": {"address": "127.0.0.1:1", "token": "x"}, )" + kTenants),
       "/admin/token", R"(unknown key.)"},
      {"TokenFileUnreadable",
       with(R"("admin": {"address": "127.0.0.1:1", "token_file": "/no/such"}, )" + kTenants),
       "/admin/token_file", "can't be read from /no/such: No such file"},
      {"TokenFileIsAFolder",
       with(R"("admin": {"address": "127.0.0.1:1", "token_file": "/tmp"}, )" + kTenants), "/admin/token_file",
       "/tmp is not a file"},
      {"TokenFileIsANumber", with(R"("admin": {"address": "127.0.0.1:1", "token_file": 1}, )" + kTenants),
       "/admin/token_file", "is a number; write a text, a path"},
      {"WorkersNegative", with(R"("workers": -1, )" + kTenants), "/workers",
       "-1 is not a whole number from 0 to 256"},
      {"WorkersFraction", with(R"("workers": 1.5, )" + kTenants), "/workers", "1.5 is not a whole number"},
      {"WorkersTooMany", with(R"("workers": 257, )" + kTenants), "/workers", "257 is not a whole number"},
      {"WorkersBeyond64Bits", with(R"("workers": 18446744073709551616, )" + kTenants), "/workers",
       "18446744073709551616 is not a whole number"},
      {"WorkersAsText", with(R"("workers": "4", )" + kTenants), "/workers", R"("4" is not a whole number)"},
      {"WorkersNull", with(R"("workers": null, )" + kTenants), "/workers", "null is not a whole number"},
      {"StateEmpty", with(R"("state": "", )" + kTenants), "/state", "is empty; write a path"},
      {"StateWithNul", with(R"("state": "a\u0000b", )" + kTenants), "/state", "NUL"},
      {"StateNotAText", with(R"("state": true, )" + kTenants), "/state", "is true or false; write a text"},
      {"NamespaceCharacters", with(R"("namespace": "a.b", )" + kTenants), "/namespace",
       "1 to 16 characters of A-Z a-z 0-9"},
      {"NamespaceTooLong", with(R"("namespace": "0123456789abcdefg", )" + kTenants), "/namespace", "1 to 16"},
      {"NamespaceEmpty", with(R"("namespace": "", )" + kTenants), "/namespace", "is empty"},
      {"LimitsNotAnObject", with(R"("limits": [], )" + kTenants), "/limits", "is a list; write an object"},
      {"LimitUnknown", with(R"("limits": {"itemsize": 1}, )" + kTenants), "/limits/itemsize",
       R"(Did you mean "item_size"?)"},
      {"SizeUnit", with(R"("limits": {"item_size": "1MB"}, )" + kTenants), "/limits/item_size",
       R"("1MB" is not a size; write one from 1KiB to 1GiB)"},
      {"SizeTooSmall", with(R"("limits": {"item_size": 1023}, )" + kTenants), "/limits/item_size",
       "1023 is out of range; write a size from 1KiB to 1GiB"},
      {"SizeTooLarge", with(R"("limits": {"item_size": "2GiB"}, )" + kTenants), "/limits/item_size",
       "out of range"},
      {"SizeNegative", with(R"("limits": {"item_size": -1}, )" + kTenants), "/limits/item_size",
       "-1 is not a size"},
      {"SizeFraction", with(R"("limits": {"item_size": "1.5MiB"}, )" + kTenants), "/limits/item_size",
       R"("1.5MiB" is not a size)"},
      {"DurationWithoutUnit", with(R"("limits": {"sign_in_timeout": 5}, )" + kTenants),
       "/limits/sign_in_timeout", R"(5 is not a duration; write one from 10ms to 1h, such as "250ms")"},
      {"DurationOutOfRange", with(R"("limits": {"sign_in_timeout": "2h"}, )" + kTenants),
       "/limits/sign_in_timeout", R"("2h" is out of range; write a duration from 10ms to 1h)"},
      {"CountZero", with(R"("limits": {"pipeline": 0}, )" + kTenants), "/limits/pipeline",
       "0 is not a whole number from 1 to 65536"},
  };
}

std::vector<FaultCase> pool_cases() {
  return {
      {"Missing", "{" + kListeners + ", " + kTenants + "}", "/pools", "is missing; write \"pools\""},
      {"None", "{" + kListeners + R"(, "pools": {}, "tenants": {"a": {"pool": "x"}}})", "/pools",
       "at least one pool"},
      {"Name", "{" + kListeners + R"(, "pools": {"a b": {"servers": ["h:1"]}}, )" + kTenants + "}",
       "/pools/a b", R"("a b" is not the name of a pool)"},
      {"NotAnObject", with_pool(R"(["h:1"])"), "/pools/default", "is a list; write an object"},
      {"WithoutServers", with_pool("{}"), "/pools/default/servers", "is missing"},
      {"NoServers", with_pool(R"({"servers": []})"), "/pools/default/servers", "at least one server"},
      {"ServersNotAList", with_pool(R"({"servers": "h:1"})"), "/pools/default/servers",
       "is a text; write a list"},
      {"ServerNotAnAddress", with_pool(R"({"servers": ["h"]})"), "/pools/default/servers/0",
       "write HOST:PORT"},
      {"ServerNotAText", with_pool(R"({"servers": [11211]})"), "/pools/default/servers/0", "is a number"},
      {"ServerWithoutPort", with_pool(R"({"servers": ["h:0"]})"), "/pools/default/servers/0",
       "has no port to connect to"},
      {"ServerWithoutAddress", with_pool(R"({"servers": [{"weight": 1}]})"),
       "/pools/default/servers/0/address", "is missing"},
      {"ServerUnknownKey", with_pool(R"({"servers": [{"address": "h:1", "wieght": 1}]})"),
       "/pools/default/servers/0/wieght", R"(Did you mean "weight"?)"},
      {"ServerTwice", with_pool(R"({"servers": ["h:1", {"address": "h:1", "weight": 2}]})"),
       "/pools/default/servers/1", R"(stands twice in the pool; for more keys give it a "weight")"},
      {"UnixPathTooLong", with_pool(R"({"servers": ["/)" + std::string(107, 'a') + R"("]})"),
       "/pools/default/servers/0", "at most 107"},
      {"WeightZero", with_pool(R"({"servers": [{"address": "h:1", "weight": 0}]})"),
       "/pools/default/servers/0/weight", "0 is not a whole number from 1 to 1000"},
      {"WeightTooLarge", with_pool(R"({"servers": [{"address": "h:1", "weight": 1001}]})"),
       "/pools/default/servers/0/weight", "1001 is not"},
      {"WeightFraction", with_pool(R"({"servers": [{"address": "h:1", "weight": 1.0}]})"),
       "/pools/default/servers/0/weight", "1.0 is not"},
      {"Hash", with_pool(R"({"servers": ["h:1"], "hash": "murmur"})"), "/pools/default/hash",
       R"(Did you mean "murmur3"?)"},
      {"HashNotAText", with_pool(R"({"servers": ["h:1"], "hash": 1})"), "/pools/default/hash", "is a number"},
      {"Timeout", with_pool(R"({"servers": ["h:1"], "timeout": "0s"})"), "/pools/default/timeout",
       "from 1ms to 10m"},
      {"ConnectTimeout", with_pool(R"({"servers": ["h:1"], "connect_timeout": "11m"})"),
       "/pools/default/connect_timeout", "from 1ms to 10m"},
      {"RetryMin", with_pool(R"({"servers": ["h:1"], "retry_min": "2h", "retry_max": "1h"})"),
       "/pools/default/retry_min", "from 1ms to 1h"},
      {"RetryMinLongerThanMax", with_pool(R"({"servers": ["h:1"], "retry_min": "2s", "retry_max": "1s"})"),
       "/pools/default/retry_max", R"("retry_min" is 2s, which is longer than "retry_max", 1s)"},
      {"RetryMinLongerThanDefaultMax", with_pool(R"({"servers": ["h:1"], "retry_min": "3s"})"),
       "/pools/default/retry_min", "longer than"},
      {"UnknownKey", with_pool(R"({"servers": ["h:1"], "timeuot": "1s"})"), "/pools/default/timeuot",
       R"(Did you mean "timeout"?)"},
  };
}

std::vector<FaultCase> plan_cases() {
  const auto plan = [](const std::string& text) {
    return with(R"("plans": {"dev": )" + text + "}, " + kTenants);
  };
  return {
      {"NotAnObject", with(R"("plans": [], )" + kTenants), "/plans", "is a list"},
      {"Name", with(R"("plans": {"": {}}, )" + kTenants), "/plans/", R"("" is not the name of a plan)"},
      {"PlanNotAnObject", plan("1"), "/plans/dev", "is a number"},
      {"MemoryTooSmall", plan(R"({"memory": 1})"), "/plans/dev/memory", "from 64KiB to 64TiB"},
      {"MemoryNotASize", plan(R"({"memory": true})"), "/plans/dev/memory", "true is not a size"},
      {"Connections", plan(R"({"max_connections": 1000001})"), "/plans/dev/max_connections",
       "from 0 to 1000000"},
      {"RateNotBuilt", plan(R"({"rate": 5})"), "/plans/dev/rate",
       "is not built yet: requests would not be limited"},
      {"UnknownPool", plan(R"({"pool": "defualt"})"), "/plans/dev/pool",
       R"("defualt" is not among the "pools". Did you mean "default"?)"},
      {"UnknownKey", plan(R"({"memmory": 5})"), "/plans/dev/memmory", R"(Did you mean "memory"?)"},
      {"UnknownPoolIsToldOnceAlthoughATenantHasThePlan",
       with(R"("plans": {"dev": {"pool": "other"}}, "tenants": {"a": {"plan": "dev"}})"), "/plans/dev/pool",
       "is not among"},
  };
}

std::vector<FaultCase> tenant_cases() {
  return {
      {"NotAnObject", with(R"("tenants": [])"), "/tenants", "is a list"},
      {"TenantNotAnObject", with_tenant("null"), "/tenants/acme", "is null; write an object"},
      {"NameEmpty", with(R"("tenants": {"": {}})"), "/tenants/",
       R"("" is not the name of a tenant; write 1 to 64)"},
      {"NameCharacters", with(R"("tenants": {"a:b": {}})"), "/tenants/a:b", "A-Z a-z 0-9 . _ -"},
      {"NameTooLong", with(R"("tenants": {")" + std::string(65, 'a') + R"(": {}})"),
       "/tenants/" + std::string(65, 'a'), "1 to 64"},
      {"UnknownPlan", with(R"("plans": {"dev": {}}, "tenants": {"acme": {"plan": "dve"}})"),
       "/tenants/acme/plan", R"("dve" is not among the "plans". Did you mean "dev"?)"},
      {"UnknownPlanOfNone", with_tenant(R"({"plan": "dev"})"), "/tenants/acme/plan",
       "is not among the \"plans\"."},
      {"PlanNotAText", with_tenant(R"({"plan": 100})"), "/tenants/acme/plan", "is a number; write a text"},
      {"UnknownPool", with_tenant(R"({"pool": "x"})"), "/tenants/acme/pool", R"(There are: "default".)"},
      {"NoPoolOfTheDefaultName",
       "{" + kListeners + R"(, "pools": {"main": {"servers": ["h:1"]}}, "tenants": {"acme": {}}})",
       "/tenants/acme", R"(names a "pool", and there is no pool "default". There are: "main".)"},
      {"RateNotBuilt", with_tenant(R"({"rate": 5})"), "/tenants/acme/rate", "is not built yet"},
      {"UnknownKey", with_tenant(R"({"credential": []})"), "/tenants/acme/credential",
       R"(Did you mean "credentials"?)"},
      {"IdWithoutNamespace", with_tenant(R"({"id": 1})"), "/tenants/acme/id",
       "has no meaning without a \"namespace\""},
      {"NamespaceWithoutId", with(R"("namespace": "n", "tenants": {"acme": {}})"), "/tenants/acme",
       R"(has no "id")"},
      {"IdZero", with(R"("namespace": "n", "tenants": {"acme": {"id": 0}})"), "/tenants/acme/id",
       "0 is not a whole number from 1 to 2147483648"},
      {"IdTooLarge", with(R"("namespace": "n", "tenants": {"acme": {"id": 2147483649}})"), "/tenants/acme/id",
       "2147483649 is not"},
      {"IdTwice", with(R"("namespace": "n", "tenants": {"a": {"id": 5}, "b": {"id": 5}})"), "/tenants/b/id",
       R"(5 is the id of the tenant "a" already)"},
  };
}

std::vector<FaultCase> credential_cases() {
  std::string other_iterations = kVerifier;
  other_iterations.replace(other_iterations.find("10000"), 5, "4096");
  const std::string at = "/tenants/acme/credentials/0";
  const auto with_more = [](const std::string& more) {
    return with_credential(R"({"username": "u", "verifier": ")" + kVerifier + "\", " + more + "}");
  };
  return {
      {"NotAList", with_tenant(R"({"credentials": {}})"), "/tenants/acme/credentials",
       "write a list of credentials"},
      {"NotAnObject", with_credential(R"("acme:hunter2")"), at, "is a text; write an object"},
      {"WithoutUsername", with_credential(R"({"verifier": ")" + kVerifier + "\"}"), at + "/username",
       "is missing"},
      {"UsernameEmpty", with_credential(verified("")), at + "/username", "is empty"},
      {"UsernameNotAText", with_credential(R"({"username": 1, "verifier": ")" + kVerifier + "\"}"),
       at + "/username", "is a number"},
      {"UsernameWithControlCharacter", with_credential(verified("a\\u0000b")), at + "/username",
       "without control characters"},
      {"UsernameTooLong", with_credential(verified(std::string(256, 'u'))), at + "/username",
       "1 to 255 bytes"},
      {"UsernameTwiceInOneTenant", with_credential(verified("u") + ", " + verified("u")),
       "/tenants/acme/credentials/1/username",
       R"(the user name "u" is taken by a credential of the tenant "acme")"},
      {"UsernameTwiceOverTenants",
       with(R"("tenants": {"a": {"credentials": [)" + verified("u") + R"(]}, "b": {"credentials": [)" +
            verified("u") + "]}}"),
       "/tenants/b/credentials/0/username", R"(of the tenant "a"; user names are unique over all tenants)"},
      {"NeitherPasswordNorVerifier", with_credential(R"({"username": "u"})"), at,
       R"(neither "verifier" nor "password")"},
      {"BothPasswordAndVerifier",
       with_credential(R"({"username": "u", "password": "hunter2", "verifier": ")" + kVerifier + "\"}"),
       at + "/verifier", R"(stands beside a "password")"},
      {"PasswordEmpty", with_credential(R"({"username": "u", "password": ""})"), at + "/password",
       "not empty"},
      {"PasswordANumber", with_credential(R"({"username": "u", "password": 4711})"), at + "/password",
       "write a text in quotes"},
      {"PasswordWithNul", with_credential(R"({"username": "u", "password": "hunter\u00002"})"),
       at + "/password", "without NUL"},
      {"PasswordTooLong",
       with_credential(R"({"username": "u", "password": ")" + std::string(1025, 'x') + "\"}"),
       at + "/password", "at most 1024 bytes"},
      {"VerifierUnreadable", with_credential(R"({"username": "u", "verifier": "hunter2"})"), at + "/verifier",
       ""},
      {"VerifierNotAText", with_credential(R"({"username": "u", "verifier": {}})"), at + "/verifier",
       "as `mctenant verifier` prints it"},
      {"VerifierWithOtherIterations",
       with_credential(R"({"username": "u", "verifier": ")" + other_iterations + "\"}"), at + "/verifier",
       "10000"},
      {"VerifierOfAnotherHashAlone",
       with_credential(R"({"username": "u", "verifier": ")" + kVerifier1 + "\"}"), at + "/verifier",
       "has none for SCRAM-SHA-256, by which the password of PLAIN is checked too"},
      {"VerifiersWithoutThatOfPlain",
       with_credential(R"({"username": "u", "verifier": [")" + kVerifier1 + "\"]}"), at + "/verifier",
       "has none for SCRAM-SHA-256"},
      {"VerifiersEmpty", with_credential(R"({"username": "u", "verifier": []})"), at + "/verifier",
       "has none for SCRAM-SHA-256"},
      {"VerifierTwice",
       with_credential(R"({"username": "u", "verifier": [")" + kVerifier + R"(", ")" + kVerifier + "\"]}"),
       at + "/verifier/1", "is a second one for SCRAM-SHA-256"},
      {"VerifierInAListUnreadable",
       with_credential(R"({"username": "u", "verifier": [")" + kVerifier + R"(", "hunter2"]})"),
       at + "/verifier/1", "is not a verifier"},
      {"CapabilitiesNotAList", with_more(R"("capabilities": "read")"), at + "/capabilities",
       "write a list of capabilities"},
      {"CapabilitiesEmpty", with_more(R"("capabilities": [])"), at + "/capabilities", "could do nothing"},
      {"CapabilityNotAText", with_more(R"("capabilities": [true])"), at + "/capabilities/0",
       "write a text, a capability"},
      {"CapabilityUnknown", with_more(R"("capabilities": ["read", "wirte"])"), at + "/capabilities/1",
       R"(Did you mean "write"?)"},
      {"CapabilityTwice", with_more(R"("capabilities": ["read", "read"])"), at + "/capabilities/1",
       "stands there twice"},
      {"PrimaryNotABoolean", with_more(R"("primary": 1)"), at + "/primary", "1 is neither true nor false"},
      {"PrimaryTwice",
       with_credential(R"({"username": "u", "primary": true, "verifier": ")" + kVerifier +
                       R"("}, {"username": "v", "primary": true, "verifier": ")" + kVerifier + "\"}"),
       "/tenants/acme/credentials/1/primary", "only one can be it"},
      {"UnknownKey", with_credential(R"({"user": "u", "verifier": ")" + kVerifier + R"(", "username": "u"})"),
       at + "/user", "is an unknown key."},
  };
}

std::string case_name(const testing::TestParamInfo<FaultCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Json, Fault, testing::ValuesIn(json_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Listener, Fault, testing::ValuesIn(listener_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(TopLevel, Fault, testing::ValuesIn(top_level_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Pool, Fault, testing::ValuesIn(pool_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Plan, Fault, testing::ValuesIn(plan_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Tenant, Fault, testing::ValuesIn(tenant_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(Credential, Fault, testing::ValuesIn(credential_cases()), case_name);

TEST(Faults, NeverRepeatAPassword) {
  std::vector<FaultCase> cases = credential_cases();
  for (const char* text :
       {R"({"username": "u", "password": "hunter2)", R"({"username": "u", "password": "hunter2\x"})",
        R"({"username": "u", "password": "hunter2" "x"})", R"(hunter2)"}) {
    cases.push_back({"", with_credential(text), "", ""});
  }
  for (const FaultCase& fault : cases) {
    const Parsed parsed = parse(fault.text, "f");
    ASSERT_FALSE(parsed.faults.empty()) << fault.text;
    for (const Finding& finding : parsed.faults) {
      const std::string line = finding.format("f");
      EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
      EXPECT_EQ(line.find("4711"), std::string::npos) << line;
    }
  }
}

TEST(Faults, AreAllToldInTheFilesOrder) {
  const Parsed parsed = parse(R"({
    "tenants": {"acme": {"plan": "no", "pool": "none", "credentials": [{"username": ""}]}},
    "workers": -1,
    "limits": {"pipeline": 0, "wrong": 1},
    "pools": {"default": {"servers": ["h:0"]}},
    "listeners": [{"address": "x"}]})",
                              "f");
  std::vector<std::string> pointers;
  for (const Finding& finding : parsed.faults) pointers.push_back(finding.pointer);
  EXPECT_THAT(pointers,
              testing::ElementsAre("/tenants/acme/plan", "/tenants/acme/pool", "/tenants/acme/credentials/0",
                                   "/tenants/acme/credentials/0/username", "/workers", "/limits/pipeline",
                                   "/limits/wrong", "/pools/default/servers/0", "/listeners/0/address"));
}

TEST(Faults, AreWrittenAsFilePointerAndMessage) {
  EXPECT_EQ((Finding{"/pools/a~1b", "is wrong"}).format("etc/m.json"), "etc/m.json: /pools/a~1b: is wrong");
  EXPECT_EQ((Finding{"", "can't be read"}).format("m.json"), "m.json: can't be read");
  EXPECT_EQ((Finding{"/\x1b[31m", "x\ny"}).format("m.json"), "m.json: /?[31m: x?y");
}

}  // namespace
}  // namespace mctenant::config
