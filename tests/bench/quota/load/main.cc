// mcquota: the loads that quotas are proved with. Every mode prints one line of JSON; exits with 1 if it
// could not run, with 2 if there were faults and --reconnect was not given. See README.md beside this folder.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>

#include "client/time.h"
#include "quota/load/mixed_requests.h"
#include "quota/load/plan.h"

namespace mctenant::bench {
namespace {

constexpr uint64_t kReconnectWithin = 60'000'000'000;
constexpr auto kBeforeReconnect = std::chrono::milliseconds(20);

base::Expected<void> reconnect(Conversation& conversation) {
  const uint64_t until = now_ns() + kReconnectWithin;
  while (true) {
    auto connected = conversation.connect();
    if (connected || now_ns() > until) return connected;
    std::this_thread::sleep_for(kBeforeReconnect);
  }
}

// Runs all requests of one connection, over several connections if they are lost.
void converse(const QuotaOptions& options, Conversation& conversation, Requests& requests) {
  Tally& tally = requests.tally();
  while (true) {
    auto done = conversation.run(
        options.depth, [&](std::string& out, uint32_t opaque) { return requests.next(out, opaque); },
        [&](const WholeReply& reply) { requests.on_reply(reply); });
    if (done) break;
    ++tally.lost_connections;
    tally.unanswered += conversation.under_way();
    tally.fault(done.error().message);
    if (!options.reconnect) break;
    if (auto connected = reconnect(conversation); !connected) {
      tally.fault(connected.error().message);
      break;
    }
    ++tally.reconnects;
  }
  tally.longest_silence = conversation.longest_silence();
}

// Requests of connection `index` of the user.
using Make = std::function<std::unique_ptr<Requests>(size_t index)>;

struct Group {
  User user;
  Make make;
};

struct Line {
  std::unique_ptr<Conversation> conversation;
  std::unique_ptr<Requests> requests;
};

int run_groups(const QuotaOptions& options, const std::vector<Group>& groups) {
  std::vector<Line> lines;
  for (const Group& group : groups) {
    for (size_t i = 0; i < options.connections; ++i) {
      lines.push_back({std::make_unique<Conversation>(options.address, group.user), group.make(i)});
      if (auto connected = reconnect(*lines.back().conversation); !connected) {
        std::fprintf(stderr, "mcquota: %s\n", connected.error().message.c_str());
        return 1;
      }
    }
  }
  std::vector<std::thread> threads;
  const uint64_t started = now_ns();
  for (Line& line : lines)
    threads.emplace_back([&] { converse(options, *line.conversation, *line.requests); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>(now_ns() - started) / 1e9;
  Tally total;
  for (const Line& line : lines) total.merge(line.requests->tally());
  std::printf("%s\n", total.json(seconds).c_str());
  const bool faults = total.wrong + total.refused + total.lost_connections > 0;
  return faults && !options.reconnect ? 2 : 0;
}

void set_limits(const QuotaOptions& options, Limits& limits) {
  if (options.seconds > 0) limits.until = now_ns() + seconds_to_ns(options.seconds);
  if (options.bytes > 0) limits.bytes = options.bytes;
}

int run_items(ItemRequests::What what, const QuotaOptions& options) {
  Limits limits;
  set_limits(options, limits);
  return run_groups(options, {{options.user, [&](size_t index) {
                                 return std::make_unique<ItemRequests>(what, options, limits, index);
                               }}});
}

int run_mix(const QuotaOptions& options) {
  Limits limits;
  set_limits(options, limits);
  std::vector<Group> groups;
  for (const MixedTenant& tenant : options.tenants) {
    const size_t number = groups.size();
    groups.push_back({tenant.user, [&, number](size_t index) {
                        return std::make_unique<MixedRequests>(
                            tenant, options, limits, number * options.connections + index, index == 0);
                      }});
  }
  return run_groups(options, groups);
}

void declare(CLI::App& app, QuotaOptions& options, std::string& server) {
  app.add_option("--server", server, "HOST:PORT or the path of a unix socket")->capture_default_str();
  app.add_option("--connections", options.connections, "of each tenant")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--depth", options.depth, "requests of a connection under way")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "at most; 0: no limit")->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  app.add_flag("--reconnect", options.reconnect,
               "when a connection is lost; refusals are counted, no faults");
}

void declare_items(CLI::App& app, QuotaOptions& options) {
  app.add_option("--first", options.first, "number of the first item")->capture_default_str();
  app.add_option("--keys", options.keys, "so many items")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--key-size", options.key_size, "bytes")->capture_default_str();
  app.add_option("--min-value", options.min_value, "bytes")->capture_default_str();
  app.add_option("--max-value", options.max_value, "bytes")->capture_default_str();
  app.add_option("--bytes", options.bytes, "end when values of so many bytes are stored")
      ->capture_default_str();
  app.add_option("--rate", options.rate, "requests a second in all, one under way a connection")
      ->capture_default_str();
  app.add_flag("--random", options.random, "numbers at random until --seconds or --bytes are over");
}

int fail(const std::string& why) {
  std::fprintf(stderr, "mcquota: %s\n", why.c_str());
  return 1;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Loads for the proofs of quotas. The tenant is that of MEMCACHE_USERNAME and MEMCACHE_PASSWORD, or "
      "nobody"};
  QuotaOptions options;
  std::string server = "127.0.0.1:11211";
  std::string plan;
  app.require_subcommand(1);
  auto* store = app.add_subcommand("store", "set items: each once, or --random");
  auto* read = app.add_subcommand("read", "get items and compare them with what `store` stored");
  auto* mix = app.add_subcommand("mix", "every command, as the tenants of --plan mix them");
  for (CLI::App* mode : {store, read, mix}) declare(*mode, options, server);
  for (CLI::App* mode : {store, read}) declare_items(*mode, options);
  mix->add_option("--plan", plan, "JSON file: the tenants")->required();
  CLI11_PARSE(app, argc, argv);

  auto address = parse_address(server);
  if (!address) return fail(address.error().message);
  options.address = *address;
  if (options.min_value > options.max_value) return fail("--min-value is above --max-value");
  if (options.rate > 0) options.depth = 1;
  if (const auto users = user_from_environment(); !users.empty()) options.user = users.front();
  raise_descriptor_limit();
  if (!*mix) return run_items(*store ? ItemRequests::What::kStore : ItemRequests::What::kRead, options);
  if (options.depth < 2) return fail("mix sends quiet commands: --depth is 2 or more");
  auto tenants = read_plan(plan);
  if (!tenants) return fail(tenants.error().message);
  options.tenants = *tenants;
  return run_mix(options);
}

}  // namespace
}  // namespace mctenant::bench

int main(int argc, char** argv) { return mctenant::bench::run(argc, argv); }
