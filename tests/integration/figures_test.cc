// What is shown: stats to a tenant, metrics and health to the operator, faults of a configuration.

#include <map>
#include <regex>
#include <sstream>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

class Stats : public SharedWorld {
 protected:
  static std::map<std::string, std::string> stats(BinaryClient& client) {
    const auto figures = client.stats();
    return {figures.begin(), figures.end()};
  }
  static int64_t number(BinaryClient& client, const std::string& name) {
    const auto figures = stats(client);
    const auto found = figures.find(name);
    if (found == figures.end()) {
      ADD_FAILURE() << "no figure " << name;
      return -1;
    }
    return std::stoll(found->second);
  }
};

TEST_F(Stats, EndWithAnEmptyPacketAndCarryTheOpaque) {
  alice_.send(simple(op::kStat).with_opaque(77));
  int figures = 0;
  for (;;) {
    const Packet packet = alice_.read();
    EXPECT_EQ(packet.opcode, op::kStat);
    EXPECT_EQ(packet.opaque, 77u);
    EXPECT_EQ(packet.status, status::kOk);
    EXPECT_EQ(packet.extras, "");
    if (packet.key.empty()) {
      EXPECT_EQ(packet.value, "");
      break;
    }
    EXPECT_NE(packet.value, "") << packet.key;
    ++figures;
  }
  EXPECT_GT(figures, 20);
  EXPECT_EQ(alice_.status_of(simple(op::kNoop)), status::kOk);
}

TEST_F(Stats, NameWhatMemcachedNamesAlike) {
  const auto figures = stats(alice_);
  for (const char* name : {"pid",           "uptime",           "version",
                           "pointer_size",  "threads",          "max_connections",
                           "time",          "cmd_get",          "cmd_set",
                           "cmd_flush",     "cmd_touch",        "get_hits",
                           "get_misses",    "delete_hits",      "delete_misses",
                           "incr_hits",     "incr_misses",      "decr_hits",
                           "decr_misses",   "cas_hits",         "cas_misses",
                           "cas_badval",    "touch_hits",       "touch_misses",
                           "auth_cmds",     "auth_errors",      "bytes_read",
                           "bytes_written", "curr_connections", "total_connections",
                           "bytes",         "cmd_delete",       "curr_items",
                           "evictions",     "expired",          "limit_maxbytes",
                           "total_items",   "server_evictions"}) {
    EXPECT_TRUE(figures.contains(name)) << name;
  }
}

TEST_F(Stats, CountTheTenantsOwnCommandsOverAllConnections) {
  BinaryClient bob = sign_in("bob");
  const auto bobs = stats(bob);
  const auto before = stats(alice_);
  for (int i = 0; i < 4; ++i) {
    BinaryClient client = sign_in("alice");
    client.store(key("a"), "1");
    client.fetch(key("a"));
    client.fetch(key("a"));
    client.fetch(key("none"));
    client.call_all({keyed(op::kGetQ, key("a")), keyed(op::kGetKQ, key("none"))});
  }
  const auto after = stats(alice_);
  const auto grown = [&](const std::string& name) {
    return std::stoll(after.at(name)) - std::stoll(before.at(name));
  };
  EXPECT_EQ(grown("cmd_set"), 4);
  EXPECT_EQ(grown("cmd_get"), 20);
  EXPECT_EQ(grown("get_hits"), 12);
  EXPECT_EQ(grown("get_misses"), 8);
  EXPECT_EQ(grown("total_connections"), 4);
  EXPECT_EQ(grown("auth_cmds"), 4);
  EXPECT_GT(grown("bytes_read"), 4 * 6 * 24);
  EXPECT_GT(grown("bytes_written"), 4 * 5 * 24);
  const auto bobs_after = stats(bob);
  for (const char* name : {"cmd_get", "cmd_set", "get_hits", "get_misses", "total_connections"}) {
    EXPECT_EQ(bobs_after.at(name), bobs.at(name)) << name;
  }
}

TEST_F(Stats, CountHitsAndMissesOfEveryKind) {
  const auto before = stats(alice_);
  const uint64_t cas = alice_.store(key("n"), "1");
  alice_.call(increment(key("n"), 1));
  alice_.call(increment(key("none"), 1));
  alice_.call(decrement(key("n"), 1));
  alice_.call(decrement(key("none"), 1));
  alice_.call(touch(key("n"), 0));
  alice_.call(touch(key("none"), 0));
  alice_.call(set(key("n"), "1").with_cas(cas));
  const uint64_t now = alice_.store(key("n"), "1");
  alice_.call(set(key("n"), "1").with_cas(now));
  alice_.call(set(key("none"), "1").with_cas(now));
  alice_.call(keyed(op::kDelete, key("n")));
  alice_.call(keyed(op::kDelete, key("none")));
  const auto after = stats(alice_);
  for (const char* name :
       {"incr_hits", "incr_misses", "decr_hits", "decr_misses", "touch_hits", "touch_misses", "cas_hits",
        "cas_misses", "cas_badval", "delete_hits", "delete_misses"}) {
    EXPECT_EQ(std::stoll(after.at(name)) - std::stoll(before.at(name)), 1) << name;
  }
}

TEST_F(Stats, ConnectionsAreCountedDownAgain) {
  const int64_t before = number(alice_, "curr_connections");
  {
    BinaryClient one = sign_in("alice");
    BinaryClient two = sign_in("alice");
    EXPECT_EQ(number(alice_, "curr_connections"), before + 2);
  }
  EXPECT_TRUE(wait_until([&] { return number(alice_, "curr_connections") == before; }, 5s));
}

TEST_F(Stats, AnUnknownGroupIsNotFound) {
  const Packet reply = alice_.call(keyed(op::kStat, "no such group"));
  EXPECT_EQ(reply.status, status::kNotFound);
  EXPECT_EQ(alice_.status_of(simple(op::kNoop)), status::kOk);
}

TEST_F(Stats, StandInOrderAmongPipelinedCommands) {
  alice_.store(key("a"), "1");
  alice_.send({get(key("a")), simple(op::kStat), get(key("a"))});
  EXPECT_EQ(alice_.read().opcode, op::kGet);
  Packet packet = alice_.read();
  while (packet.opcode == op::kStat && !packet.key.empty()) packet = alice_.read();
  EXPECT_EQ(packet.opcode, op::kStat);
  EXPECT_EQ(alice_.read().value, "1");
}

class Admin : public SharedWorld {
 protected:
  static HttpAnswer ask(const std::string& path) { return http_get(world().mctenant.admin(), path); }
};

TEST_F(Admin, HealthAndReadinessAnswer) {
  EXPECT_EQ(ask("/healthz").status, 200);
  EXPECT_EQ(ask("/readyz").status, 200);
  EXPECT_EQ(ask("/no/such/page").status, 404);
}

TEST_F(Admin, MetricsAreWellFormedPrometheusText) {
  alice_.store(key("a"), "1");
  const HttpAnswer answer = ask("/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.headers.find("text/plain"), std::string::npos) << answer.headers;
  const std::regex sample(
      R"re([a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-z_]+="([^"\\]|\\.)*",?)*\})? [-+0-9.eEInfNa]+)re");
  const std::regex comment(R"(# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .+)");
  std::istringstream lines(answer.body);
  std::map<std::string, int> seen;
  int samples = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    EXPECT_TRUE(std::regex_match(line, line[0] == '#' ? comment : sample)) << line;
    if (line[0] == '#') continue;
    EXPECT_TRUE(line.starts_with("mctenant_")) << line;
    EXPECT_EQ(++seen[line.substr(0, line.rfind(' '))], 1) << "twice: " << line;
    ++samples;
  }
  EXPECT_GT(samples, 10);
  EXPECT_NE(answer.body.find("alice"), std::string::npos) << "tenants are labels";
  EXPECT_EQ(answer.body.find(world().mctenant.password("alice")), std::string::npos);
}

TEST_F(Admin, TheLogHoldsNoPassword) {
  BinaryClient client = connect();
  client.call(plain("alice", "a wrong secret"));
  const std::string output = world().mctenant.process().output();
  EXPECT_EQ(output.find("alice's password"), std::string::npos);
  EXPECT_EQ(output.find("a wrong secret"), std::string::npos);
}

class Check : public testing::Test {
 protected:
  Finished check(const std::string& text) {
    return run({MctenantProcess::binary(), "check", "--config", folder_.write("c.json", text)});
  }
  [[nodiscard]] std::string good() const {
    return configuration({.servers = {"127.0.0.1:11311"}}, "127.0.0.1:11211", "127.0.0.1:8211",
                         folder_.file("state.db"));
  }
  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  TempFolder folder_;
};

TEST_F(Check, AcceptsAGoodConfiguration) {
  const Finished finished = check(good());
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

TEST_F(Check, TellsEveryFaultWithFileAndPointer) {
  std::string text = replaced(good(), R"("workers": 2)", R"("workers": "many", "worker": 3)");
  text = replaced(text, R"("sign_in_timeout": "5s")", R"("sign_in_timeout": "5 parsecs")");
  text = replaced(text, R"("plan": "dev")", R"("plan": "none such")");
  const Finished finished = check(text);
  EXPECT_EQ(finished.exit_code, 1);
  const std::string file = folder_.file("c.json");
  for (const char* pointer : {"/workers", "/worker", "/limits/sign_in_timeout", "/tenants/alice/plan"}) {
    EXPECT_NE(finished.output.find(file + ": " + pointer + ": "), std::string::npos) << pointer << " in\n"
                                                                                     << finished.output;
  }
}

TEST_F(Check, RefusesWhatIsNotJsonOrNotThere) {
  EXPECT_EQ(check("{").exit_code, 1);
  EXPECT_EQ(check("").exit_code, 1);
  EXPECT_EQ(check("[]").exit_code, 1);
  EXPECT_EQ(run({MctenantProcess::binary(), "check", "--config", folder_.file("absent.json")}).exit_code, 1);
}

TEST_F(Check, NeverShowsAPassword) {
  const Finished finished = check(replaced(good(), R"("plan": "dev")", R"("plan": "none such")"));
  EXPECT_EQ(finished.output.find("alice's password"), std::string::npos);
}

TEST_F(Check, ServeRefusesTheSameFaults) {
  const std::string file =
      folder_.write("c.json", replaced(good(), R"("workers": 2)", R"("workers": "many")"));
  const Finished finished = run({MctenantProcess::binary(), "serve", "--config", file});
  EXPECT_NE(finished.exit_code, 0);
  EXPECT_NE(finished.output.find("/workers"), std::string::npos) << finished.output;
}

}  // namespace
}  // namespace mctenant::integration
