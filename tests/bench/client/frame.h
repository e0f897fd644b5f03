#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// The memcache binary protocol as a client sees it: frames out, headers in.
namespace mctenant::bench {

enum class Opcode : uint8_t {
  kGet = 0x00,
  kSet = 0x01,
  kAdd = 0x02,
  kReplace = 0x03,
  kDelete = 0x04,
  kIncrement = 0x05,
  kDecrement = 0x06,
  kQuit = 0x07,
  kGetQ = 0x09,
  kNoop = 0x0a,
  kVersion = 0x0b,
  kGetK = 0x0c,
  kGetKQ = 0x0d,
  kAppend = 0x0e,
  kPrepend = 0x0f,
  kStat = 0x10,
  kSetQ = 0x11,
  kAddQ = 0x12,
  kReplaceQ = 0x13,
  kDeleteQ = 0x14,
  kIncrementQ = 0x15,
  kDecrementQ = 0x16,
  kAppendQ = 0x19,
  kPrependQ = 0x1a,
  kTouch = 0x1c,
  kGat = 0x1d,
  kGatQ = 0x1e,
  kSaslAuth = 0x21,
  kSaslStep = 0x22,
  kGatK = 0x23,
  kGatKQ = 0x24,
  kUnknown = 0x60,
};

// A short name for reports; "0x60" for those without one.
std::string opcode_name(Opcode opcode);

enum Status : uint16_t {
  kOk = 0x00,
  kNotFound = 0x01,
  kExists = 0x02,
  kTooLarge = 0x03,
  kNotStored = 0x05,
  kNotNumber = 0x06,
  kAuthError = 0x20,
  kAuthContinue = 0x21,
  kUnknownCommand = 0x81,
  kTemporaryFailure = 0x86,
};

inline constexpr size_t kHeaderSize = 24;
inline constexpr uint8_t kRequestMagic = 0x80;
inline constexpr uint8_t kReplyMagic = 0x81;

struct ReplyHeader {
  uint8_t magic;
  Opcode opcode;
  uint16_t key_length;
  uint8_t extras_length;
  uint16_t status;
  uint32_t body_length;
  uint32_t opaque;
  uint64_t cas;
};

// `bytes` holds at least kHeaderSize.
ReplyHeader parse_reply_header(const char* bytes);

struct RequestFrame {
  Opcode opcode;
  std::string_view extras = {};
  std::string_view key = {};
  std::string_view value = {};
  uint32_t opaque = 0;
  uint64_t cas = 0;
};

void append_frame(std::string& out, const RequestFrame& frame);

// Numbers in network order, for extras.
void append_u32(std::string& out, uint32_t value);
void append_u64(std::string& out, uint64_t value);
uint32_t read_u32(std::string_view bytes);
uint64_t read_u64(std::string_view bytes);

}  // namespace mctenant::bench
