#include <algorithm>
#include <limits>

#include "config/sections.h"

namespace mctenant::config {
namespace {

constexpr uint64_t kMinMemory = 64 * base::kKiB;
constexpr uint64_t kMaxMemory = 64 * 1024 * base::kGiB;
constexpr uint64_t kMaxConnections = 1'000'000;

}  // namespace

void parse_plan_keys(Object& object, const std::vector<std::string_view>& pools, tenant::Plan& plan) {
  if (const auto memory = object.find("memory")) {
    plan.memory = memory->size(kMinMemory, kMaxMemory).value_or(plan.memory);
  }
  if (const auto connections = object.find("max_connections")) {
    plan.max_connections =
        static_cast<uint32_t>(connections->number(0, kMaxConnections).value_or(plan.max_connections));
  }
  object.not_built("rate", "requests would not be limited");
  if (const auto pool = object.find("pool")) {
    const auto name = pool->text("the name of a pool");
    const bool known = name && std::find(pools.begin(), pools.end(), *name) != pools.end();
    if (name) plan.pool = *name;
    // Without any pool that is the fault to be told, not every reference to one.
    if (name && !known && !pools.empty()) {
      pool->fault(in_quotes(*name) + " is not among the \"pools\"." + suggest(*name, pools));
      plan.pool = pools.front();
    }
  }
}

PlanMap parse_plans(const Value& value, const std::vector<std::string_view>& pools) {
  PlanMap plans;
  const Object object(value);
  for (const auto& [name, place] : object.members()) {
    (void)check_name(place, "plan", name);
    Object members(place);
    parse_plan_keys(members, pools, plans[name]);
    members.finish();
  }
  return plans;
}

}  // namespace mctenant::config
