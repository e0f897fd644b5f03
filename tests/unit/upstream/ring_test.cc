#include "upstream/ring.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <libmemcached/memcached.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mctenant::upstream {
namespace {

constexpr KeyHash kHashes[] = {KeyHash::md5, KeyHash::murmur3, KeyHash::fnv1a_64, KeyHash::jenkins,
                               KeyHash::one_at_a_time};

uint64_t behavior_of(KeyHash hash) {
  switch (hash) {
    case KeyHash::md5:
      return MEMCACHED_HASH_MD5;
    case KeyHash::murmur3:
      return MEMCACHED_HASH_MURMUR3;
    case KeyHash::fnv1a_64:
      return MEMCACHED_HASH_FNV1A_64;
    case KeyHash::jenkins:
      return MEMCACHED_HASH_JENKINS;
    case KeyHash::one_at_a_time:
      return MEMCACHED_HASH_DEFAULT;
  }
  return MEMCACHED_HASH_MAX;
}

ServerOptions tcp(std::string host, uint16_t port, uint32_t weight = 1) {
  return {.address = {.kind = net::Address::Kind::inet, .host = std::move(host), .port = port},
          .weight = weight};
}

ServerOptions unix_socket(std::string path, uint32_t weight = 1) {
  return {.address = {.kind = net::Address::Kind::unix_socket, .host = std::move(path)}, .weight = weight};
}

PoolOptions pool_of(std::vector<ServerOptions> servers, KeyHash hash = kDefaultKeyHash) {
  PoolOptions options;
  options.servers = std::move(servers);
  options.hash = hash;
  return options;
}

std::vector<ServerOptions> equal_servers(size_t count) {
  std::vector<ServerOptions> servers;
  for (size_t i = 0; i < count; ++i) servers.push_back(tcp(fmt::format("10.0.0.{}", i + 1), 11211));
  return servers;
}

std::vector<std::string> make_keys(size_t count) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(fmt::format("ns.7.0:user:{}:profile", i));
  return keys;
}

Ring build(const PoolOptions& options) {
  auto ring = Ring::build(options);
  if (!ring) throw std::runtime_error(ring.error().message);
  return std::move(*ring);
}

std::vector<size_t> shares(const PoolOptions& options, const std::vector<std::string>& keys) {
  const Ring ring = build(options);
  std::vector<size_t> shares(options.servers.size());
  for (const auto& key : keys) ++shares.at(ring.place(key));
  return shares;
}

std::string fault(const PoolOptions& options) {
  const auto ring = Ring::build(options);
  return ring ? "" : ring.error().message;
}

// A client's own handle, made the way that clients make theirs.
struct Freed {
  void operator()(memcached_st* client) const { memcached_free(client); }
};
using Client = std::unique_ptr<memcached_st, Freed>;

void set_behaviors(memcached_st* client, KeyHash hash) {
  ASSERT_EQ(memcached_behavior_set(client, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1), MEMCACHED_SUCCESS);
  ASSERT_EQ(memcached_behavior_set(client, MEMCACHED_BEHAVIOR_HASH, behavior_of(hash)), MEMCACHED_SUCCESS);
}

// Servers first, in one list, then the behaviours: the other order from the ring's. TCP only, since a server
// list gives unix sockets a port.
Client client_with_server_push(const PoolOptions& options) {
  Client client(memcached_create(nullptr));
  memcached_server_list_st list = nullptr;
  memcached_return_t done = MEMCACHED_SUCCESS;
  for (const auto& server : options.servers) {
    list = memcached_server_list_append_with_weight(list, server.address.host.c_str(), server.address.port,
                                                    server.weight, &done);
    EXPECT_EQ(done, MEMCACHED_SUCCESS);
  }
  EXPECT_EQ(memcached_server_push(client.get(), list), MEMCACHED_SUCCESS);
  memcached_server_list_free(list);
  set_behaviors(client.get(), options.hash);
  return client;
}

// Unix sockets have no weight in this form.
Client client_with_configuration_string(const PoolOptions& options) {
  std::string text;
  for (const auto& server : options.servers) {
    const net::Address& address = server.address;
    text += address.kind == net::Address::Kind::unix_socket
                ? fmt::format("--SOCKET=\"{}\" ", address.host)
                : fmt::format("--SERVER={}:{}/?{} ", address.host, address.port, server.weight);
  }
  text.pop_back();
  Client client(memcached(text.data(), text.size()));
  if (client == nullptr) throw std::runtime_error("libmemcached does not take " + text);
  set_behaviors(client.get(), options.hash);
  return client;
}

Client client_with_single_additions(const PoolOptions& options) {
  Client client(memcached_create(nullptr));
  for (const auto& server : options.servers) {
    const char* host = server.address.host.c_str();
    const auto done =
        server.address.kind == net::Address::Kind::unix_socket
            ? memcached_server_add_unix_socket_with_weight(client.get(), host, server.weight)
            : memcached_server_add_with_weight(client.get(), host, server.address.port, server.weight);
    EXPECT_EQ(done, MEMCACHED_SUCCESS);
  }
  set_behaviors(client.get(), options.hash);
  return client;
}

// 10,000 keys: the client's index, and the host and port it would talk to, are the ring's.
void expect_same_places(const PoolOptions& options, memcached_st* client) {
  const Ring ring = build(options);
  ASSERT_EQ(memcached_server_count(client), options.servers.size());
  for (const auto& key : make_keys(10'000)) {
    const size_t place = ring.place(key);
    ASSERT_EQ(place, memcached_generate_hash(client, key.data(), key.size())) << key;
    memcached_return_t done = MEMCACHED_SUCCESS;
    const auto* server = memcached_server_by_key(client, key.data(), key.size(), &done);
    ASSERT_NE(server, nullptr) << key;
    const net::Address& address = options.servers.at(place).address;
    ASSERT_EQ(memcached_server_name(server), address.host) << key;
    ASSERT_EQ(memcached_server_port(server), address.port) << key;
  }
}

// In no sorted order, so that a place counted in any other order than the options' shows.
const std::vector<ServerOptions> kEqualTcp = {tcp("10.0.0.9", 11311), tcp("10.0.0.1", 11211),
                                              tcp("cache-1.invalid", 11211), tcp("10.0.0.5", 11211)};
const std::vector<ServerOptions> kWeightedTcp = {tcp("10.0.0.9", 11311, 3), tcp("10.0.0.1", 11211, 1),
                                                 tcp("cache-1.invalid", 11211, 7), tcp("10.0.0.5", 11212, 2)};
const std::vector<ServerOptions> kMixed = {unix_socket("/run/mc-2.sock", 2), tcp("10.0.0.1", 11311, 1),
                                           unix_socket("/run/mc-1.sock", 5)};

TEST(Ring, PlacesAsAClientWithEqualTcpServers) {
  for (const KeyHash hash : kHashes) {
    const PoolOptions options = pool_of(kEqualTcp, hash);
    expect_same_places(options, client_with_server_push(options).get());
    expect_same_places(options, client_with_configuration_string(options).get());
  }
}

TEST(Ring, PlacesAsAClientWithWeightedTcpServers) {
  for (const KeyHash hash : kHashes) {
    const PoolOptions options = pool_of(kWeightedTcp, hash);
    expect_same_places(options, client_with_server_push(options).get());
    expect_same_places(options, client_with_configuration_string(options).get());
  }
}

TEST(Ring, PlacesAsAClientWithEqualUnixSockets) {
  for (const KeyHash hash : kHashes) {
    const PoolOptions options = pool_of({unix_socket("/run/b.sock"), unix_socket("/run/a.sock")}, hash);
    expect_same_places(options, client_with_configuration_string(options).get());
  }
}

TEST(Ring, PlacesAsAClientWithWeightedUnixSocketsAmongTcpServers) {
  for (const KeyHash hash : kHashes) {
    const PoolOptions options = pool_of(kMixed, hash);
    expect_same_places(options, client_with_single_additions(options).get());
  }
}

TEST(Ring, HashesDiffer) {
  const auto keys = make_keys(1'000);
  for (size_t a = 0; a < std::size(kHashes); ++a) {
    for (size_t b = 0; b < a; ++b) {
      const Ring one = build(pool_of(equal_servers(8), kHashes[a]));
      const Ring other = build(pool_of(equal_servers(8), kHashes[b]));
      const auto moved = std::count_if(keys.begin(), keys.end(),
                                       [&](const auto& key) { return one.place(key) != other.place(key); });
      EXPECT_GT(moved, 800) << a << " and " << b;
    }
  }
}

TEST(Ring, OrderOfServersPlaysNoPart) {
  std::vector<ServerOptions> turned = kWeightedTcp;
  std::reverse(turned.begin(), turned.end());
  const Ring one = build(pool_of(kWeightedTcp));
  const Ring other = build(pool_of(turned));
  for (const auto& key : make_keys(10'000)) {
    ASSERT_EQ(kWeightedTcp[one.place(key)].address, turned[other.place(key)].address);
  }
}

TEST(Ring, PlaceDoesNotDependOnWhereTheKeyLiesInMemory) {
  for (const KeyHash hash : kHashes) {
    const Ring ring = build(pool_of(equal_servers(8), hash));
    for (const auto& key : make_keys(1'000)) {
      for (size_t offset = 1; offset < 8; ++offset) {
        alignas(8) char memory[128];
        std::copy(key.begin(), key.end(), memory + offset);
        ASSERT_EQ(ring.place({memory + offset, key.size()}), ring.place(key)) << "offset " << offset;
      }
    }
  }
}

TEST(Ring, TakesAnyBytes) {
  const Ring ring = build(pool_of(equal_servers(8)));
  for (const std::string& key :
       {std::string(), std::string(1, '\0'), std::string(250, '\xff'), std::string("a b\r\n")}) {
    EXPECT_LT(ring.place(key), 8U);
  }
}

TEST(Ring, OneServerHasAllKeys) {
  for (const ServerOptions& server : {tcp("10.0.0.1", 11211, 9), unix_socket("/run/mc.sock")}) {
    EXPECT_EQ(shares(pool_of({server}), make_keys(100)), std::vector<size_t>{100});
  }
}

TEST(Ring, EqualServersGetSimilarShares) {
  const auto keys = make_keys(100'000);
  for (const KeyHash hash : kHashes) {
    for (const size_t share : shares(pool_of(equal_servers(8), hash), keys)) {
      EXPECT_NEAR(static_cast<double>(share), 12'500, 12'500 * 0.25);
    }
  }
}

TEST(Ring, SharesFollowWeights) {
  const auto keys = make_keys(100'000);
  for (const KeyHash hash : kHashes) {
    const auto got = shares(pool_of(kWeightedTcp, hash), keys);
    const double total = 13;
    for (size_t i = 0; i < got.size(); ++i) {
      const double fair = kWeightedTcp[i].weight / total * static_cast<double>(keys.size());
      EXPECT_NEAR(static_cast<double>(got[i]), fair, fair * 0.3) << "server " << i;
    }
  }
}

TEST(Ring, RemovingAServerMovesItsKeysAlone) {
  const auto keys = make_keys(10'000);
  const std::vector<ServerOptions> all = equal_servers(8);
  const Ring before = build(pool_of(all));
  for (size_t removed = 0; removed < all.size(); ++removed) {
    std::vector<ServerOptions> left = all;
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(removed));
    const Ring after = build(pool_of(left));
    for (const auto& key : keys) {
      const size_t place = before.place(key);
      if (place != removed) {
        ASSERT_EQ(all[place].address, left[after.place(key)].address);
      }
    }
  }
}

TEST(Ring, ThreadsShareOne) {
  const Ring ring = build(pool_of(kMixed));
  const auto keys = make_keys(10'000);
  std::vector<size_t> expected;
  for (const auto& key : keys) expected.push_back(ring.place(key));
  std::vector<size_t> wrong(4);
  std::vector<std::thread> threads;
  for (size_t& mine : wrong) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        for (size_t i = 0; i < keys.size(); ++i) mine += ring.place(keys[i]) != expected[i] ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<size_t>(4, 0));
}

TEST(Ring, RefusesWhatCantServe) {
  EXPECT_EQ(fault(pool_of({})), "pool default has no servers: list at least one");
  EXPECT_NE(fault(pool_of({tcp("10.0.0.1", 0)})).find("needs a port"), std::string::npos);
  EXPECT_NE(fault(pool_of({tcp("10.0.0.1", 1, 0)})).find("weight 0"), std::string::npos);
  EXPECT_NE(fault(pool_of({tcp("10.0.0.1", 1, 1001)})).find("weight 1001"), std::string::npos);
  EXPECT_NE(
      fault(pool_of({tcp("10.0.0.1", 1), tcp("10.0.0.2", 1), tcp("10.0.0.1", 1)})).find("10.0.0.1:1 twice"),
      std::string::npos);
}

TEST(Ring, RefusesAWeightTooSmallForAPlace) {
  EXPECT_NE(fault(pool_of({tcp("10.0.0.1", 1, 1), tcp("10.0.0.2", 1, 1000)})).find("would get no keys"),
            std::string::npos);
  // Two servers' ring has 80 places, so one of 80 is too little, and two have at least one.
  EXPECT_NE(fault(pool_of({tcp("10.0.0.1", 1, 1), tcp("10.0.0.2", 1, 79)})), "");
  const PoolOptions smallest = pool_of({tcp("10.0.0.1", 1, 1), tcp("10.0.0.2", 1, 78)});
  EXPECT_GT(shares(smallest, make_keys(10'000))[0], 0U);
}

TEST(Ring, HoldsAsManyServersAsItSays) {
  std::vector<ServerOptions> servers;
  for (size_t i = 0; i < Ring::kMaxServers; ++i)
    servers.push_back(tcp("10.0.0.1", static_cast<uint16_t>(i + 1)));
  const auto got = shares(pool_of(servers), make_keys(100'000));
  EXPECT_GT(*std::min_element(got.begin(), got.end()), 0U);
  servers.push_back(tcp("10.0.0.1", 9999));
  EXPECT_NE(fault(pool_of(servers)).find("101 servers"), std::string::npos);
}

}  // namespace
}  // namespace mctenant::upstream
