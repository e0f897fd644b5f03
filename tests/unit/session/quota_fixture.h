#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/session_harness.h"

namespace mctenant::session {

using protocol::Command;
using protocol::Status;
using support::Packet;
using support::ScriptedServer;
using support::SessionHarness;
namespace op = support::op;
namespace status = support::status;

// Keys have two characters, so that with this value an item takes 100 bytes as memcached counts them.
inline constexpr size_t kItem = 100;
inline constexpr size_t kOverhead = 48 + 8 + 1 + 2 + std::string_view("test.1.1:k0").size();
inline std::string value_for(size_t item) { return std::string(item - kOverhead, 'v'); }
inline std::string server_key(const std::string& key) { return "test.1.1:" + key; }

class QuotaTest : public testing::Test {
 protected:
  explicit QuotaTest(uint64_t memory = 10 * kItem, size_t servers = 1)
      : h({.servers = servers, .memory = memory}) {}
  void SetUp() override { ASSERT_EQ(h.sign_in(), status::kOk); }

  // Stores items of two-character keys that begin so, of this size each.
  void store(char begin, int count, size_t size = kItem) {
    for (int i = 0; i < count; ++i) {
      h.send(support::set(std::string(1, begin) + static_cast<char>('0' + i), value_for(size)));
      h.answer_all();
      ASSERT_EQ(h.take_status(), status::kOk);
    }
  }
  // As a client sees it, and with no trace in the ledger.
  [[nodiscard]] bool stored(const std::string& key, size_t server = 0) {
    return h.server(server).items().contains(server_key(key));
  }
  // Nothing is claimed beside that many bytes.
  void expect_claimed(uint64_t bytes) {
    quota::Ledger& ledger = h.ledger();
    const quota::KeyHash hash = ledger.hash("no such key");
    const uint64_t rest = ledger.reserve(hash, "no such key", 1, ledger.quota() - bytes);
    EXPECT_FALSE(ledger.over()) << "more than " << bytes;
    const uint64_t one = ledger.reserve(hash, "no such key", 1, 1);
    EXPECT_TRUE(ledger.over()) << "less than " << bytes;
    ledger.release(rest + one);
  }
  [[nodiscard]] const std::deque<ScriptedServer::Sent>& waiting(size_t server = 0) {
    return h.server(server).waiting();
  }
  [[nodiscard]] std::map<std::string, std::string> stats(const std::string& group = "") {
    h.send(group.empty() ? support::simple(op::kStat) : support::keyed(op::kStat, group));
    std::map<std::string, std::string> lines;
    const auto replies = h.take_replies();
    for (const Packet& packet : replies) {
      EXPECT_EQ(packet.opcode, op::kStat);
      EXPECT_EQ(packet.status, status::kOk);
      if (packet.key.empty()) continue;
      EXPECT_TRUE(lines.emplace(packet.key, packet.value).second) << packet.key;
    }
    EXPECT_FALSE(replies.empty());
    EXPECT_EQ(replies.back().key + replies.back().value, "") << "an empty packet ends them";
    EXPECT_EQ(replies.size(), lines.size() + 1);
    return lines;
  }

  SessionHarness h;
};

}  // namespace mctenant::session
