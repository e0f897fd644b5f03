#include "upstream/ring.h"

#include <fmt/format.h>
#include <libmemcached/memcached.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace mctenant::upstream {
namespace {

static_assert(Ring::kMaxServers == MEMCACHED_CONTINUUM_SIZE / MEMCACHED_POINTS_PER_SERVER);

constexpr uint32_t kMaxWeight = 1000;

memcached_hash_t libmemcached_hash(KeyHash hash) {
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

// What is wrong with the servers, or an empty text.
std::string fault_in(const PoolOptions& options) {
  const auto& servers = options.servers;
  if (servers.empty()) return fmt::format("pool {} has no servers: list at least one", options.name);
  if (servers.size() > Ring::kMaxServers) {
    return fmt::format("pool {} has {} servers, and a ring holds no more than {}: use several pools",
                       options.name, servers.size(), Ring::kMaxServers);
  }
  uint64_t total = 0;
  for (auto server = servers.begin(); server != servers.end(); ++server) {
    total += server->weight;
    if (server->weight < 1 || server->weight > kMaxWeight) {
      return fmt::format("pool {}: server {} has the weight {}; give it 1 to {}", options.name,
                         server->address.text(), server->weight, kMaxWeight);
    }
    if (server->address.kind == net::Address::Kind::inet && server->address.port == 0) {
      return fmt::format("pool {}: server {} needs a port", options.name, server->address.text());
    }
    const auto same = [&](const ServerOptions& other) { return other.address == server->address; };
    if (std::find_if(servers.begin(), server, same) != server) {
      return fmt::format("pool {} lists server {} twice: give it more weight instead", options.name,
                         server->address.text());
    }
  }
  // A server gets floor(weight / total * servers * 160 / 4) groups of four points, reckoned in floats.
  constexpr uint64_t kGroups = MEMCACHED_POINTS_PER_SERVER_KETAMA / 4;
  for (const auto& server : servers) {
    if (server.weight * kGroups * servers.size() > total) continue;
    return fmt::format(
        "pool {}: server {} with the weight {} of {} together would get no keys: give it more, or the others "
        "less",
        options.name, server.address.text(), server.weight, total);
  }
  return {};
}

memcached_return_t add(memcached_st* handle, const ServerOptions& server) {
  const net::Address& address = server.address;
  if (address.kind == net::Address::Kind::unix_socket) {
    return memcached_server_add_unix_socket_with_weight(handle, address.host.c_str(), server.weight);
  }
  return memcached_server_add_with_weight(handle, address.host.c_str(), address.port, server.weight);
}

}  // namespace

void Ring::Free::operator()(memcached_st* handle) const { memcached_free(handle); }

base::Expected<Ring> Ring::build(const PoolOptions& options) {
  if (std::string fault = fault_in(options); !fault.empty()) return base::fail(std::move(fault));
  if (options.servers.size() == 1) return Ring(nullptr);

  Handle handle(memcached_create(nullptr));
  if (handle == nullptr) return base::fail("no memory for the ring of pool " + options.name);
  // KETAMA_WEIGHTED chooses MD5 for the keys too, so the hash comes after it.
  memcached_return_t done = memcached_behavior_set(handle.get(), MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
  if (done == MEMCACHED_SUCCESS) {
    done = memcached_behavior_set(handle.get(), MEMCACHED_BEHAVIOR_HASH, libmemcached_hash(options.hash));
  }
  if (done != MEMCACHED_SUCCESS) {
    return base::fail(fmt::format("pool {}: this libmemcached can't make the ring ({}): choose another hash",
                                  options.name, memcached_strerror(handle.get(), done)));
  }
  for (const auto& server : options.servers) {
    done = add(handle.get(), server);
    if (done == MEMCACHED_SUCCESS) continue;
    return base::fail(fmt::format("pool {}: libmemcached refuses server {}: {}", options.name,
                                  server.address.text(), memcached_strerror(handle.get(), done)));
  }
  return Ring(std::move(handle));
}

size_t Ring::place(std::string_view server_key) const {
  if (handle_ == nullptr) return 0;
  return memcached_generate_hash(handle_.get(), server_key.data(), server_key.size());
}

}  // namespace mctenant::upstream
