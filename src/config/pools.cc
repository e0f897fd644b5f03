#include <set>

#include "config/sections.h"

namespace mctenant::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using upstream::KeyHash;
using upstream::PoolOptions;
using upstream::ServerOptions;

constexpr uint64_t kMaxWeight = 1000;

struct HashName {
  std::string_view name;
  KeyHash hash;
};
constexpr HashName kHashes[] = {{"md5", KeyHash::md5},
                                {"murmur3", KeyHash::murmur3},
                                {"fnv1a_64", KeyHash::fnv1a_64},
                                {"jenkins", KeyHash::jenkins},
                                {"one_at_a_time", KeyHash::one_at_a_time}};

void parse_hash(const Value& value, KeyHash& hash) {
  const auto text = value.text("the name of a hash");
  if (!text) return;
  std::vector<std::string_view> names;
  for (const HashName& known : kHashes) {
    if (known.name == *text) {
      hash = known.hash;
      return;
    }
    names.push_back(known.name);
  }
  value.fault(in_quotes(*text) + " is no hash that places keys." + suggest(*text, names));
}

// "127.0.0.1:11311", "/run/mc.sock" or {"address": …, "weight": 2}
std::optional<ServerOptions> parse_server(const Value& value) {
  ServerOptions server;
  std::optional<net::Address> address;
  if (value.node().kind == Node::Kind::object) {
    Object object(value);
    if (const auto place = object.need("address", "\"127.0.0.1:11311\"")) address = parse_address(*place);
    if (const auto weight = object.find("weight")) {
      server.weight = static_cast<uint32_t>(weight->number(1, kMaxWeight).value_or(1));
    }
    object.finish();
  } else {
    address = parse_address(value);
  }
  if (!address) return std::nullopt;
  if (address->kind == net::Address::Kind::inet && address->port == 0) {
    value.fault(in_quotes(address->text()) + " has no port to connect to; memcached's own is 11211");
    return std::nullopt;
  }
  server.address = *std::move(address);
  return server;
}

void parse_servers(const Value& value, std::vector<ServerOptions>& servers) {
  const auto items = value.list("servers");
  if (!items) return;
  if (items->empty()) value.fault("is empty; write at least one server, such as \"127.0.0.1:11311\"");
  std::set<std::string> seen;
  for (const Value& item : *items) {
    auto server = parse_server(item);
    if (!server) continue;
    if (!seen.insert(server->address.text()).second) {
      item.fault(in_quotes(server->address.text()) +
                 " stands twice in the pool; for more keys give it a \"weight\"");
    }
    servers.push_back(*std::move(server));
  }
}

void parse_times(Object& object, PoolOptions& pool) {
  const auto read = [&object](std::string_view key, base::Duration max, base::Duration& field) {
    auto value = object.find(key);
    if (value) field = value->duration(milliseconds(1), max).value_or(field);
    return value;
  };
  (void)read("timeout", minutes(10), pool.timeout);
  (void)read("connect_timeout", minutes(10), pool.connect_timeout);
  const auto min = read("retry_min", hours(1), pool.retry_min);
  const auto max = read("retry_max", hours(1), pool.retry_max);
  if (pool.retry_min > pool.retry_max) {
    (max ? max : min)
        ->fault("\"retry_min\" is " + base::format_duration(pool.retry_min) +
                ", which is longer than \"retry_max\", " + base::format_duration(pool.retry_max));
  }
}

}  // namespace

void parse_pools(const Value& value, std::vector<PoolOptions>& pools) {
  const Object object(value);
  if (object.valid() && value.node().items.empty()) {
    value.fault("is empty; write at least one pool: {\"default\": {\"servers\": [\"127.0.0.1:11311\"]}}");
  }
  for (const auto& [name, place] : object.members()) {
    PoolOptions& pool = pools.emplace_back();
    pool.name = name;
    (void)check_name(place, "pool", name);
    Object members(place);
    if (const auto servers = members.need("servers", "[\"127.0.0.1:11311\"]"))
      parse_servers(*servers, pool.servers);
    if (const auto hash = members.find("hash")) parse_hash(*hash, pool.hash);
    parse_times(members, pool);
    members.finish();
  }
}

}  // namespace mctenant::config
