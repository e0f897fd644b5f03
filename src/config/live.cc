#include "config/live.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "config/limits.h"

namespace mctenant::config {
namespace {

class Comparison {
 public:
  void refuse(std::string pointer, const std::string& why = "") {
    faults_.push_back(
        {std::move(pointer), "can't change while mctenant runs" + why + "; restart mctenant to change it"});
  }
  template <class T>
  void same(std::string_view key, const T& started, const T& wanted) {
    if (!(started == wanted)) refuse("/" + std::string(key));
  }

  // What the kernel knows of them; the rest is for the connections to come.
  void listeners(const std::vector<Listener>& started, const std::vector<Listener>& wanted) {
    const auto same_place = [](const Listener& a, const Listener& b) {
      return a.address == b.address && a.mode == b.mode;
    };
    if (!std::equal(started.begin(), started.end(), wanted.begin(), wanted.end(), same_place)) {
      refuse("/listeners", ": their number, addresses and modes");
    }
  }

  void pools(const std::vector<upstream::PoolOptions>& started,
             const std::vector<upstream::PoolOptions>& wanted) {
    // Their order in the file has no meaning, and the size of items is of the limits.
    std::map<std::string_view, upstream::PoolOptions> left;
    for (const upstream::PoolOptions& pool : started)
      left.emplace(pool.name, pool).first->second.item_size = 0;
    for (upstream::PoolOptions pool : wanted) {
      pool.item_size = 0;
      const auto before = left.find(pool.name);
      if (before == left.end() || !(before->second == pool)) refuse("/pools/" + pool.name);
      if (before != left.end()) left.erase(before);
    }
    for (const auto& [name, pool] : left) refuse("/pools/" + std::string(name));
  }

  void limits(const session::Limits& started, const session::Limits& wanted) {
    for (const LimitRow& row : limit_table()) {
      const auto changed = [&](auto field) { return started.*field != wanted.*field; };
      if (!row.live && std::visit(changed, row.field)) refuse("/limits/" + std::string(row.key));
    }
  }

  void tenants(const tenant::Directory& running, const std::vector<TenantConfig>& wanted) {
    std::map<std::string_view, const TenantConfig*> by_name;
    for (const TenantConfig& tenant : wanted) by_name.emplace(tenant.name, &tenant);
    for (const tenant::Entry& entry : running.entries()) {
      const auto found = by_name.find(entry.tenant->name());
      if (found != by_name.end() && found->second->plan.pool != entry.plan.pool) {
        refuse("/tenants/" + entry.tenant->name() + "/pool",
               ": the tenant's items are in the pool \"" + entry.plan.pool + "\"");
      }
    }
  }

  [[nodiscard]] std::vector<Finding> take() { return std::move(faults_); }

 private:
  std::vector<Finding> faults_;
};

}  // namespace

std::vector<Finding> check_live(const Config& started, const tenant::Directory& running,
                                const Config& wanted) {
  Comparison comparison;
  comparison.listeners(started.listeners, wanted.listeners);
  comparison.same("admin", started.admin, wanted.admin);
  comparison.same("workers", started.workers, wanted.workers);
  comparison.same("state", started.state, wanted.state);
  comparison.same("namespace", started.key_namespace, wanted.key_namespace);
  comparison.pools(started.pools, wanted.pools);
  comparison.tenants(running, wanted.tenants);
  comparison.limits(started.limits, wanted.limits);
  return comparison.take();
}

}  // namespace mctenant::config
