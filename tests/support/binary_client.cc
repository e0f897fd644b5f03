#include "support/binary_client.h"

#include <stdexcept>
#include <utility>

namespace mctenant::support {

BinaryClient::BinaryClient(const std::string& address, std::string_view username, std::string_view password)
    : connection_(address) {
  const Packet reply = call(plain(username, password));
  if (reply.status != status::kOk) throw std::runtime_error("not signed in: " + reply.describe());
}

std::optional<Packet> BinaryClient::try_read(Milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    size_t size = 0;
    if (auto packet = parse_packet(connection_.unread(), size)) {
      connection_.take(size);
      return packet;
    }
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= 0ms || !connection_.read_some(left)) return std::nullopt;
  }
}

Packet BinaryClient::read(Milliseconds limit) {
  auto packet = try_read(limit);
  if (packet) return *std::move(packet);
  const char* peer = connection_.peer() == Peer::open     ? "nothing came in time"
                     : connection_.peer() == Peer::closed ? "the peer closed"
                                                          : "the peer reset the connection";
  throw std::runtime_error(std::string("no reply: ") + peer + ", " +
                           std::to_string(connection_.unread().size()) + " bytes of a packet read");
}

std::vector<Packet> BinaryClient::read(size_t count, Milliseconds limit) {
  std::vector<Packet> packets;
  while (packets.size() < count) packets.push_back(read(limit));
  return packets;
}

std::vector<Packet> BinaryClient::read_to_noop(uint32_t opaque, Milliseconds limit) {
  std::vector<Packet> packets;
  for (;;) {
    Packet packet = read(limit);
    if (packet.opcode == op::kNoop && packet.opaque == opaque) return packets;
    packets.push_back(std::move(packet));
  }
}

std::vector<Packet> BinaryClient::read_to_end(Milliseconds limit) {
  std::vector<Packet> packets;
  while (auto packet = try_read(limit)) packets.push_back(*std::move(packet));
  return packets;
}

Packet BinaryClient::call(Packet packet, Milliseconds limit) {
  packet.opaque = next_opaque_++;
  send(packet);
  Packet reply = read(limit);
  if (reply.magic != 0x81 || reply.opcode != packet.opcode || reply.opaque != packet.opaque) {
    throw std::runtime_error("the reply is another's: sent " + packet.describe() + ", got " +
                             reply.describe());
  }
  return reply;
}

std::vector<Packet> BinaryClient::call_all(const std::vector<Packet>& packets, Milliseconds limit) {
  const uint32_t opaque = next_opaque_++;
  connection_.send(join(packets) + simple(op::kNoop).with_opaque(opaque).bytes());
  return read_to_noop(opaque, limit);
}

uint64_t BinaryClient::store(const std::string& key, const std::string& value, uint32_t flags) {
  const Packet reply = call(set(key, value, flags));
  if (reply.status != status::kOk) throw std::runtime_error("not stored: " + reply.describe());
  return reply.cas;
}

std::optional<std::string> BinaryClient::fetch(const std::string& key) {
  Packet reply = call(get(key));
  if (reply.status == status::kNotFound) return std::nullopt;
  if (reply.status != status::kOk) throw std::runtime_error("not fetched: " + reply.describe());
  return std::move(reply.value);
}

std::vector<std::pair<std::string, std::string>> BinaryClient::stats(const std::string& group) {
  std::vector<std::pair<std::string, std::string>> figures;
  Packet reply = call(keyed(op::kStat, group));
  while (reply.status == status::kOk && !reply.key.empty()) {
    figures.emplace_back(reply.key, reply.value);
    reply = read();
  }
  if (reply.status != status::kOk) throw std::runtime_error("no stats: " + reply.describe());
  return figures;
}

}  // namespace mctenant::support
