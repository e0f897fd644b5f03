#include "load/mix_plan.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace mctenant::bench {
namespace {

using Json = nlohmann::json;

// Room for what names the tenant and the kind of key, and for seven digits.
constexpr size_t kShortestKey = 10;
constexpr uint64_t kMostKeys = 10'000'000;

Command command_of(const std::string& name) {
  static const std::map<std::string, Command> kCommands = {
      {"get", Command::kGet},         {"gets", Command::kGets},      {"set", Command::kSet},
      {"add", Command::kAdd},         {"cas", Command::kCas},        {"append", Command::kAppend},
      {"prepend", Command::kPrepend}, {"incr", Command::kIncrement}, {"delete", Command::kDelete}};
  const auto found = kCommands.find(name);
  if (found == kCommands.end()) throw std::out_of_range("no such operation: " + name);
  return found->second;
}

MixTenant tenant(const Json& json) {
  MixTenant made;
  made.user = {json.at("username"), json.at("password")};
  made.connections = json.at("connections");
  made.key_size = json.at("key_size");
  made.value_size = json.at("value_size");
  made.keys = json.at("keys");
  made.zipf = json.at("zipf");
  for (const auto& [name, weight] : json.at("operations").items())
    made.operations.emplace_back(command_of(name), weight.get<double>());
  for (const auto& [seconds, weight] : json.at("times_to_live").items())
    made.times_to_live.emplace_back(static_cast<uint32_t>(std::stoul(seconds)), weight.get<double>());
  if (made.operations.empty() || made.times_to_live.empty() || made.connections == 0)
    throw std::out_of_range("a tenant without operations, times to live or connections");
  if (made.keys == 0 || made.keys > kMostKeys || made.key_size < kShortestKey || made.value_size == 0)
    throw std::out_of_range("keys are 1 to 10 million, of 10 bytes or more, and values are not empty");
  return made;
}

}  // namespace

base::Expected<std::vector<MixTenant>> read_mix_plan(const std::string& path) {
  std::vector<MixTenant> tenants;
  try {
    std::ifstream file(path);
    for (const Json& each : Json::parse(file)) tenants.push_back(tenant(each));
  } catch (const std::exception& error) {
    return base::fail(path + ": " + error.what());
  }
  if (tenants.empty()) return base::fail(path + ": no tenants");
  return tenants;
}

}  // namespace mctenant::bench
