#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client/credentials.h"
#include "client/socket.h"

namespace mctenant::bench {

struct VerifyOptions {
  Address address;
  // The tenants; connections are dealt to them in turn. Empty: nobody signs in.
  std::vector<User> users;
  size_t connections = 200;
  double seconds = 60;
  uint64_t seed = 0;
  // Commands written before their replies are read: up to this many, at random.
  size_t depth = 32;
  // Key and value together: what is stored, and what is refused with one byte more.
  size_t item_size = size_t{1} << 20;
  // The server is a stock memcached (-I 2m): keys end at 250 bytes, TOUCH tells the flags, unknown opcodes
  // are not sent, and sizes over `item_size` are not tried.
  bool stock = false;
};

}  // namespace mctenant::bench
