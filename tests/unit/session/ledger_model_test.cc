// The ledger against a model: observers and servers at random, then what the ledger knows is compared with
// what the servers have. MCTENANT_MODEL_SEEDS: how many seeds a case tries; MCTENANT_MODEL_SEED: only this
// one.

#include "ledger_model.h"

#include <cstdlib>
#include <cstring>
#include <map>

#include "base/sanitizers.h"

namespace mctenant::session::model {
namespace {

// No session waits for an operation's answer; a reference to one is wanted all the same.
ClientSession& nobody() {
  alignas(std::max_align_t) static std::array<std::byte, 64> memory;
  return *reinterpret_cast<ClientSession*>(memory.data());
}

// A delete whose answer tells nobody anything.
class Deletion final : public upstream::Call {
 public:
  void on_reply(const protocol::Reply& /*reply*/) override { delete this; }
};

namespace opcode {
constexpr uint8_t kGet = 0x00;
constexpr uint8_t kSet = 0x01;
constexpr uint8_t kAdd = 0x02;
constexpr uint8_t kReplace = 0x03;
constexpr uint8_t kDelete = 0x04;
constexpr uint8_t kIncrement = 0x05;
constexpr uint8_t kDecrement = 0x06;
constexpr uint8_t kAppend = 0x0e;
constexpr uint8_t kPrepend = 0x0f;
constexpr uint8_t kTouch = 0x1c;
constexpr uint8_t kGat = 0x1d;
constexpr uint8_t kAll[] = {kGet,    kGet,     kSet,       kSet,       kSet,    kAdd,   kReplace, kDelete,
                            kAppend, kPrepend, kIncrement, kDecrement, kDelete, kTouch, kTouch,   kGat};
}  // namespace opcode

}  // namespace

int64_t World::some_ttl() {
  if (!chance(static_cast<uint64_t>(setting_.ttl_percent))) return 0;
  const auto ttl = static_cast<int64_t>(1 + below(kLongestTtl));
  if (chance(10)) return -1;
  return chance(20) ? int64_t{now()} + ttl : ttl;
}

// Half of them numbers, so that counting meets them.
std::string World::some_value() {
  if (chance(50)) return std::to_string(below(2) == 0 ? below(12) : below(1200));
  std::string value(1 + below(20), 'v');
  return value;
}

bool World::idle() const {
  for (const auto& observer : observers_) {
    for (const auto& connection : observer->connections) {
      if (!connection->idle()) return false;
    }
  }
  for (const Crawl& crawl : crawls_) {
    if (crawl.running) return false;
  }
  return watch_lines_.empty() && orphans_.empty();
}

void World::step() {
  Observer& observer = *observers_[below(observers_.size())];
  Connection& connection = *observer.connections[below(servers_.size())];
  const uint64_t what = below(100);
  if (what < 35) return request(*observers_[below(setting_.workers)]);
  if (what < 60) return static_cast<void>(connection.execute());
  if (what < 88) return deliver(observer, connection);
  if (what < 90) return static_cast<void>(observer.accounting.evict(observer.account));
  if (what < 95) {
    const size_t server = below(servers_.size());
    if (crawls_[server].running) return static_cast<void>(go_on_crawling(server));
    if (setting_.crawls && chance(10)) begin_crawl(server);
    return;
  }
  if (what < 97) return take_watch_line();
  if (what < 98) return delete_retired();
  disturb();
}

void World::disturb() {
  const size_t number = below(servers_.size());
  Memcached& server = *servers_[number];
  const uint64_t what = below(100);
  if (what < 40 && setting_.server_evicts && !server.items().empty()) {
    const auto victim =
        std::next(server.items().begin(), static_cast<ptrdiff_t>(below(server.items().size())));
    if (setting_.watched) watch_lines_.push_back(victim->first);
    server.items().erase(victim);
  } else if (what < 45 && setting_.restarts) {
    server.restart(++last_source_);
    sources_[number].push_back(last_source_);
    for (auto& observer : observers_) (void)observer->connections[number]->lose();
    std::erase_if(orphans_, [&](const auto& orphan) { return orphan.first == number; });
    crawls_[number].running = false;
  } else if (what < 55 && setting_.losses) {
    auto orphan = observers_[below(observers_.size())]->connections[number]->lose();
    if (!orphan.empty()) orphans_.emplace_back(number, std::move(orphan));
  } else if (what < 60 && setting_.flushes) {
    tenant_.set_generation(tenant_.generation() + 1);
    if (chance(50)) ledger_.begin_generation(tenant_.generation());
  } else if (what < 90 && setting_.clock_in_flight) {
    pass_second();
  } else if (what >= 90) {
    drain();
    pass_second();
    ledger_.forget_removals();
  }
}

void World::drain() {
  ledger_.begin_generation(tenant_.generation());
  delete_retired();
  for (int round = 0; !idle(); ++round) {
    if (round > 20'000) {
      settled_ = false;
      return;
    }
    Observer& observer = *observers_[below(observers_.size())];
    Connection& connection = *observer.connections[below(servers_.size())];
    switch (below(4)) {
      case 0:
        (void)connection.execute();
        break;
      case 1:
        deliver(observer, connection);
        break;
      case 2:
        (void)go_on_crawling(below(servers_.size()));
        break;
      default:
        take_watch_line();
        break;
    }
    if (!orphans_.empty() && chance(30)) {
      auto& [server, requests] = orphans_[below(orphans_.size())];
      (void)servers_[server]->execute(std::move(requests.front()));
      requests.pop_front();
      std::erase_if(orphans_, [](const auto& orphan) { return orphan.second.empty(); });
    }
    if (idle()) delete_retired();
  }
}

Operation* World::operation(Observer& observer, const protocol::ClientRequest& request,
                            std::string_view key) {
  Operation* made = Operation::make(nobody(), observer.accounting, request);
  made->session = nullptr;
  made->shard = observer.account.shard;
  const std::string prefix(tenant_.prefix(*observer.account.shard));
  observer.accounting.track(observer.account, observer.account.shard->generation, prefix + std::string(key),
                            prefix.size(), made->key);
  return made;
}

void World::send(Operation& operation, const protocol::Request& request) {
  operation.accounting->ask(operation.key);
  operation.key.server->send(request, operation.key.server_key.view(), operation);
}

void World::request(Observer& observer) {
  const std::string key = some_key();
  const std::string value = some_value();
  protocol::ClientRequest made;
  made.row = &protocol::binary_command(opcode::kAll[below(std::size(opcode::kAll))]);
  protocol::Request& request = made.request;
  request.command = made.row->command;
  request.flags = chance(30) ? 7 : 0;
  request.expiry = some_ttl();
  request.delta = 1 + below(95);
  request.initial = below(100);
  request.create = chance(60);
  if (chance(20)) {
    const std::string prefix(tenant_.prefix(*observer.account.shard));
    const auto& items = servers_[server_of(key)]->items();
    const auto found = items.find(prefix + key);
    request.cas = found == items.end() ? 1 + below(50) : found->second.cas;
  }
  if (request.command == Command::append || request.command == Command::prepend)
    return grow(observer, {made.row->opcode, request.cas, key, value, 0}, true);
  const bool stores = request.command == Command::set || request.command == Command::add ||
                      request.command == Command::replace;
  if (!stores && request.command != Command::remove) request.cas = 0;
  Operation* asked = operation(observer, made, key);
  if (stores) {
    if (chance(3) && request.command == Command::set) {  // too large
      asked->step = Operation::Step::dropping_old;
      protocol::Request removal;
      removal.command = Command::remove;
      return send(*asked, removal);
    }
    request.value = {{}, value.data(), value.size()};
    if (request.cas != 0) request.command = Command::set;
    asked->stored_value = value.size();
    asked->reserved =
        ledger_.reserve(asked->key.hash, asked->key.tail(), asked->key.generation,
                        quota::item_bytes(asked->key.server_key.view().size(), value.size(), request.flags));
    if (ledger_.over()) observer.accounting.make_room(observer.account, asked->key);
  }
  send(*asked, request);
}

// As ClientSession does: by what the ledger knows, or after a question.
void World::grow(Observer& observer, const Growth& growth, bool first) {
  protocol::ClientRequest made;
  made.row = &protocol::binary_command(growth.opcode);
  made.request.cas = growth.cas;
  Operation* asked = operation(observer, made, growth.key);
  const TrackedKey& key = asked->key;
  quota::KnownItem item{};
  using Flags = quota::Event::ClientFlags;
  if (first && ledger_.look_up(key.hash, key.tail(), key.generation, item) && item.certain &&
      item.flags != Flags::unknown && item.source == key.server->incarnation() &&
      (growth.cas == 0 || growth.cas == item.cas)) {
    const uint32_t flags = item.flags == Flags::some ? 1 : 0;
    store_growth(observer, growth, item.cas,
                 item.size - quota::item_bytes(key.server_key.view().size(), 0, flags), flags);
    return asked->drop();
  }
  asked->step = Operation::Step::probing;
  protocol::Request question;
  question.command = Command::probe;
  send(*asked, question);
  observer.connection(asked->key.server_key.view()).last_sent().growth = growth;
}

void World::store_growth(Observer& observer, const Growth& growth, uint64_t cas, uint64_t value,
                         uint32_t flags) {
  protocol::ClientRequest made;
  made.row = &protocol::binary_command(growth.opcode);
  made.request.cas = growth.cas;
  made.request.flags = flags;
  Operation* asked = operation(observer, made, growth.key);
  asked->step = Operation::Step::growing;
  asked->grown_from = cas;
  asked->stored_value = value + growth.value.size();
  asked->reserved =
      ledger_.reserve(asked->key.hash, asked->key.tail(), asked->key.generation,
                      quota::item_bytes(asked->key.server_key.view().size(), asked->stored_value, flags));
  if (ledger_.over()) observer.accounting.make_room(observer.account, asked->key);
  protocol::Request store;
  store.command = made.row->command;
  store.cas = cas;
  store.value = {{}, growth.value.data(), growth.value.size()};
  send(*asked, store);
  observer.connection(asked->key.server_key.view()).last_sent().growth = growth;
}

void World::deliver(Observer& observer, Connection& connection) {
  const auto answer = connection.deliver();
  if (!answer || !answer->sent.growth) return;
  Growth growth = *answer->sent.growth;
  const protocol::Reply& reply = answer->reply;
  if (answer->sent.request.command != Command::probe) {
    if (reply.status != Status::exists || growth.cas != 0 || ++growth.attempts > 3) return;
    return grow(observer, growth, false);
  }
  if (reply.status != Status::ok || (growth.cas != 0 && growth.cas != reply.cas)) return;
  store_growth(observer, growth, reply.cas, reply.number, reply.flags);
}

void World::begin_crawl(size_t server) {
  Crawl& crawl = crawls_[server];
  if (crawl.running) return;
  trace_line("crawl begins", server, "", 0, 0, now());
  crawl = {};
  crawl.running = true;
  crawl.number = servers_[server]->begin_crawl();
  crawl.source = servers_[server]->source();
  for (size_t i = 0; i < setting_.keys; ++i) {
    const std::string key(1, static_cast<char>('a' + i));
    crawl.clocks[key] = ledger_.clock(ledger_.hash(key));
  }
  servers_[server]->set_crawling(true);
}

bool World::go_on_crawling(size_t server) {
  Crawl& crawl = crawls_[server];
  if (!crawl.running) return false;
  if (!crawl.walked && chance(60)) {
    auto& items = servers_[server]->items();
    const auto next = items.upper_bound(crawl.position);
    if (next == items.end()) return crawl.walked = true;
    crawl.position = next->first;
    const size_t dot = next->first.rfind('.');
    const size_t colon = next->first.rfind(':');
    Line line{next->first.substr(colon + 1), {}};
    line.event.generation = std::stoull(next->first.substr(dot + 1, colon - dot - 1));
    line.event.cas = next->second.cas;
    line.event.size = Memcached::size(next->first, next->second);
    line.event.expiry = next->second.expiry;
    crawl.lines.push_back(std::move(line));
    return true;
  }
  if (crawl.lines.empty()) {
    if (crawl.walked) end_crawl(server);
    return true;
  }
  Line line = std::move(crawl.lines.front());
  crawl.lines.pop_front();
  line.event.kind = quota::Event::Kind::listed;
  line.event.observer = static_cast<quota::Observer>(setting_.workers);
  line.event.crawl = crawl.number;
  line.event.source = crawl.source;
  line.event.sent = crawl.clocks[line.key];
  line.event.hash = ledger_.hash(line.key);
  line.event.key = line.key;
  line.event.listing = true;
  trace_line("listed", server, line.key, line.event.cas, line.event.expiry, now());
  if (ledger_.apply(line.event)) {
    TrackedKey key;
    const std::string prefix = tenant::make_prefix("ns", 1, line.event.generation);
    bookkeeper().accounting.track(bookkeeper().account, line.event.generation, prefix + line.key,
                                  prefix.size(), key);
    bookkeeper().accounting.probe(key);
  }
  return true;
}

void World::end_crawl(size_t server) {
  Crawl& crawl = crawls_[server];
  trace_line("crawl ends", server, "", 0, 0, now());
  servers_[server]->set_crawling(false);
  crawl.running = false;
  quota::Ledger::Cursor cursor;
  std::vector<quota::OpenQuestion> open;
  while (ledger_.sweep(sources_[server], crawl.source, crawl.number, cursor, open)) {
  }
  for (const quota::OpenQuestion& question : open) {
    TrackedKey key;
    const std::string prefix = tenant::make_prefix("ns", 1, question.generation);
    bookkeeper().accounting.track(bookkeeper().account, question.generation, prefix + question.key,
                                  prefix.size(), key);
    bookkeeper().accounting.probe(key);
  }
}

void World::take_watch_line() {
  if (watch_lines_.empty()) return;
  const std::string server_key = watch_lines_.front();
  watch_lines_.pop_front();
  const std::string prefix = tenant::make_prefix("ns", 1, tenant_.generation());
  if (!server_key.starts_with(prefix)) return;
  TrackedKey key;
  bookkeeper().accounting.track(bookkeeper().account, tenant_.generation(), server_key, prefix.size(), key);
  bookkeeper().accounting.probe(key);
}

void World::delete_retired() {
  tenant::Generation generation = 0;
  std::string key;
  while (ledger_.next_retired(generation, key)) {
    const std::string server_key = tenant::make_prefix("ns", 1, generation) + key;
    protocol::Request removal;
    removal.command = Command::remove;
    bookkeeper().connection(server_key).send(removal, server_key, *new Deletion);
  }
}

void World::check() {
  const std::string prefix = tenant::make_prefix("ns", 1, tenant_.generation());
  ledger_.begin_generation(tenant_.generation());
  uint64_t bytes = 0;
  uint64_t items = 0;
  for (const auto& server : servers_) {
    for (const auto& [server_key, item] : server->items()) {
      ASSERT_TRUE(server_key.starts_with(prefix)) << server_key << " was left behind by a flush";
      const std::string key = server_key.substr(prefix.size());
      quota::KnownItem known{};
      ASSERT_TRUE(ledger_.look_up(ledger_.hash(key), key, tenant_.generation(), known))
          << key << " is not known";
      EXPECT_EQ(known.cas, item.cas) << key;
      EXPECT_EQ(known.size, Memcached::size(server_key, item)) << key;
      EXPECT_EQ(known.source, server->source()) << key;
      EXPECT_FALSE(known.asked) << key;
      if (known.certain && known.flags != quota::Event::ClientFlags::unknown) {
        EXPECT_EQ(known.flags == quota::Event::ClientFlags::some, item.flags != 0) << key;
      }
      bytes += known.size;
      ++items;
    }
  }
  for (size_t i = 0; i < setting_.keys; ++i) {
    const std::string key(1, static_cast<char>('a' + i));
    quota::KnownItem known{};
    if (servers_[server_of(key)]->items().contains(prefix + key)) continue;
    EXPECT_FALSE(ledger_.look_up(ledger_.hash(key), key, tenant_.generation(), known))
        << key << ", version " << known.cas << ", is not on its server";
  }
  EXPECT_EQ(ledger_.usage().items, items);
  EXPECT_EQ(ledger_.usage().bytes, bytes);
  // Nothing stays claimed that is not there: the quota that the items just fill is not exceeded.
  ledger_.set_quota(0);
  ledger_.set_quota(std::max<uint64_t>(bytes, 1));
  EXPECT_FALSE(ledger_.lowering());
  if (bytes > 1) {
    ledger_.set_quota(bytes - 1);
    EXPECT_TRUE(ledger_.lowering());
  }
  ledger_.set_quota(setting_.quota);
}

namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Runs a case with many seeds, which also choose how many take part.
template <class Then>
void try_seeds(Setting setting, Then&& then) {
  const uint64_t only = from_environment("MCTENANT_MODEL_SEED", 0);
  const uint64_t seeds = from_environment("MCTENANT_MODEL_SEEDS", base::kSanitized ? 500 : 2000);
  uint64_t probes = 0;
  for (uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : seeds); ++seed) {
    setting.seed = seed;
    setting.workers = 1 + seed % 4;
    setting.servers = 1 + seed / 4 % 2;
    setting.keys = 3 + seed % 6;
    setting.stripes = seed % 3 == 0 ? 4 : 2;
    setting.quota = seed % 5 == 0 ? 300 + 100 * (seed % 7) : 0;
    World world(setting);
    world.run();
    ASSERT_TRUE(world.settled()) << "with seed " << seed;
    then(world);
    ASSERT_FALSE(testing::Test::HasFailure()) << "with seed " << seed;
    probes += world.probes();
  }
  testing::Test::RecordProperty("probes", std::to_string(probes));
}

TEST(LedgerModel, AQuietEndIsExact) {
  try_seeds({}, [](World& world) { world.check_over_time(); });
}

TEST(LedgerModel, AQuietEndIsExactWithCrawlsOnTheWay) {
  try_seeds({.crawls = true}, [](World& world) { world.check_over_time(); });
}

TEST(LedgerModel, AQuietEndIsExactAcrossFlushes) {
  try_seeds({.crawls = true, .flushes = true}, [](World& world) { world.check_over_time(); });
}

TEST(LedgerModel, EvictionsByTheServerAreFollowedWhereTheyAreWatched) {
  try_seeds({.crawls = true, .server_evicts = true, .watched = true},
            [](World& world) { world.check_over_time(); });
}

TEST(LedgerModel, ACrawlSettlesWhatServersDidOnTheirOwn) {
  try_seeds({.crawls = true, .server_evicts = true, .restarts = true, .losses = true, .flushes = true},
            [](World& world) {
              world.crawl_all();
              world.check_over_time();
            });
}

// Expiries are a little late then, but not for long.
TEST(LedgerModel, TimeThatPassesWhileRepliesAreUnderWayLeavesNothingBehind) {
  try_seeds({.ttl_percent = 60, .crawls = true, .flushes = true, .clock_in_flight = true}, [](World& world) {
    world.pass_seconds(300);
    world.check();
  });
}

}  // namespace
}  // namespace mctenant::session::model
