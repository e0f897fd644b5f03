// Many clients of two tenants at once: every reply is the right one, none is lost.

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

// One client that knows what its keys must hold, since nobody else writes them.
class Worker {
 public:
  Worker(BinaryClient client, int number)
      : client_(std::move(client)), number_(number), random_(static_cast<uint64_t>(number)) {}

  void work(std::chrono::steady_clock::time_point end) {
    while (std::chrono::steady_clock::now() < end && wrong_.empty()) {
      below(4) == 0 ? pipeline() : single();
      ++turns_;
    }
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] int turns() const { return turns_; }

 private:
  size_t below(size_t end) { return std::uniform_int_distribution<size_t>{0, end - 1}(random_); }
  std::string key() { return "key" + std::to_string(number_) + "/" + std::to_string(below(20)); }
  std::string value() {
    const size_t size = below(20) == 0 ? below(200'000) : below(200);
    return std::to_string(number_) + ":" + std::string(size, static_cast<char>('a' + below(26)));
  }
  void expect(bool right, const Packet& reply) {
    if (!right && wrong_.empty()) wrong_ = "turn " + std::to_string(turns_) + ": " + reply.describe();
  }
  void expect_held(const std::string& name, const Packet& reply) {
    const auto held = held_.find(name);
    expect(held == held_.end() ? reply.status == status::kNotFound
                               : reply.status == status::kOk && reply.value == held->second,
           reply);
  }

  void single() {
    const std::string name = key();
    const bool present = held_.contains(name);
    Packet reply;
    switch (below(6)) {
      case 0:
        reply = client_.call(set(name, held_[name] = value()));
        return expect(reply.status == status::kOk, reply);
      case 1:
        reply = client_.call(append(name, "+"));
        if (present) held_[name] += "+";
        return expect(reply.status == (present ? status::kOk : status::kNotStored), reply);
      case 2:
        reply = client_.call(keyed(op::kDelete, name));
        held_.erase(name);
        return expect(reply.status == (present ? status::kOk : status::kNotFound), reply);
      case 3:
        reply = client_.call(set(name, "added").with_opcode(op::kAdd));
        if (!present) held_[name] = "added";
        return expect(reply.status == (present ? status::kExists : status::kOk), reply);
      default:
        return expect_held(name, client_.call(get(name)));
    }
  }

  void pipeline() {
    std::vector<Packet> packets;
    std::vector<std::string> names;
    for (uint32_t i = 0; i < 30; ++i) {
      const std::string name = key();
      packets.push_back(set(name, held_[name] = value()).with_opcode(op::kSetQ));
    }
    for (uint32_t i = 0; i < 30; ++i) {
      names.push_back(key());
      packets.push_back(get(names.back()).with_opaque(i));
    }
    const auto replies = client_.call_all(packets);
    if (replies.size() != names.size()) {
      wrong_ = "replies lost: " + std::to_string(replies.size());
      return;
    }
    for (size_t i = 0; i < names.size(); ++i) {
      expect(replies[i].opaque == i, replies[i]);
      expect_held(names[i], replies[i]);
    }
  }

  BinaryClient client_;
  int number_;
  std::mt19937_64 random_;
  std::map<std::string, std::string> held_;
  std::string wrong_;
  int turns_ = 0;
};

TEST(ConcurrentLoad, ManyClientsOfTwoTenantsGetTheirOwnRepliesAndAllOfThem) {
  World world;
  const auto end = std::chrono::steady_clock::now() + 4s;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < 24; ++i) {
    // The same keys for both tenants: client i of alice and of bob differ in what they hold.
    workers.push_back(std::make_unique<Worker>(world.mctenant.sign_in(i % 2 == 0 ? "alice" : "bob"), i / 2));
  }
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&worker, end] { worker->work(end); });
  for (std::thread& thread : threads) thread.join();
  int turns = 0;
  for (const auto& worker : workers) {
    EXPECT_EQ(worker->wrong(), "");
    turns += worker->turns();
  }
  EXPECT_GT(turns, 100);
}

TEST(ConcurrentLoad, ConnectionsThatComeAndGoDisturbNobody) {
  World world;
  const auto end = std::chrono::steady_clock::now() + 2s;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !done; ++i) {
        BinaryClient client = world.mctenant.sign_in("bob");
        client.send(std::vector<Packet>(20, get("key")));
        if (i % 3 == t) client.read(5);  // and leaves the rest
      }
    });
  }
  Worker worker(world.mctenant.sign_in("alice"), 1);
  worker.work(end);
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(worker.wrong(), "");
}

}  // namespace
}  // namespace mctenant::integration
