#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/binary_packet.h"
#include "support/connection.h"

namespace mctenant::support {

// A client of the binary protocol that hides nothing: it sends any bytes and shows every packet. What it
// can't do it throws as std::runtime_error, which fails the test.
class BinaryClient {
 public:
  explicit BinaryClient(const std::string& address) : connection_(address) {}
  explicit BinaryClient(Connection connection) : connection_(std::move(connection)) {}
  // Connects and signs in.
  BinaryClient(const std::string& address, std::string_view username, std::string_view password);

  [[nodiscard]] Connection& connection() { return connection_; }
  bool send(const Packet& packet) { return connection_.send(packet.bytes()); }
  bool send(const std::vector<Packet>& packets) { return connection_.send(join(packets)); }

  // The next packet; nothing if the peer closed or it didn't come within `limit`.
  std::optional<Packet> try_read(Milliseconds limit = 5s);
  Packet read(Milliseconds limit = 5s);
  std::vector<Packet> read(size_t count, Milliseconds limit = 5s);
  // Everything up to the reply of the NOOP that carries this opaque, without that reply.
  std::vector<Packet> read_to_noop(uint32_t opaque, Milliseconds limit = 5s);
  // All packets until the peer closes or resets, or nothing comes for `limit`.
  std::vector<Packet> read_to_end(Milliseconds limit = 5s);

  // Sends with an opaque of its own and reads the one reply, which must carry the same opcode and opaque.
  Packet call(Packet packet, Milliseconds limit = 5s);
  // Sends all and a NOOP behind them; the replies before the NOOP's.
  std::vector<Packet> call_all(const std::vector<Packet>& packets, Milliseconds limit = 5s);

  // Shorthands that throw unless they succeed.
  uint64_t store(const std::string& key, const std::string& value, uint32_t flags = 0);
  // Nothing on a miss.
  std::optional<std::string> fetch(const std::string& key);
  [[nodiscard]] uint16_t status_of(const Packet& packet) { return call(packet).status; }
  // Name and value of each line of a STAT reply.
  std::vector<std::pair<std::string, std::string>> stats(const std::string& group = "");

 private:
  Connection connection_;
  uint32_t next_opaque_ = 0x10000;
};

}  // namespace mctenant::support
