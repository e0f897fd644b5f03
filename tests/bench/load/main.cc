// mcload: loads a memcached (or what speaks like one) and tells how it held out. See README.md beside this
// folder.

#include <sys/prctl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <barrier>
#include <cstdio>
#include <thread>

#include "client/time.h"
#include "load/report.h"

namespace mctenant::bench {
namespace {

struct Arguments {
  LoadOptions load;
  SessionOptions sessions;
  std::string protocol = "binary";
  std::string users_file;
  std::string plan_file;
  bool reconnect = false;
  bool speaks_meta = false;  // what is asked for can be
};

void declare_common(CLI::App& app, Arguments& arguments) {
  LoadOptions& load = arguments.load;
  app.add_option("--server", load.server, "HOST:PORT or the path of a unix socket")->capture_default_str();
  app.add_option("--protocol", arguments.protocol, "binary, text, or meta for gets and sets")
      ->check(CLI::IsMember({"binary", "text", "meta"}));
  app.add_option("--users,--tenants", arguments.users_file,
                 "file of name:password lines, used in turn (else MEMCACHE_USERNAME and MEMCACHE_PASSWORD)");
  app.add_option("--connections", load.connections)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--keys", load.keys)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--key-size", load.key_size, "bytes")->capture_default_str()->check(CLI::Range(2, 250));
  app.add_option("--seconds", load.seconds, "measured")->capture_default_str();
  app.add_option("--warmup", load.warmup, "seconds before, not measured")->capture_default_str();
  app.add_option("--watch", load.watch, "process whose CPU is told; may be repeated");
  app.add_flag("--count-system-calls", load.count_system_calls, "of the watched processes; slows them");
  app.add_flag("--json", load.json);
}

void declare_load(CLI::App& app, Arguments& arguments) {
  LoadOptions& load = arguments.load;
  app.add_option("--threads", load.threads)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--depth", load.depth, "requests of a connection under way")->capture_default_str();
  app.add_flag("--window", load.window, "a new request after every reply, not after all of --depth");
  app.add_option("--rate", load.rate,
                 "operations a second in all, on a fixed timetable; 0: as fast as answered");
  app.add_flag("--preload", load.preload, "set every key first");
  app.add_flag("!--no-run", load.run, "end after --preload");
  app.add_option("--seed", load.seed)->capture_default_str();
}

void declare_uniform(CLI::App& app, LoadOptions& load) {
  app.add_option("--value-size", load.value_size, "bytes")->capture_default_str();
  app.add_flag("--multi-get", load.multi_get,
               "the gets among --depth are one: get of many keys, or getq and noop");
  app.add_option("--gets-per-set", load.gets_per_set)->capture_default_str();
  app.add_flag("--gets-only", load.gets_only, "no sets but those of --preload");
  app.add_option("--zipf", load.zipf, "exponent of the keys' popularity; 0 is even")->capture_default_str();
}

base::Expected<void> complete(Arguments& arguments) {
  LoadOptions& load = arguments.load;
  load.protocol = arguments.protocol == "text"   ? Protocol::kText
                  : arguments.protocol == "meta" ? Protocol::kMeta
                                                 : Protocol::kBinary;
  auto address = parse_address(load.server);
  if (!address) return tl::unexpected(address.error());
  load.address = *address;
  load.users = user_from_environment();
  if (!arguments.users_file.empty()) {
    auto users = users_from_file(arguments.users_file);
    if (!users) return tl::unexpected(users.error());
    load.users = *users;
  }
  if (!arguments.plan_file.empty()) {
    auto tenants = read_mix_plan(arguments.plan_file);
    if (!tenants) return tl::unexpected(tenants.error());
    load.tenants = *tenants;
    load.connections = 0;
    for (const MixTenant& tenant : load.tenants) load.connections += tenant.connections;
    // Text signs nobody in: tenants are only different keys.
    if (load.protocol == Protocol::kText) {
      for (MixTenant& tenant : load.tenants) tenant.user = {};
    }
  }
  if (load.protocol != Protocol::kBinary && !load.users.empty())
    return base::fail(arguments.protocol + " is spoken without sign-in only");
  if (load.protocol == Protocol::kMeta && (load.multi_get || !load.tenants.empty() || !arguments.speaks_meta))
    return base::fail("meta is spoken by plain gets and sets only");
  if (load.multi_get && (load.window || load.rate > 0))
    return base::fail("--multi-get goes with neither --window nor --rate");
  load.threads = std::min(load.threads, load.connections);
  return {};
}

Watches make_watches(const LoadOptions& options) {
  Watches watches;
  for (pid_t pid : options.watch) {
    watches.push_back(std::make_unique<ProcessWatch>(pid, options.count_system_calls));
  }
  return watches;
}

double own_cpu_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void sleep_for(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

int run_load(const LoadOptions& options) {
  Window window;
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < options.threads; ++i) {
    workers.push_back(std::make_unique<Worker>(options, window, i));
    if (auto connected = workers.back()->connect(); !connected) {
      std::fprintf(stderr, "mcload: %s\n", connected.error().message.c_str());
      return 1;
    }
  }
  Watches watches = make_watches(options);
  uint64_t start = 0;
  std::barrier ready(static_cast<std::ptrdiff_t>(options.threads + 1));
  std::vector<std::thread> threads;
  for (const auto& worker : workers) {
    threads.emplace_back([&] {
      prctl(PR_SET_TIMERSLACK, 1);
      if (options.preload) worker->preload();
      ready.arrive_and_wait();
      ready.arrive_and_wait();
      if (options.run) worker->run(start);
    });
  }
  ready.arrive_and_wait();
  start = now_ns();
  ready.arrive_and_wait();
  double own = 0;
  double others = 0;
  if (options.run) {
    sleep_for(options.warmup);
    own = own_cpu_us();
    others = static_cast<double>(machine_busy_us());
    for (const auto& watch : watches) watch->start();
    window.from = now_ns();
    sleep_for(options.seconds);
    window.to = now_ns();
    for (const auto& watch : watches) watch->stop();
    own = own_cpu_us() - own;
    others = static_cast<double>(machine_busy_us()) - others - own;
    for (const auto& watch : watches) others -= static_cast<double>(watch->cpu_us());
  }
  for (std::thread& thread : threads) thread.join();
  LoadResult total;
  for (const auto& worker : workers) total.merge(worker->result());
  const double seconds = options.run ? static_cast<double>(window.to - window.from) / 1e9 : 0;
  report_load(options, total, seconds, {own, others}, watches);
  return total.errors == 0 ? 0 : 2;
}

int run_sessions(const LoadOptions& load, const SessionOptions& options) {
  Watches watches = make_watches(load);
  SessionEngine engine(load, options);
  engine.run([&] {
    for (const auto& watch : watches) watch->start();
  });
  for (const auto& watch : watches) watch->stop();
  if (options.after == After::kHold) {
    std::printf("ready %llu\n", static_cast<unsigned long long>(engine.result().done));
    std::fflush(stdout);
    if (const uint64_t closed = engine.hold(); closed > 0) {
      std::fprintf(stderr, "mcload: the server closed %llu of them meanwhile\n",
                   static_cast<unsigned long long>(closed));
    }
  }
  report_sessions(load, engine.result(), watches);
  return engine.result().errors == 0 ? 0 : 2;
}

int run(int argc, char** argv) {
  CLI::App app{"Loads a memcached server: gets and sets, or one of the modes below"};
  Arguments arguments;
  SessionOptions& sessions = arguments.sessions;
  declare_common(app, arguments);
  declare_load(app, arguments);
  declare_uniform(app, arguments.load);
  app.require_subcommand(0, 1);
  auto* mix =
      app.add_subcommand("mix", "the tenants of --plan, each with its own keys, sizes and operations");
  declare_common(*mix, arguments);
  declare_load(*mix, arguments);
  mix->add_option("--plan", arguments.plan_file, "JSON file")->required();
  auto* idle =
      app.add_subcommand("idle", "open --connections, print \"ready\", hold them until standard input ends");
  auto* storm = app.add_subcommand("storm", "connect, sign in, get, close, and again");
  auto* sign_in = app.add_subcommand("sign-in", "sign in again and again on --parallel connections");
  for (CLI::App* mode : {idle, storm, sign_in}) {
    declare_common(*mode, arguments);
    mode->add_option("--parallel", sessions.parallel, "at work at once")->capture_default_str();
    mode->add_option("--mechanism", sessions.mechanism, "how to sign in")
        ->check(CLI::IsMember({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-1"}))
        ->capture_default_str();
  }
  sign_in->add_option("--total", sessions.total, "sign-ins to make; 0: until --seconds are over");
  sign_in->add_flag("--reconnect", arguments.reconnect, "a new connection for each");
  sign_in->add_flag("--wrong-password", sessions.wrong_password, "a new wrong password every time");
  CLI11_PARSE(app, argc, argv);

  arguments.speaks_meta = app.get_subcommands().empty();
  if (auto completed = complete(arguments); !completed) {
    std::fprintf(stderr, "mcload: %s\n", completed.error().message.c_str());
    return 1;
  }
  raise_descriptor_limit();
  if (app.get_subcommands().empty() || *mix) return run_load(arguments.load);
  sessions.seconds = arguments.load.seconds;
  sessions.warmup = arguments.load.warmup;
  if (*idle) {
    sessions.after = After::kHold;
    sessions.total = arguments.load.connections;
    sessions.warmup = 0;
  } else if (*sign_in) {
    sessions.after = arguments.reconnect ? After::kEnd : After::kSignInAgain;
    if (sessions.total > 0) sessions.warmup = 0;
    if (arguments.load.users.empty()) {
      std::fprintf(stderr, "mcload: nobody to sign in: set MEMCACHE_USERNAME or give --users\n");
      return 1;
    }
  }
  return run_sessions(arguments.load, sessions);
}

}  // namespace
}  // namespace mctenant::bench

int main(int argc, char** argv) { return mctenant::bench::run(argc, argv); }
