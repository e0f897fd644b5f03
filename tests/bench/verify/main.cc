// mcverify: correctness under load. Many connections of several tenants send everything the binary protocol
// has, cut anywhere and pipelined, and hold every reply against a model. Exits with 1 if anything was wrong
// or lost.

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <random>

#include "client/time.h"
#include "verify/actor.h"

namespace mctenant::bench {
namespace {

constexpr uint64_t kTickNs = 5'000'000;
constexpr size_t kOpenAtOnce = 16;

class Run {
 public:
  explicit Run(const VerifyOptions& options) : options_(options) {
    const size_t tenants = std::max<size_t>(1, options.users.size());
    // In all key names: what an earlier run left behind, with this seed or another, is never met.
    const uint64_t run =
        (uint64_t{std::random_device{}()} << 32 | std::random_device{}()) % 1'000'000'000'000;
    for (size_t tenant = 0; tenant < tenants; ++tenant) {
      const size_t peers = (options.connections - tenant + tenants - 1) / tenants;
      truths_.push_back(std::make_unique<SharedTruth>(run, tenant, peers));
      for (size_t rank = 0; rank < peers; ++rank) {
        actors_.push_back(std::make_unique<Actor>(options, Actor::Place{tenant, rank, peers, run},
                                                  *truths_.back(), findings_, poller_,
                                                  options.seed + 7919 * actors_.size()));
        if (rank == 0) first_.push_back(actors_.back().get());
      }
    }
  }

  const Findings& findings() const { return findings_; }

  base::Expected<void> run() {
    // One of each tenant goes first: the server then knows the passwords, and sign-ins are cheap.
    for (Actor* actor : first_) {
      if (auto started = actor->start(); !started) return started;
    }
    turn_until(
        [&] { return all(first_, [](const Actor& actor) { return actor.signed_in() || actor.over(); }); });
    if (auto started = start_others(); !started) return started;
    const uint64_t end = now_ns() + seconds_to_ns(options_.seconds);
    turn_until(
        [&] { return now_ns() > end || all(actors_, [](const Actor& actor) { return actor.over(); }); });
    settle_all(&Actor::settle);
    for (Actor* actor : first_) actor->audit();
    settle_all(nullptr);
    for (const auto& actor : actors_) actor->leave();
    turn_until([&] { return all(actors_, [](const Actor& actor) { return actor.over(); }); });
    return {};
  }

 private:
  base::Expected<void> start_others() {
    size_t opened = 0;
    for (const auto& actor : actors_) {
      if (actor->state() != Actor::State::kNew) continue;
      if (auto started = actor->start(); !started) return started;
      if (++opened % kOpenAtOnce == 0) turn();
    }
    return {};
  }

  void settle_all(void (Actor::*first)()) {
    for (const auto& actor : actors_) {
      if (first != nullptr) (actor.get()->*first)();
    }
    turn_until([&] {
      return all(actors_,
                 [](const Actor& actor) { return actor.over() || actor.state() == Actor::State::kSettled; });
    });
  }

  template <class Actors, class Predicate>
  static bool all(const Actors& actors, Predicate predicate) {
    return std::all_of(actors.begin(), actors.end(), [&](const auto& actor) { return predicate(*actor); });
  }

  template <class Done>
  void turn_until(Done done) {
    while (!done()) turn();
  }

  void turn() {
    for (const epoll_event& event : poller_.wait(kTickNs))
      static_cast<Actor*>(event.data.ptr)->serve(event.events);
    const uint64_t now = now_ns();
    if (now < next_tick_) return;
    next_tick_ = now + kTickNs;
    for (const auto& actor : actors_) actor->tick(now);
  }

  const VerifyOptions& options_;
  Findings findings_;
  Poller poller_;
  std::vector<std::unique_ptr<SharedTruth>> truths_;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::vector<Actor*> first_;
  uint64_t next_tick_ = 0;
};

base::Expected<std::vector<User>> users() {
  const char* several = std::getenv("MCVERIFY_USERS");
  if (several != nullptr) return parse_users(several);
  return user_from_environment();
}

int fail(const std::string& why) {
  std::fprintf(stderr, "mcverify: %s\n", why.c_str());
  return 1;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Checks a memcached under load, reply by reply. Tenants: MCVERIFY_USERS=\"name:password "
      "name:password\", or one from "
      "MEMCACHE_USERNAME and MEMCACHE_PASSWORD, or none. Give the servers memory enough and no page mover "
      "(-m 2048 -o slab_automove=0): a miss is an error, and so is a CAS that changes by itself."};
  VerifyOptions options;
  std::string server = "127.0.0.1:11211";
  options.seed = std::random_device{}();
  app.add_option("--server", server, "HOST:PORT or the path of a unix socket")->capture_default_str();
  app.add_option("--connections", options.connections)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds)->capture_default_str();
  app.add_option("--depth", options.depth, "most commands in one batch")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  app.add_option("--item-size", options.item_size, "bytes of key and value that are stored")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of the choices made; default: a new one");
  app.add_flag("--stock", options.stock, "the server is a stock memcached -I 2m");
  CLI11_PARSE(app, argc, argv);

  auto address = parse_address(server);
  if (!address) return fail(address.error().message);
  options.address = *address;
  auto tenants = users();
  if (!tenants) return fail("MCVERIFY_USERS: " + tenants.error().message);
  options.users = *tenants;
  if (options.connections < options.users.size()) return fail("fewer connections than tenants");
  raise_descriptor_limit();

  Run run(options);
  const uint64_t started = now_ns();
  auto done = run.run();
  if (!done) return fail(done.error().message);
  run.findings().print(options.seed, static_cast<double>(now_ns() - started) / 1e9);
  return run.findings().clean() ? 0 : 1;
}

}  // namespace
}  // namespace mctenant::bench

int main(int argc, char** argv) { return mctenant::bench::run(argc, argv); }
