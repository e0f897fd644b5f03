#include "protocol/binary_decoder.h"

#include <algorithm>
#include <limits>

#include "protocol/binary_commands.h"
#include "protocol/endian.h"

namespace mctenant::protocol {
namespace {

constexpr uint32_t kDoNotCreate = 0xffffffff;

// Binary expiry is unsigned, and memcached takes what would be negative as a signed number for the far
// future.
int64_t expiry_of(uint32_t wire) { return wire > std::numeric_limits<int32_t>::max() ? 0 : wire; }

bool fits(Presence presence, size_t length) {
  return presence == Presence::optional || (length > 0) == (presence == Presence::required);
}

void read_extras(const CommandRow& row, const char* extras, size_t length, Request& out) {
  switch (row.command) {
    case Command::set:
    case Command::add:
    case Command::replace:
      out.flags = load32(extras);
      out.expiry = expiry_of(load32(extras + 4));
      return;
    case Command::increment:
    case Command::decrement:
      out.delta = load64(extras);
      out.initial = load64(extras + 8);
      out.create = load32(extras + 16) != kDoNotCreate;
      out.expiry = expiry_of(load32(extras + 16));
      return;
    case Command::touch:
    case Command::get_and_touch:
      out.expiry = expiry_of(load32(extras));
      return;
    case Command::flush:
      if (length == 4) out.expiry = load32(extras);
      return;
    default:
      return;
  }
}

}  // namespace

struct BinaryDecoder::Header {
  explicit Header(const char* at)
      : row(&binary_command(static_cast<uint8_t>(at[1]))),
        key_length(load16(at + 2)),
        extras_length(static_cast<uint8_t>(at[4])),
        body_length(load32(at + 8)),
        opaque(load32(at + 12)),
        cas(load64(at + 16)) {}

  [[nodiscard]] bool trusted() const { return body_length >= size_t{key_length} + extras_length; }
  [[nodiscard]] size_t value_length() const { return body_length - key_length - extras_length; }
  [[nodiscard]] size_t total() const { return kBinaryHeader + body_length; }

  const CommandRow* row;
  uint16_t key_length;
  uint8_t extras_length;
  uint32_t body_length;
  uint32_t opaque;
  uint64_t cas;
};

Status BinaryDecoder::judge(const Header& header) const {
  const CommandRow& row = *header.row;
  if (!signed_in_ && row.access != Access::anyone) return Status::auth_error;
  if (row.handling == Handling::refused) return Status::unknown_command;
  const bool extras_fit =
      header.extras_length == row.extras || (row.extras_optional && header.extras_length == 0);
  if (!extras_fit || !fits(row.key, header.key_length) || !fits(row.value, header.value_length())) {
    return Status::invalid;
  }
  if (row.command == Command::sasl_auth || row.command == Command::sasl_step) {
    return header.body_length > kMaxSaslBody ? Status::auth_error : Status::ok;
  }
  if (row.value != Presence::none && header.key_length + header.value_length() > item_size_) {
    return Status::too_large;
  }
  return Status::ok;
}

BinaryDecoder::Result BinaryDecoder::decode(std::string_view in) {
  if (drop_left_ > 0 || refusal_waits_) return drop(in);
  if (!refused_key_.empty()) refused_key_ = std::string();  // nobody looks at it any more
  return read(in);
}

// The result has one name, and so is made where it is wanted.
BinaryDecoder::Result BinaryDecoder::read(std::string_view in) {
  Result result;
  if (!in.empty() && static_cast<uint8_t>(in[0]) != kBinaryRequestMagic) {
    result.outcome = Outcome::broken;  // nothing of it is a header
    result.request.row = &binary_command(0);
    result.request.fault = Status::invalid;
    return result;
  }
  if (in.size() < kBinaryHeader) {
    result.needed = kBinaryHeader;
    return result;
  }
  const Header header(in.data());
  result.request.row = header.row;
  result.request.opaque = header.opaque;
  result.request.request.command = header.row->command;
  if (!header.trusted()) {
    result.outcome = Outcome::broken;
    result.request.fault = Status::invalid;
    return result;
  }
  if (const Status fault = judge(header); fault != Status::ok) {
    result = refuse(header, fault, in);
    return result;
  }
  if (in.size() < header.total()) {
    result.needed = header.total();
    return result;
  }
  const char* extras = in.data() + kBinaryHeader;
  const char* key = extras + header.extras_length;
  Request& request = result.request.request;
  request.cas = header.cas;
  request.key = {key, header.key_length};
  request.value = {{}, key + header.key_length, header.value_length()};
  read_extras(*header.row, extras, header.extras_length, request);
  result.outcome = Outcome::request;
  result.consumed = header.total();
  return result;
}

BinaryDecoder::Result BinaryDecoder::refuse(const Header& header, Status fault, std::string_view in) {
  const size_t before_key = kBinaryHeader + header.extras_length;
  // What is too large still takes the old value with it, so its key is wanted.
  const size_t wanted = fault == Status::too_large ? before_key + header.key_length : kBinaryHeader;
  if (in.size() < wanted) {
    Result incomplete;
    incomplete.needed = wanted;
    return incomplete;
  }
  refused_ = ClientRequest{};
  refused_.row = header.row;
  refused_.opaque = header.opaque;
  refused_.fault = fault;
  refused_.request.command = header.row->command;
  refused_.request.cas = header.cas;
  if (fault == Status::too_large) {
    refused_key_.assign(in.data() + before_key, header.key_length);
    refused_.request.key = refused_key_;
  }
  drop_left_ = header.total();
  refusal_waits_ = true;
  return drop(in);
}

BinaryDecoder::Result BinaryDecoder::drop(std::string_view in) {
  Result result;
  result.consumed = static_cast<size_t>(std::min<uint64_t>(drop_left_, in.size()));
  if (result.consumed < drop_left_) {
    drop_left_ -= result.consumed;
    result.outcome = Outcome::dropped;
    return result;
  }
  drop_left_ = 0;
  refusal_waits_ = false;
  result.outcome = Outcome::request;
  result.request = refused_;
  return result;
}

}  // namespace mctenant::protocol
