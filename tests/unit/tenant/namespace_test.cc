#include "tenant/namespace.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace mctenant::tenant {
namespace {

std::string server_key(std::string_view prefix, std::string_view client_key) {
  char room[kMaxServerKey];
  return {room, write_server_key(prefix, client_key, room)};
}

// Keys that a client may send to reach what is not its own, or to break the server's protocol.
std::vector<std::string> hostile_keys() {
  std::vector<std::string> keys = {"a",
                                   "key",
                                   "~",
                                   "~~",
                                   "~key",
                                   std::string("\0", 1),
                                   " ",
                                   "\n",
                                   "\r\n",
                                   "a b",
                                   "a\tb",
                                   "key\r\nflush_all\r\n",
                                   "\x7f",
                                   "\x7f\x7f",
                                   "\x80",
                                   "\xff",
                                   "grün",
                                   "キー",
                                   "\xc3\x28",
                                   "nsA.1.0:key",
                                   "nsA.2.0:key",
                                   "nsB.1.0:",
                                   "1.0:key",
                                   "0:key",
                                   ":key",
                                   ".1.0:key",
                                   "nsA.1.0:~",
                                   "..:",
                                   std::string("a\0b", 3)};
  for (const size_t size : {199u, 200u, 201u, 240u, 241u, 242u, 249u, 250u, 251u, 1024u, 65'534u, 65'535u}) {
    keys.emplace_back(size, 'k');
    keys.emplace_back(size, '~');
    keys.emplace_back(size, '\0');
  }
  // The second form of another key, as a key of its own.
  const std::string hashed = server_key("p:", "a b");
  keys.push_back(hashed.substr(2));
  keys.push_back(hashed.substr(3));
  return keys;
}

TEST(Namespace, IsLettersAndDigits) {
  for (const char* good : {"a", "Z9", "0123456789abcDEF"}) EXPECT_TRUE(valid_namespace(good)) << good;
  for (const char* bad : {"", "0123456789abcdefg", "a.b", "a:b", "a b", "a-b", "ä", "~"}) {
    EXPECT_FALSE(valid_namespace(bad)) << bad;
  }
  EXPECT_FALSE(valid_namespace(std::string_view("a\0", 2)));
}

TEST(Namespace, PrefixNamesNamespaceIdAndGeneration) {
  EXPECT_EQ(make_prefix("x7", 12, 345), "x7.12.345:");
  EXPECT_EQ(make_prefix("x7", 0, 0), "x7.0.0:");
}

TEST(Namespace, LongestPrefixLeavesRoomForTheDigest) {
  const std::string prefix =
      make_prefix(std::string(kMaxNamespace, 'n'), std::numeric_limits<TenantId>::max(),
                  std::numeric_limits<Generation>::max());
  EXPECT_LE(prefix.size() + 1 + kDigestLength, kMaxServerKey);
  EXPECT_EQ(server_key(prefix, std::string(65'535, 'k')).size(), prefix.size() + 1 + kDigestLength);
}

TEST(Namespace, NoPrefixBeginsAnother) {
  std::set<std::string> prefixes;
  size_t made = 0;
  for (const char* name : {"a", "a1", "a11", "1", "11", "111", "A", "aA"}) {
    for (const TenantId id : {0u, 1u, 2u, 10u, 11u, 111u, 1111u, 2147483648u, 4294967295u}) {
      for (const Generation generation : {0ull, 1ull, 9ull, 10ull, 11ull, 111ull, 18446744073709551615ull}) {
        prefixes.insert(make_prefix(name, id, generation));
        ++made;
      }
    }
  }
  ASSERT_EQ(prefixes.size(), made);
  // In sorted order a prefix stands right before the first text that it begins.
  for (auto next = std::next(prefixes.begin()), before = prefixes.begin(); next != prefixes.end();
       ++next, ++before) {
    EXPECT_FALSE(next->starts_with(*before)) << *before << " begins " << *next;
  }
}

TEST(Namespace, NoPrefixBeginsAnotherAtRandom) {
  std::mt19937_64 random(1);
  const auto draw = [&random] {
    static constexpr char kLetters[] = "ab01";
    std::string name;
    for (size_t length = 1 + random() % 3; length > 0; --length) name += kLetters[random() % 4];
    return make_prefix(name, static_cast<TenantId>(random() % 30), random() % 30);
  };
  for (int i = 0; i < 100'000; ++i) {
    const std::string one = draw();
    const std::string other = draw();
    if (one != other) {
      ASSERT_FALSE(one.starts_with(other)) << other << " begins " << one;
    }
  }
}

TEST(Namespace, ReadableKeysStandAsTheyAre) {
  const std::string prefix = "nsA.1.0:";
  for (const std::string key : {"a", "user:17", "grün", "キー", "a~b", "!\"#$%&'()*+,-./", "\xff\x80"}) {
    EXPECT_TRUE(readable(prefix, key)) << key;
    EXPECT_EQ(server_key(prefix, key), prefix + key);
  }
  const std::string longest(kMaxServerKey - prefix.size(), 'k');
  EXPECT_EQ(server_key(prefix, longest), prefix + longest);
}

TEST(Namespace, UnsafeKeysAreHashed) {
  const std::string prefix = "nsA.1.0:";
  // printf 'a b' | openssl dgst -sha256 -binary | basenc --base64url
  EXPECT_EQ(server_key(prefix, "a b"), prefix + "~yGh6CKpdbtIEQyj6aml6uOltw0KR6MIDSujDjm_MbWU");
  for (const std::string& key :
       {std::string("~"), std::string("~a"), std::string(" "), std::string("a\0", 2), std::string("\x7f"),
        std::string("a\n"), std::string("\x1f"), std::string(kMaxServerKey - prefix.size() + 1, 'k')}) {
    EXPECT_FALSE(readable(prefix, key));
    EXPECT_EQ(server_key(prefix, key).size(), prefix.size() + 1 + kDigestLength);
  }
}

TEST(Namespace, ByteIsSafeExactlyIfTheTextProtocolTakesItInsideAToken) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string key = {'k', static_cast<char>(byte)};
    EXPECT_EQ(readable("nsA.1.0:", key), byte >= 0x21 && byte != 0x7f) << byte;
  }
}

TEST(Namespace, EveryServerKeyIsOneThatMemcachedTakes) {
  for (const std::string& key : hostile_keys()) {
    const std::string made = server_key("nsA.1.0:", key);
    EXPECT_LE(made.size(), kMaxServerKey);
    for (const char c : made) {
      const auto byte = static_cast<unsigned char>(c);
      ASSERT_TRUE(byte > 0x20 && byte != 0x7f) << made;
    }
  }
}

TEST(Namespace, NoTwoTenantsGenerationsOrKeysEverMeet) {
  const std::vector<std::string> prefixes = {
      make_prefix("nsA", 1, 0),  make_prefix("nsA", 1, 1), make_prefix("nsA", 1, 10),
      make_prefix("nsA", 11, 0), make_prefix("nsA", 2, 0), make_prefix("nsB", 1, 0),
      make_prefix("nsA1", 1, 0), make_prefix("n", 1, 0),   make_prefix("1", 1, 1),
      make_prefix("11", 1, 1),   make_prefix("1", 11, 1),  make_prefix("1", 1, 11)};
  std::vector<std::string> keys = hostile_keys();
  for (const std::string& prefix : prefixes) {
    keys.push_back(prefix);
    keys.push_back(prefix + "key");
    keys.push_back(prefix.substr(1));
    keys.push_back(server_key(prefix, "a b"));
  }
  const std::set<std::string> distinct(keys.begin(), keys.end());
  std::unordered_map<std::string, std::string> owners;
  for (const std::string& prefix : prefixes) {
    for (const std::string& key : distinct) {
      const auto [other, fresh] = owners.emplace(server_key(prefix, key), prefix);
      EXPECT_TRUE(fresh) << prefix << " and " << other->second << " share a server key";
      for (const std::string& foreign : prefixes) {
        if (foreign != prefix) {
          EXPECT_FALSE(other->first.starts_with(foreign)) << other->first;
        }
      }
    }
  }
  EXPECT_EQ(owners.size(), prefixes.size() * distinct.size());
}

TEST(Namespace, RandomKeysNeverMeet) {
  std::mt19937_64 random(7);
  std::unordered_map<std::string, std::string> seen;
  for (int i = 0; i < 20'000; ++i) {
    std::string key;
    for (size_t length = 1 + random() % 4; length > 0; --length) key += "~ab.:1\0 "[random() % 8];
    const auto [entry, fresh] = seen.emplace(server_key("a.1.1:", key), key);
    ASSERT_EQ(entry->second, key);
  }
}

}  // namespace
}  // namespace mctenant::tenant
