#pragma once

#include <string>
#include <string_view>

#include "support/connection.h"

namespace mctenant::support {

// A client of the text and meta protocols that hides nothing.
class TextClient {
 public:
  explicit TextClient(const std::string& address) : connection_(address) {}
  // Connects and signs in, as memcached's own text sign-in has it. Throws std::runtime_error if refused.
  TextClient(const std::string& address, std::string_view username, std::string_view password);

  [[nodiscard]] Connection& connection() { return connection_; }
  // Sends, and returns all that comes until an `mn` behind it is answered (or the peer closes), without that.
  std::string talk(std::string_view bytes, Milliseconds limit = 5s);
  // Sends a sign-in, and returns its answer.
  std::string offer(std::string_view key, std::string_view proof);

 private:
  Connection connection_;
};

}  // namespace mctenant::support
