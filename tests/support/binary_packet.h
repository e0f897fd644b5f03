#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The memcache binary protocol as a client sees it, written down a second time on purpose: what tests expect
// must not come from the code that they test.
namespace mctenant::support {

namespace op {
inline constexpr uint8_t kGet = 0x00, kSet = 0x01, kAdd = 0x02, kReplace = 0x03, kDelete = 0x04,
                         kIncrement = 0x05, kDecrement = 0x06, kQuit = 0x07, kFlush = 0x08, kGetQ = 0x09,
                         kNoop = 0x0a, kVersion = 0x0b, kGetK = 0x0c, kGetKQ = 0x0d, kAppend = 0x0e,
                         kPrepend = 0x0f, kStat = 0x10, kSetQ = 0x11, kAddQ = 0x12, kReplaceQ = 0x13,
                         kDeleteQ = 0x14, kIncrementQ = 0x15, kDecrementQ = 0x16, kQuitQ = 0x17,
                         kFlushQ = 0x18, kAppendQ = 0x19, kPrependQ = 0x1a, kVerbosity = 0x1b, kTouch = 0x1c,
                         kGat = 0x1d, kGatQ = 0x1e, kSaslList = 0x20, kSaslAuth = 0x21, kSaslStep = 0x22,
                         kGatK = 0x23, kGatKQ = 0x24;
}  // namespace op

namespace status {
inline constexpr uint16_t kOk = 0x00, kNotFound = 0x01, kExists = 0x02, kTooLarge = 0x03, kInvalid = 0x04,
                          kNotStored = 0x05, kNotANumber = 0x06, kAuth = 0x20, kContinue = 0x21,
                          kUnknown = 0x81, kTemporary = 0x86;
}  // namespace status

// The expiry that says: do not create.
inline constexpr uint32_t kNoCreate = 0xffffffff;

// A packet of either direction. The three lengths are right unless they are set to something else.
struct Packet {
  uint8_t magic = 0x80;
  uint8_t opcode = 0;
  uint8_t data_type = 0;
  uint16_t status = 0;  // the vbucket in a request
  uint32_t opaque = 0;
  uint64_t cas = 0;
  std::string extras;
  std::string key;
  std::string value;
  std::optional<uint16_t> key_length;
  std::optional<uint8_t> extras_length;
  std::optional<uint32_t> body_length;

  [[nodiscard]] std::string bytes() const;
  // Changed copies, to be chained.
  [[nodiscard]] Packet with_cas(uint64_t value_of_cas) const;
  [[nodiscard]] Packet with_opaque(uint32_t value_of_opaque) const;
  [[nodiscard]] Packet with_opcode(uint8_t value_of_opcode) const;
  // In a reply's extras.
  [[nodiscard]] uint32_t flags() const;
  // The value of an increment's reply.
  [[nodiscard]] uint64_t number() const;
  // For messages: all fields, long ones cut.
  [[nodiscard]] std::string describe() const;
};

// Nothing if `bytes` doesn't yet hold a whole packet; else the packet, and its length in `size`.
std::optional<Packet> parse_packet(std::string_view bytes, size_t& size);

std::string big_endian(uint64_t number, int bytes);

// Requests. An opcode of the same shape (quiet, add, replace …) is had by with_opcode().
Packet simple(uint8_t opcode);
Packet keyed(uint8_t opcode, std::string key);
Packet get(std::string key);
Packet set(std::string key, std::string value, uint32_t flags = 0, uint32_t expiry = 0);
Packet append(std::string key, std::string value);
Packet increment(std::string key, uint64_t delta, uint64_t initial = 0, uint32_t expiry = kNoCreate);
Packet decrement(std::string key, uint64_t delta, uint64_t initial = 0, uint32_t expiry = kNoCreate);
Packet touch(std::string key, uint32_t expiry);
Packet get_and_touch(std::string key, uint32_t expiry);
Packet plain(std::string_view username, std::string_view password, std::string_view authorize_as = "");

std::string join(const std::vector<Packet>& packets);

}  // namespace mctenant::support
