#include "integration/world.h"

#include <memory>
#include <utility>

namespace mctenant::integration {
namespace {

MemcachedProcess::Options on_unix_socket(MemcachedProcess::Options options) {
  options.unix_socket = true;
  return options;
}

MctenantOptions before(MctenantOptions options, const MemcachedProcess& first,
                       const MemcachedProcess& second) {
  options.servers = {first.address(), second.address()};
  return options;
}

std::unique_ptr<World> shared_world;

// Ends the shared world where a failure still counts.
class Ending : public testing::Environment {
 public:
  void TearDown() override { shared_world.reset(); }
};
const auto* const kEnding = testing::AddGlobalTestEnvironment(new Ending);

}  // namespace

World::World(MctenantOptions options, const MemcachedProcess::Options& servers)
    : first(servers), second(on_unix_socket(servers)), mctenant(before(std::move(options), first, second)) {}

World::~World() {
  Process& process = mctenant.process();
  if (process.running()) {
    EXPECT_EQ(process.stop(20s), 0) << process.output();
  }
  EXPECT_EQ(process.output().find("Sanitizer"), std::string::npos) << process.output();
}

std::vector<std::string> World::client_keys(const MemcachedProcess& server, const std::string& begin) {
  std::vector<std::string> found;
  for (const std::string& key : server.keys()) {
    const size_t prefix_end = key.find(':');
    if (prefix_end == std::string::npos) continue;
    if (std::string client_key = key.substr(prefix_end + 1); client_key.starts_with(begin)) {
      found.push_back(std::move(client_key));
    }
  }
  return found;
}

SharedWorld::SharedWorld() : alice_(sign_in("alice")) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  begin_ = std::string(test->name()) + "/";
}

World& SharedWorld::world() {
  if (!shared_world) shared_world = std::make_unique<World>();
  return *shared_world;
}

}  // namespace mctenant::integration
