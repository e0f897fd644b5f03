// The limit on key + value: exact to the byte, for every way of storing, whoever else writes.

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "integration/world.h"
#include "support/text_client.h"

namespace mctenant::integration {
namespace {

constexpr size_t kLimit = 1'048'576;

class ItemSize : public SharedWorld {
 protected:
  [[nodiscard]] std::string value_beside(const std::string& name, size_t total = kLimit) const {
    return std::string(total - name.size(), 'v');
  }
  void expect_too_large(const Packet& packet) {
    const Packet reply = alice_.call(packet);
    EXPECT_EQ(reply.status, status::kTooLarge) << reply.describe();
    EXPECT_EQ(reply.value, "Too large.") << reply.describe();
    EXPECT_EQ(alice_.status_of(simple(op::kNoop)), status::kOk);
  }
};

TEST_F(ItemSize, ExactlyTheLimitIsStoredByEveryKindOfKey) {
  for (const std::string& name :
       {key("k"), key(std::string(200, 'k')), key("with space"), key(std::string(60'000, 'k'))}) {
    const std::string value = value_beside(name);
    EXPECT_EQ(alice_.status_of(set(name, value, 0xffffffff)), status::kOk) << name.size();
    EXPECT_TRUE(alice_.fetch(name) == value) << name.size();
  }
}

TEST_F(ItemSize, OneByteMoreIsRefusedAndSetDropsTheOldValue) {
  for (const std::string& name : {key("k"), key("with space"), key(std::string(60'000, 'k'))}) {
    alice_.store(name, "old");
    expect_too_large(set(name, value_beside(name, kLimit + 1)));
    EXPECT_FALSE(alice_.fetch(name)) << name.size();
  }
}

TEST_F(ItemSize, AQuietSetOverItIsToldToo) {
  alice_.store(key("k"), "old");
  const auto replies =
      alice_.call_all({set(key("k"), value_beside(key("k"), kLimit + 1)).with_opcode(op::kSetQ)});
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].status, status::kTooLarge);
  EXPECT_FALSE(alice_.fetch(key("k")));
}

TEST_F(ItemSize, AddAndReplaceOverItKeepTheOldValue) {
  const std::string name = key("k");
  alice_.store(name, "old");
  for (const uint8_t opcode : {op::kAdd, op::kReplace}) {
    expect_too_large(set(name, value_beside(name, kLimit + 1)).with_opcode(opcode));
    EXPECT_EQ(alice_.fetch(name), "old");
  }
  expect_too_large(set(key("absent"), value_beside(key("absent"), kLimit + 1)).with_opcode(op::kAdd));
  EXPECT_FALSE(alice_.fetch(key("absent")));
}

TEST_F(ItemSize, AppendAndPrependGrowToItAndNotBeyond) {
  for (const uint8_t opcode : {op::kAppend, op::kPrepend}) {
    const std::string name = key("k" + std::to_string(opcode));
    alice_.store(name, value_beside(name, kLimit - 100));
    EXPECT_EQ(alice_.status_of(append(name, std::string(99, 'a')).with_opcode(opcode)), status::kOk);
    expect_too_large(append(name, "bb").with_opcode(opcode));
    EXPECT_EQ(alice_.status_of(append(name, "c").with_opcode(opcode)), status::kOk);
    expect_too_large(append(name, "d").with_opcode(opcode));
    EXPECT_EQ(alice_.status_of(append(name, "").with_opcode(opcode)), status::kOk);
    const auto value = alice_.fetch(name);
    ASSERT_TRUE(value);
    EXPECT_EQ(name.size() + value->size(), kLimit);
    EXPECT_EQ(opcode == op::kAppend ? value->back() : value->front(), 'c');
    expect_too_large(append(name, std::string(kLimit + 1, 'x')).with_opcode(opcode));
    EXPECT_TRUE(alice_.fetch(name) == value);
  }
}

TEST_F(ItemSize, AnOversizedBodyIsSkippedAndWhatFollowsIsServed) {
  alice_.store(key("b"), "1");
  std::vector<Packet> packets;
  for (uint32_t i = 0; i < 4; ++i) {
    packets.push_back(set(key("k"), std::string(3'000'000, 'x')).with_opaque(2 * i));
    packets.push_back(get(key("b")).with_opaque(2 * i + 1));
  }
  std::thread writer([&] { alice_.send(packets); });
  for (uint32_t i = 0; i < 8; ++i) {
    const Packet reply = alice_.read();
    EXPECT_EQ(reply.opaque, i);
    EXPECT_EQ(reply.status, i % 2 == 0 ? status::kTooLarge : status::kOk) << reply.describe();
  }
  writer.join();
}

TEST_F(ItemSize, AKeyAloneMayFillIt) {
  const std::string name = key(std::string(60'000, 'k'));
  EXPECT_EQ(alice_.status_of(set(name, "")), status::kOk);
  EXPECT_EQ(alice_.fetch(name), "");
}

TEST(ItemSizeOfASmallServer, IsTheServersOwnLimitAndNothingIsLost) {
  World world({}, {.flags = {"-I", "1m"}});
  BinaryClient alice = world.mctenant.sign_in("alice");
  const std::string name = "key";
  const auto stored = [&](size_t value_size) {
    const uint16_t status = alice.status_of(set(name, std::string(value_size, 'v'), 1));
    EXPECT_TRUE(status == status::kOk || status == status::kTooLarge) << status;
    EXPECT_EQ(alice.call(get(name)).status, status == status::kOk ? status::kOk : status::kNotFound)
        << value_size;
    return status == status::kOk;
  };
  size_t fits = kLimit - 1'000;
  size_t too_large = kLimit;
  ASSERT_TRUE(stored(fits));
  ASSERT_FALSE(stored(too_large));
  while (too_large - fits > 1) {
    const size_t middle = (fits + too_large) / 2;
    (stored(middle) ? fits : too_large) = middle;
  }
  // What the server itself takes under this key: header 48, CAS 8, key and its end, flags 4, value and its
  // line end.
  ASSERT_TRUE(stored(fits));
  const auto keys = world.first.keys().empty() ? world.second.keys() : world.first.keys();
  ASSERT_EQ(keys.size(), 1u);
  const size_t servers_own = kLimit - 48 - 8 - keys[0].size() - 1 - 4 - 2;
  EXPECT_LE(fits, servers_own);
  EXPECT_GE(fits + 16, servers_own);

  const std::string value(fits, 'v');
  EXPECT_EQ(alice.status_of(append(name, "x")), status::kTooLarge);
  EXPECT_EQ(alice.status_of(set(name, value + "x", 1).with_opcode(op::kReplace)), status::kTooLarge);
  EXPECT_EQ(alice.status_of(set(name, value + "x", 1).with_opcode(op::kAdd)), status::kTooLarge);
  EXPECT_TRUE(alice.fetch(name) == value) << "refused before anything was sent";
}

// They pass through pipes; small replies between them, and a client that reads late, change nothing.
TEST_F(ItemSize, LargeValuesArriveAsTheyAreWhateverStandsBetweenThem) {
  std::vector<Packet> gets;
  std::vector<std::string> values;
  std::minstd_rand random(11);
  for (int i = 0; i < 12; ++i) {
    const std::string name = key("k" + std::to_string(i));
    std::string value(i % 3 == 0 ? 100 : 200'000 + random() % 800'000, '\0');
    for (char& byte : value) byte = static_cast<char>(random());
    alice_.store(name, value);
    for (int times = 0; times < 4; ++times) {
      gets.push_back(get(name));
      values.push_back(value);
    }
  }
  const auto& mctenant = world().mctenant;
  support::TextClient text(mctenant.address(), "alice", mctenant.password("alice"));
  text.connection().send("get " + gets[20].key + "\r\n");  // and reads it at the end
  for (int round = 0; round < 3; ++round) {
    const auto replies = alice_.call_all(gets, 20s);
    ASSERT_EQ(replies.size(), gets.size());
    for (size_t i = 0; i < replies.size(); ++i) ASSERT_TRUE(replies[i].value == values[i]) << i;
  }
  const std::string line = "VALUE " + gets[20].key + " 0 " + std::to_string(values[20].size()) + "\r\n";
  EXPECT_TRUE(text.talk("mn\r\n") == line + values[20] + "\r\nEND\r\nMN\r\n");
  const std::string metrics = world().mctenant.metrics();
  const size_t piped = metrics.find("\nmctenant_server_piped_values_total{");
  ASSERT_NE(piped, metrics.npos);
  EXPECT_GT(std::stoul(metrics.substr(metrics.find("} ", piped) + 2)), 0U);
}

TEST(ItemSizeLimit, IsConfigurable) {
  World world({.limits = {{"item_size", R"("10KiB")"}}});
  BinaryClient alice = world.mctenant.sign_in("alice");
  EXPECT_EQ(alice.status_of(set("key", std::string(10'240 - 3, 'v'))), status::kOk);
  EXPECT_EQ(alice.status_of(append("key", "x")), status::kTooLarge);
  EXPECT_EQ(alice.status_of(set("key", std::string(10'240 - 2, 'v'))), status::kTooLarge);
  EXPECT_FALSE(alice.fetch("key"));
}

// Several clients append records of a known size to one key until it is full.
TEST(ConcurrentItemSize, GrowingOneKeyAtOnceLosesNoAppendAndKeepsTheLimit) {
  constexpr size_t kRecord = 50;
  constexpr size_t kSmallLimit = 20'480;
  constexpr size_t kClients = 4;
  World world({.limits = {{"item_size", std::to_string(kSmallLimit)}}});
  BinaryClient alice = world.mctenant.sign_in("alice");
  alice.store("key", "");
  std::atomic<int> busy{0};
  std::atomic<int> unexpected{0};
  std::vector<std::vector<std::string>> stored(kClients);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kClients; ++t) {
    threads.emplace_back([&, t] {
      BinaryClient client = world.mctenant.sign_in("alice");
      for (int i = 0;; ++i) {
        std::string record = "<" + std::to_string(t) + "/" + std::to_string(i);
        record += std::string(kRecord - 1 - record.size(), '.') + ">";
        const uint16_t status =
            client.status_of(append("key", record).with_opcode(t % 2 ? op::kAppend : op::kPrepend));
        if (status == status::kTooLarge) break;
        if (status == status::kOk) {
          stored[t].push_back(record);
        } else {
          ++(status == status::kTemporary ? busy : unexpected);
          if (unexpected > 0 || i > 100'000) break;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unexpected, 0);
  const std::string value = alice.fetch("key").value_or("");
  std::map<std::string, int> seen;
  for (size_t at = 0; at + kRecord <= value.size(); at += kRecord) ++seen[value.substr(at, kRecord)];
  size_t count = 0;
  for (const auto& records : stored) {
    for (const std::string& record : records) EXPECT_EQ(seen[record], 1) << record;
    count += records.size();
  }
  EXPECT_EQ(value.size(), count * kRecord) << "what was refused is not there";
  EXPECT_LE(value.size() + 3, kSmallLimit);
  EXPECT_GT(value.size() + 3 + kRecord, kSmallLimit) << "full to the last record that fits";
  if (busy > 0) std::printf("%d appends found too many others at work\n", busy.load());
}

}  // namespace
}  // namespace mctenant::integration
