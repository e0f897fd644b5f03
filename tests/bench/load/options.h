#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "client/credentials.h"
#include "client/socket.h"
#include "load/mix_plan.h"

namespace mctenant::bench {

struct LoadOptions {
  std::string server = "127.0.0.1:11211";
  Address address;
  Protocol protocol = Protocol::kBinary;
  // Connections are dealt to the users in turn; each user has all keys of its own. Empty: nobody signs in.
  std::vector<User> users;
  // Tenants of a mixed load, which have users, keys, sizes and operations of their own; empty: all alike.
  std::vector<MixTenant> tenants;

  size_t connections = 50;
  size_t threads = 1;
  // Requests of a connection under way at once.
  size_t depth = 1;
  // false: `depth` requests are written together, and the next ones when all are answered (as a multi-get
  // does). true: a new request follows every reply.
  bool window = false;
  // The gets among `depth` requests that are written together are one multi-get.
  bool multi_get = false;

  uint64_t keys = 100000;
  size_t key_size = 20;
  size_t value_size = 100;
  uint64_t gets_per_set = 9;
  bool gets_only = false;
  double zipf = 0;

  double seconds = 5;
  double warmup = 1;
  // Operations a second of all connections together, at fixed times whatever the server does; 0: as fast as
  // it answers.
  double rate = 0;
  bool preload = false;
  bool run = true;
  uint64_t seed = 1;

  // Processes whose CPU (and system calls) over the measured window are told.
  std::vector<pid_t> watch;
  bool count_system_calls = false;
  bool json = false;
};

}  // namespace mctenant::bench
