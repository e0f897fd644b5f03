#include "support/binary_packet.h"

#include <cstdio>
#include <utility>

namespace mctenant::support {
namespace {

constexpr size_t kHeader = 24;

uint64_t read_big_endian(std::string_view bytes) {
  uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

std::string printable(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes.substr(0, 80)) {
    char escaped[8];
    const bool plain_character = byte >= ' ' && byte <= '~';
    std::snprintf(escaped, sizeof escaped, plain_character ? "%c" : "\\x%02x", static_cast<uint8_t>(byte));
    text += escaped;
  }
  if (bytes.size() > 80) text += "… (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

}  // namespace

std::string big_endian(uint64_t number, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(number >> shift & 0xff);
  return text;
}

std::string Packet::bytes() const {
  std::string text;
  text += static_cast<char>(magic);
  text += static_cast<char>(opcode);
  text += big_endian(key_length.value_or(static_cast<uint16_t>(key.size())), 2);
  text += static_cast<char>(extras_length.value_or(static_cast<uint8_t>(extras.size())));
  text += static_cast<char>(data_type);
  text += big_endian(status, 2);
  text +=
      big_endian(body_length.value_or(static_cast<uint32_t>(extras.size() + key.size() + value.size())), 4);
  text += big_endian(opaque, 4);
  text += big_endian(cas, 8);
  return text + extras + key + value;
}

Packet Packet::with_cas(uint64_t value_of_cas) const {
  Packet copy = *this;
  copy.cas = value_of_cas;
  return copy;
}

Packet Packet::with_opaque(uint32_t value_of_opaque) const {
  Packet copy = *this;
  copy.opaque = value_of_opaque;
  return copy;
}

Packet Packet::with_opcode(uint8_t value_of_opcode) const {
  Packet copy = *this;
  copy.opcode = value_of_opcode;
  return copy;
}

uint32_t Packet::flags() const { return static_cast<uint32_t>(read_big_endian(extras)); }

uint64_t Packet::number() const { return read_big_endian(value); }

std::string Packet::describe() const {
  char head[160];
  std::snprintf(head, sizeof head, "opcode %02x status %04x opaque %08x cas %llu type %02x", opcode, status,
                opaque, static_cast<unsigned long long>(cas), data_type);
  return std::string(head) + " extras [" + printable(extras) + "] key [" + printable(key) + "] value [" +
         printable(value) + "]";
}

std::optional<Packet> parse_packet(std::string_view bytes, size_t& size) {
  if (bytes.size() < kHeader) return std::nullopt;
  const auto field = [&](size_t at, size_t length) { return read_big_endian(bytes.substr(at, length)); };
  const size_t key_length = field(2, 2);
  const size_t extras_length = field(4, 1);
  const size_t body_length = field(8, 4);
  if (bytes.size() < kHeader + body_length) return std::nullopt;
  size = kHeader + body_length;
  Packet packet;
  packet.magic = static_cast<uint8_t>(bytes[0]);
  packet.opcode = static_cast<uint8_t>(bytes[1]);
  packet.data_type = static_cast<uint8_t>(bytes[5]);
  packet.status = static_cast<uint16_t>(field(6, 2));
  packet.opaque = static_cast<uint32_t>(field(12, 4));
  packet.cas = field(16, 8);
  const std::string_view body = bytes.substr(kHeader, body_length);
  packet.extras = body.substr(0, extras_length);
  if (extras_length < body_length) packet.key = body.substr(extras_length, key_length);
  if (extras_length + key_length < body_length) packet.value = body.substr(extras_length + key_length);
  return packet;
}

Packet simple(uint8_t opcode) {
  Packet packet;
  packet.opcode = opcode;
  return packet;
}

Packet keyed(uint8_t opcode, std::string key) {
  Packet packet = simple(opcode);
  packet.key = std::move(key);
  return packet;
}

Packet get(std::string key) { return keyed(op::kGet, std::move(key)); }

Packet set(std::string key, std::string value, uint32_t flags, uint32_t expiry) {
  Packet packet = keyed(op::kSet, std::move(key));
  packet.value = std::move(value);
  packet.extras = big_endian(flags, 4) + big_endian(expiry, 4);
  return packet;
}

Packet append(std::string key, std::string value) {
  Packet packet = keyed(op::kAppend, std::move(key));
  packet.value = std::move(value);
  return packet;
}

Packet increment(std::string key, uint64_t delta, uint64_t initial, uint32_t expiry) {
  Packet packet = keyed(op::kIncrement, std::move(key));
  packet.extras = big_endian(delta, 8) + big_endian(initial, 8) + big_endian(expiry, 4);
  return packet;
}

Packet decrement(std::string key, uint64_t delta, uint64_t initial, uint32_t expiry) {
  return increment(std::move(key), delta, initial, expiry).with_opcode(op::kDecrement);
}

Packet touch(std::string key, uint32_t expiry) {
  Packet packet = keyed(op::kTouch, std::move(key));
  packet.extras = big_endian(expiry, 4);
  return packet;
}

Packet get_and_touch(std::string key, uint32_t expiry) {
  return touch(std::move(key), expiry).with_opcode(op::kGat);
}

Packet plain(std::string_view username, std::string_view password, std::string_view authorize_as) {
  Packet packet = keyed(op::kSaslAuth, "PLAIN");
  packet.value.append(authorize_as).append(1, '\0').append(username).append(1, '\0').append(password);
  return packet;
}

std::string join(const std::vector<Packet>& packets) {
  std::string text;
  for (const Packet& packet : packets) text += packet.bytes();
  return text;
}

}  // namespace mctenant::support
