#include "client/frame.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <utility>

namespace mctenant::bench {
namespace {

template <class T>
char* put(char* at, T value) {
  for (size_t i = sizeof(T); i-- > 0;) *at++ = static_cast<char>(value >> (8 * i));
  return at;
}

template <class T>
T get(const char* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 8) | static_cast<uint8_t>(at[i]));
  return value;
}

constexpr std::array<std::pair<Opcode, const char*>, 32> kNames = {{
    {Opcode::kGet, "GET"},           {Opcode::kSet, "SET"},         {Opcode::kAdd, "ADD"},
    {Opcode::kReplace, "REPLACE"},   {Opcode::kDelete, "DELETE"},   {Opcode::kIncrement, "INCR"},
    {Opcode::kDecrement, "DECR"},    {Opcode::kQuit, "QUIT"},       {Opcode::kGetQ, "GETQ"},
    {Opcode::kNoop, "NOOP"},         {Opcode::kVersion, "VERSION"}, {Opcode::kGetK, "GETK"},
    {Opcode::kGetKQ, "GETKQ"},       {Opcode::kAppend, "APPEND"},   {Opcode::kPrepend, "PREPEND"},
    {Opcode::kStat, "STAT"},         {Opcode::kSetQ, "SETQ"},       {Opcode::kAddQ, "ADDQ"},
    {Opcode::kReplaceQ, "REPLACEQ"}, {Opcode::kDeleteQ, "DELETEQ"}, {Opcode::kIncrementQ, "INCRQ"},
    {Opcode::kDecrementQ, "DECRQ"},  {Opcode::kAppendQ, "APPENDQ"}, {Opcode::kPrependQ, "PREPENDQ"},
    {Opcode::kTouch, "TOUCH"},       {Opcode::kGat, "GAT"},         {Opcode::kGatQ, "GATQ"},
    {Opcode::kSaslAuth, "AUTH"},     {Opcode::kGatK, "GATK"},       {Opcode::kGatKQ, "GATKQ"},
}};

}  // namespace

std::string opcode_name(Opcode opcode) {
  for (const auto& [known, name] : kNames) {
    if (name != nullptr && known == opcode) return name;
  }
  char text[8];
  std::snprintf(text, sizeof(text), "0x%02x", static_cast<unsigned>(opcode));
  return text;
}

ReplyHeader parse_reply_header(const char* bytes) {
  return ReplyHeader{.magic = static_cast<uint8_t>(bytes[0]),
                     .opcode = static_cast<Opcode>(bytes[1]),
                     .key_length = get<uint16_t>(bytes + 2),
                     .extras_length = static_cast<uint8_t>(bytes[4]),
                     .status = get<uint16_t>(bytes + 6),
                     .body_length = get<uint32_t>(bytes + 8),
                     .opaque = get<uint32_t>(bytes + 12),
                     .cas = get<uint64_t>(bytes + 16)};
}

void append_frame(std::string& out, const RequestFrame& frame) {
  const size_t body = frame.extras.size() + frame.key.size() + frame.value.size();
  char header[kHeaderSize];
  char* at = header;
  *at++ = static_cast<char>(kRequestMagic);
  *at++ = static_cast<char>(frame.opcode);
  at = put(at, static_cast<uint16_t>(frame.key.size()));
  at = put(at, static_cast<uint8_t>(frame.extras.size()));
  at = put(at, uint8_t{0});
  at = put(at, uint16_t{0});
  at = put(at, static_cast<uint32_t>(body));
  at = put(at, frame.opaque);
  put(at, frame.cas);
  out.append(header, kHeaderSize).append(frame.extras).append(frame.key).append(frame.value);
}

void append_u32(std::string& out, uint32_t value) {
  char bytes[sizeof(value)];
  put(bytes, value);
  out.append(bytes, sizeof(bytes));
}

void append_u64(std::string& out, uint64_t value) {
  char bytes[sizeof(value)];
  put(bytes, value);
  out.append(bytes, sizeof(bytes));
}

uint32_t read_u32(std::string_view bytes) { return get<uint32_t>(bytes.data()); }
uint64_t read_u64(std::string_view bytes) { return get<uint64_t>(bytes.data()); }

}  // namespace mctenant::bench
