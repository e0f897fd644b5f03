#include "protocol/binary_encoder.h"

#include <cstring>

#include "protocol/binary_decoder.h"
#include "protocol/endian.h"

namespace mctenant::protocol {
namespace {

// A body of at least this size that has an owner is shared; a smaller one is cheaper to copy.
constexpr size_t kShareFrom = 16 * 1024;

struct Parts {
  std::string_view extras;
  std::string_view key;
  base::Slice body;
};

size_t write_packet(const CommandRow& row, uint32_t opaque, Status status, uint64_t cas, const Parts& parts,
                    base::OutputQueue& out) {
  const size_t head = kBinaryHeader + parts.extras.size() + parts.key.size();
  const bool by_reference = parts.body.owner && parts.body.size >= kShareFrom;
  const size_t written = by_reference ? head : head + parts.body.size;
  char* at = out.reserve(written);
  at[0] = static_cast<char>(kBinaryReplyMagic);
  at[1] = static_cast<char>(row.opcode);
  store16(at + 2, static_cast<uint16_t>(parts.key.size()));
  at[4] = static_cast<char>(parts.extras.size());
  at[5] = 0;
  store16(at + 6, static_cast<uint16_t>(status));
  store32(at + 8, static_cast<uint32_t>(parts.extras.size() + parts.key.size() + parts.body.size));
  store32(at + 12, opaque);
  store64(at + 16, cas);
  char* next = at + kBinaryHeader;
  if (!parts.extras.empty())
    next =
        static_cast<char*>(std::memcpy(next, parts.extras.data(), parts.extras.size())) + parts.extras.size();
  if (!parts.key.empty())
    next = static_cast<char*>(std::memcpy(next, parts.key.data(), parts.key.size())) + parts.key.size();
  if (!by_reference && parts.body.size > 0) std::memcpy(next, parts.body.data, parts.body.size);
  out.commit(written);
  if (by_reference) out.append(parts.body);
  return head + parts.body.size;
}

base::Slice unowned(std::string_view text) { return {{}, text.data(), text.size()}; }

}  // namespace

size_t write_binary_reply(const CommandRow& row, uint32_t opaque, std::string_view key, const Reply& reply,
                          base::OutputQueue& out) {
  if (silent(row, reply.status)) return 0;
  Parts parts;
  if (reply.status != Status::ok) {
    if (reply.status == Status::not_found && row.returns_key) {
      parts.key = key;  // as memcached: the key, and no text
    } else {
      parts.body = unowned(text_of(reply.status));
    }
    return write_packet(row, opaque, reply.status, 0, parts, out);
  }
  char number[8];
  switch (row.command) {
    case Command::get:
    case Command::get_and_touch:
      store32(number, reply.flags);
      parts.extras = {number, 4};
      if (row.returns_key) parts.key = key;
      parts.body = reply.value;
      break;
    case Command::increment:
    case Command::decrement:
      store64(number, reply.number);
      parts.body = unowned({number, 8});
      break;
    case Command::version:
      parts.body = reply.value;
      break;
    default:
      break;
  }
  return write_packet(row, opaque, Status::ok, reply.cas, parts, out);
}

size_t write_binary_body(const CommandRow& row, uint32_t opaque, Status status, std::string_view key,
                         std::string_view body, base::OutputQueue& out) {
  return write_packet(row, opaque, status, 0, {{}, key, unowned(body)}, out);
}

}  // namespace mctenant::protocol
