#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/sanitizers.h"
#include "support/binary_client.h"
#include "support/mctenant_process.h"
#include "support/memcached_process.h"

namespace mctenant::integration {

using namespace support;  // NOLINT: the tests' own vocabulary

// Sanitizers keep freed memory for a while and shadow the rest: bounds on memory are wider then.
inline constexpr uint64_t kMemoryFactor = base::kSanitized ? 12 : 1;

// Two real memcached, one on TCP and one on a unix socket, and mctenant before them.
struct World {
  explicit World(MctenantOptions options = {}, const MemcachedProcess::Options& servers = {});
  // Ends mctenant by SIGTERM, if it still runs; fails the test if it then ends badly or a sanitizer had to
  // say something.
  ~World();
  MemcachedProcess first;
  MemcachedProcess second;
  MctenantProcess mctenant;

  // Client keys beginning with `begin` that are stored on this server, by what the server shows.
  [[nodiscard]] static std::vector<std::string> client_keys(const MemcachedProcess& server,
                                                            const std::string& begin);
};

// The world that tests share which neither break it nor configure it. Each test has keys of its own.
class SharedWorld : public testing::Test {
 protected:
  SharedWorld();
  static World& world();
  static BinaryClient sign_in(const std::string& tenant) { return world().mctenant.sign_in(tenant); }
  static BinaryClient connect() { return world().mctenant.connect(); }
  // A key that no other test uses.
  [[nodiscard]] std::string key(const std::string& name) const { return begin_ + name; }

  BinaryClient alice_;

 private:
  std::string begin_;
};

}  // namespace mctenant::integration
