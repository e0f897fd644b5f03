#include "quota/load/plan.h"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "quota/load/mixed_requests.h"

namespace mctenant::bench {
namespace {

using Json = nlohmann::json;
using Kind = TimeToLive::Kind;

TimeToLive time_to_live(const Json& json) {
  static const std::map<std::string, Kind> kKinds = {{"seconds", Kind::kSeconds},
                                                     {"absolute", Kind::kAbsolute},
                                                     {"past", Kind::kPast},
                                                     {"negative", Kind::kNegative}};
  return {kKinds.at(json.at("kind")), json.at("seconds")};
}

MixedTenant tenant(const Json& json) {
  MixedTenant made;
  made.user = {json.at("username"), json.at("password")};
  made.key_size = json.at("key_size");
  made.value_size = json.at("value_size");
  made.keys = json.at("keys");
  made.zipf = json.at("zipf");
  made.flush_seconds = json.at("flush_seconds");
  for (const auto& [name, weight] : json.at("operations").items()) {
    if (find_command(name) == nullptr) throw std::out_of_range("no such operation: " + name);
    made.operations.emplace_back(name, weight.get<double>());
  }
  for (const Json& each : json.at("times_to_live"))
    made.times_to_live.emplace_back(time_to_live(each), each.at("weight").get<double>());
  if (made.operations.empty() || made.times_to_live.empty() || made.keys == 0)
    throw std::out_of_range("a tenant without operations, times to live or keys");
  return made;
}

}  // namespace

base::Expected<std::vector<MixedTenant>> read_plan(const std::string& path) {
  std::vector<MixedTenant> tenants;
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
