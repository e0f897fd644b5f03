#include "support/text_client.h"

#include <stdexcept>

namespace mctenant::support {

TextClient::TextClient(const std::string& address, std::string_view username, std::string_view password)
    : connection_(address) {
  const std::string answer = offer("any", std::string(username) + " " + std::string(password));
  if (answer != "STORED\r\n") throw std::runtime_error("no sign-in: " + answer);
}

std::string TextClient::talk(std::string_view bytes, Milliseconds limit) {
  connection_.send(std::string(bytes) + "mn\r\n");
  constexpr std::string_view kEnd = "MN\r\n";
  while (!connection_.unread().ends_with(kEnd) && connection_.read_some(limit)) {
  }
  std::string all(connection_.unread());
  connection_.take(all.size());
  if (all.ends_with(kEnd)) all.resize(all.size() - kEnd.size());
  return all;
}

std::string TextClient::offer(std::string_view key, std::string_view proof) {
  connection_.send("set " + std::string(key) + " 0 0 " + std::to_string(proof.size()) + "\r\n" +
                   std::string(proof) + "\r\n");
  return connection_.read_until("\r\n");
}

}  // namespace mctenant::support
