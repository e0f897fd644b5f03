#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mctenant::bench {

struct User {
  std::string name;
  std::string password;
};

// The one user of MEMCACHE_USERNAME and MEMCACHE_PASSWORD; none if the name is not set. Passwords never come
// by argv, where every user of the machine could read them.
std::vector<User> user_from_environment();

// Users from lines or words `name:password`. The name ends at the first colon.
base::Expected<std::vector<User>> parse_users(std::string_view text);
base::Expected<std::vector<User>> users_from_file(const std::string& path);

// The initial response of SASL PLAIN: NUL name NUL password.
std::string plain_response(const User& user);

}  // namespace mctenant::bench
