#include "client/credentials.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace mctenant::bench {

std::vector<User> user_from_environment() {
  const char* name = std::getenv("MEMCACHE_USERNAME");
  const char* password = std::getenv("MEMCACHE_PASSWORD");
  if (name == nullptr || *name == '\0') return {};
  return {User{name, password == nullptr ? "" : password}};
}

base::Expected<std::vector<User>> parse_users(std::string_view text) {
  std::vector<User> users;
  std::istringstream words{std::string(text)};
  std::string word;
  while (words >> word) {
    const size_t colon = word.find(':');
    if (colon == std::string::npos || colon == 0) {
      return base::fail("user " + std::to_string(users.size() + 1) + " is not of the form name:password");
    }
    users.push_back({word.substr(0, colon), word.substr(colon + 1)});
  }
  return users;
}

base::Expected<std::vector<User>> users_from_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return base::fail("cannot read the users' file " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return parse_users(text.str());
}

std::string plain_response(const User& user) {
  std::string response;
  response.push_back('\0');
  response.append(user.name).push_back('\0');
  return response.append(user.password);
}

}  // namespace mctenant::bench
