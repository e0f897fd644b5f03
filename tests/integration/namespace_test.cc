// Two tenants with the same keys never meet, whatever the keys; and what the servers show of them.

#include <algorithm>

#include "integration/world.h"

namespace mctenant::integration {
namespace {

class Namespaces : public SharedWorld {
 protected:
  Namespaces() : bob_(sign_in("bob")) {}
  // All keys that the two servers hold, as they stand there.
  static std::vector<std::string> server_keys() {
    std::vector<std::string> keys = world().first.keys();
    const std::vector<std::string> more = world().second.keys();
    keys.insert(keys.end(), more.begin(), more.end());
    return keys;
  }
  static std::optional<std::string> server_value(const std::string& server_key) {
    auto value = world().first.value(server_key);
    return value ? value : world().second.value(server_key);
  }
  // alice's prefix, from the server's key of a key that she stores.
  std::string prefix_of(BinaryClient& client, const std::string& name) {
    client.store(name, "x");
    for (const std::string& server_key : server_keys()) {
      if (server_key.ends_with(":" + name)) {
        client.call(keyed(op::kDelete, name));
        return server_key.substr(0, server_key.size() - name.size());
      }
    }
    ADD_FAILURE() << name << " stands on no server";
    return "";
  }

  BinaryClient bob_;
};

TEST_F(Namespaces, HostileKeysStayTheTenantsOwn) {
  const std::string alices = prefix_of(alice_, key("probe-a"));
  const std::string bobs = prefix_of(bob_, key("probe-b"));
  ASSERT_NE(alices, bobs);
  std::vector<std::string> keys = {
      "a",
      "~",
      "~~",
      "~a",
      alices,
      bobs,
      alices + "a",
      bobs + "a",
      bobs + "~",
      bobs.substr(0, bobs.size() - 1),
      ":",
      ".",
      "..:",
      " ",
      "a b",
      "\r\n",
      "a\r\nset x 0 0 1\r\ny\r\n",
      "\n",
      "\t",
      std::string(1, '\0'),
      std::string("a\0b", 3),
      std::string("a\0c", 3),
      "\x7f",
      "\xff\xfe",
      "ключ",
      "鍵",
      "🔑",
      "%20",
      "%",
      "a%20b",
      "noreply",
      "b",
      "mg a v",
      std::string(249, 'k'),
      std::string(250, 'k'),
      std::string(251, 'k'),
      std::string(250, ' '),
      std::string(250 - alices.size(), 'k'),
      std::string(251 - alices.size(), 'k'),
      std::string(60'000, 'k'),
      std::string(60'000, 'k') + "2",
      std::string(65'535, '\n'),
  };
  for (int byte = 0; byte < 256; ++byte) keys.push_back(std::string(2, static_cast<char>(byte)) + "byte");
  for (size_t i = 0; i < keys.size(); ++i) {
    alice_.store(keys[i], "alice " + std::to_string(i));
    bob_.store(keys[i], "bob " + std::to_string(i));
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const Packet hers = alice_.call(keyed(op::kGetK, keys[i]));
    const Packet his = bob_.call(keyed(op::kGetK, keys[i]));
    EXPECT_EQ(hers.value, "alice " + std::to_string(i)) << hers.describe();
    EXPECT_EQ(his.value, "bob " + std::to_string(i)) << his.describe();
    EXPECT_TRUE(hers.key == keys[i] && his.key == keys[i]) << "GETK shows the client's own key";
  }
  for (const std::string& name : keys) EXPECT_EQ(alice_.status_of(keyed(op::kDelete, name)), status::kOk);
  for (size_t i = 0; i < keys.size(); ++i) {
    const Packet miss = alice_.call(keyed(op::kGetK, keys[i]));
    EXPECT_EQ(miss.status, status::kNotFound);
    EXPECT_TRUE(miss.key == keys[i]);
    EXPECT_EQ(bob_.fetch(keys[i]), "bob " + std::to_string(i));
    bob_.call(keyed(op::kDelete, keys[i]));
  }
}

TEST_F(Namespaces, EveryCommandTakesAKeyOfSixtyThousandBytes) {
  const std::string name = key(std::string(60'000, 'k'));
  EXPECT_EQ(alice_.status_of(set(name, "1").with_opcode(op::kAdd)), status::kOk);
  EXPECT_EQ(alice_.call(increment(name, 1)).number(), 2u);
  EXPECT_EQ(alice_.status_of(append(name, "0")), status::kOk);
  EXPECT_EQ(alice_.status_of(touch(name, 100)), status::kOk);
  EXPECT_EQ(alice_.call(get_and_touch(name, 0).with_opcode(op::kGatK)).key, name);
  EXPECT_EQ(alice_.fetch(name), "20");
  EXPECT_EQ(bob_.fetch(name), std::nullopt);
  EXPECT_EQ(alice_.status_of(keyed(op::kDelete, name)), status::kOk);
}

TEST_F(Namespaces, ReadableKeysAreReadableOnTheServer) {
  const std::string prefix = prefix_of(alice_, key("probe"));
  for (const std::string& name : {key("plain"), key("user:42:name"), key("a~b"), key("[]{}%20"),
                                  key(std::string(250 - prefix.size() - key("").size(), 'k'))}) {
    alice_.store(name, "value of it");
    EXPECT_EQ(server_value(prefix + name), "value of it") << name;
  }
}

TEST_F(Namespaces, OtherKeysAreDigestsOnTheServer) {
  const std::string prefix = prefix_of(alice_, key("probe"));
  const auto digests = [&] {
    std::vector<std::string> found;
    for (const std::string& name : server_keys()) {
      if (name.starts_with(prefix + "~")) found.push_back(name);
    }
    return found;
  };
  const size_t before = digests().size();
  const std::vector<std::string> names = {"~" + key("tilde"),
                                          key("with space"),
                                          key("new\nline"),
                                          key(std::string(250, 'k')),
                                          std::string("nul\0", 4) + key(""),
                                          key(std::string(251 - prefix.size() - key("").size(), 'k'))};
  for (const std::string& name : names) alice_.store(name, "digest of " + name.substr(0, 20));
  const auto after = digests();
  EXPECT_EQ(after.size(), before + names.size());
  for (const std::string& name : after) {
    EXPECT_EQ(name.size(), prefix.size() + 1 + 43);
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                                     prefix.size() + 1),
              std::string::npos)
        << name;
  }
}

TEST_F(Namespaces, AKeyThatLooksLikeADigestIsNotTheOther) {
  const std::string prefix = prefix_of(alice_, key("probe"));
  const std::string hidden = key("needs a digest");
  alice_.store(hidden, "hidden");
  for (const std::string& server_key : server_keys()) {
    if (!server_key.starts_with(prefix + "~")) continue;
    EXPECT_EQ(alice_.fetch(server_key.substr(prefix.size())), std::nullopt);
    EXPECT_EQ(bob_.fetch(server_key), std::nullopt);
  }
  EXPECT_EQ(alice_.fetch(hidden), "hidden");
}

TEST_F(Namespaces, NoServerKeyShowsAPasswordOrAnothersPrefix) {
  const std::string alices = prefix_of(alice_, key("probe-a"));
  const std::string bobs = prefix_of(bob_, key("probe-b"));
  EXPECT_FALSE(alices.starts_with(bobs) || bobs.starts_with(alices));
  EXPECT_EQ(alices.find("password"), std::string::npos);
  EXPECT_EQ(std::count(alices.begin(), alices.end(), ':'), 1) << alices;
}

}  // namespace
}  // namespace mctenant::integration
