// The part of TextDecoder that reads the meta protocol.

#include <limits>

#include "protocol/base64_key.h"
#include "protocol/meta_flags.h"
#include "protocol/text_decoder.h"

namespace mctenant::protocol {
namespace {

using Outcome = Decoded::Outcome;

constexpr std::string_view kBadFormat = "CLIENT_ERROR bad command line format";
constexpr std::string_view kBadFlag = "CLIENT_ERROR invalid or duplicate flag";
constexpr std::string_view kLongOpaque = "CLIENT_ERROR opaque token too long";

Decoded error(size_t consumed, std::string_view words) {
  Decoded result;
  result.outcome = Outcome::request;
  result.consumed = consumed;
  result.request.row = &refused_text_row(false);
  result.request.fault = words.empty() ? Status::unknown_command : Status::invalid;
  result.request.words = words;
  return result;
}

uint64_t condition(const MetaFlags& flags) { return flags.cas != 0 || !flags.has('C') ? flags.cas : kNoCas; }

// The reply tells the expiry, if that is asked for behind all that sets it.
void settle_expiry(const MetaFlags& flags, Request& request) {
  request.tells_expiry = flags.expiry_told_late;
  request.unsettled = !flags.expiry_told_late;
}

}  // namespace

// A line of the meta protocol, taken apart.
struct TextDecoder::MetaLine {
  const Line* line;
  std::string_view key;  // decoded
  std::string_view length;
  std::string_view text;  // the flags as they are
  const MetaFlags& flags;

  [[nodiscard]] bool quiet() const { return flags.has('q'); }
};

TextDecoder::Result TextDecoder::read_meta(const Line& line, Form form) {
  std::string_view rest = line.words;
  std::string_view key = take_word(rest);
  if (key.empty()) return error(line.bytes, {});
  if (key.size() > kMaxKey) return error(line.bytes, kBadFormat);
  const bool set = form == Form::meta_set;
  std::string_view length;
  if (set) {
    length = take_short_word(rest);
    if (length.empty()) return error(line.bytes, kBadFormat);
  }
  const MetaFlags flags = read_meta_flags(rest, MetaFlags::kMost - (set ? 1 : 0), key, decoded_key_, meta_);
  if (flags.too_many) {
    return error(line.bytes, form == Form::meta_get ? "CLIENT_ERROR options flags are too long"
                                                    : "CLIENT_ERROR options flags too long");
  }
  if (!rest.empty()) rest.remove_prefix(1);  // the space
  const MetaLine meta{&line, key, length, rest, flags};
  if (set) return read_meta_set(meta);
  if (!flags.error.empty()) return error(line.bytes, form == Form::meta_get ? flags.error : kBadFlag);
  if (form == Form::meta_arithmetic) return read_meta_arithmetic(meta);
  if (flags.long_opaque) return error(line.bytes, kLongOpaque);
  return form == Form::meta_get ? read_meta_get(meta) : read_meta_remove(meta);
}

TextDecoder::Result TextDecoder::meta_request(const MetaLine& meta, Command command) const {
  Result result;
  result.outcome = Outcome::request;
  result.consumed = meta.line->bytes;
  result.request.row = &meta_row(command, meta.quiet());
  result.request.meta = &meta_;
  Request& request = result.request.request;
  request.command = command;
  request.key = meta.key;
  request.meta_flags = meta.text;
  request.meta_seen = meta.flags.seen;
  return result;
}

TextDecoder::Result TextDecoder::read_meta_get(const MetaLine& meta) const {
  const MetaFlags& flags = meta.flags;
  const bool changes = flags.has('T') || flags.has('N');
  Result result = meta_request(meta, changes ? Command::meta_get_and_touch : Command::meta_get);
  Request& request = result.request.request;
  if (!changes) {
    request.tells_expiry = flags.has('u');
    return result;
  }
  request.expiry = flags.expiry;
  request.create = flags.has('N');
  if (request.create) settle_expiry(flags, request);
  return result;
}

TextDecoder::Result TextDecoder::read_meta_remove(const MetaLine& meta) const {
  Result result = meta_request(meta, Command::remove);
  Request& request = result.request.request;
  request.cas = condition(meta.flags);
  request.invalidate = request.unsettled = meta.flags.has('I');
  request.sets_expiry = request.invalidate && meta.flags.has('T');
  if (request.sets_expiry) request.expiry = meta.flags.expiry;
  return result;
}

TextDecoder::Result TextDecoder::read_meta_arithmetic(const MetaLine& meta) {
  const MetaFlags& flags = meta.flags;
  Command command = Command::increment;
  switch (flags.mode) {
    case 0:
    case 'I':
    case '+':
      break;
    case 'D':
    case '-':
      command = Command::decrement;
      break;
    default:
      return error(meta.line->bytes, "CLIENT_ERROR invalid mode for ma M token");
  }
  if (flags.long_opaque) return error(meta.line->bytes, kLongOpaque);
  Result result = meta_request(meta, command);
  Request& request = result.request.request;
  request.create = flags.has('N');
  request.delta = flags.delta;
  request.initial = flags.initial;
  request.expiry = flags.vivify_expiry;
  if (flags.has('T')) settle_expiry(flags, request);
  return result;
}

TextDecoder::Result TextDecoder::read_meta_set(const MetaLine& meta) {
  const auto length = read_signed(meta.length);
  if (!length || *length < 0 || *length > std::numeric_limits<int32_t>::max() - 2)
    return error(meta.line->bytes, kBadFormat);
  return read_meta_store(meta, static_cast<uint64_t>(*length));
}

// The result has one name, and so is made where it is wanted.
TextDecoder::Result TextDecoder::read_meta_store(const MetaLine& meta, uint64_t size) {
  const Line& line = *meta.line;
  const MetaFlags& flags = meta.flags;
  Command command = Command::set;
  std::string_view complaint = flags.error;
  if (complaint.empty() && flags.long_opaque) complaint = kLongOpaque;
  switch (flags.mode) {
    case 0:
    case 'S':
      break;
    case 'E':
      command = Command::add;
      break;
    case 'R':
      command = Command::replace;
      break;
    case 'A':
      command = Command::append;
      break;
    case 'P':
      command = Command::prepend;
      break;
    default:
      if (flags.error.empty()) complaint = "CLIENT_ERROR invalid mode for ms M token";
  }
  Result result = meta_request(meta, command);
  if (!complaint.empty()) {
    result = swallow(line, error(line.bytes, complaint).request, size);
    return result;
  }
  Request& request = result.request.request;
  request.flags = flags.client_flags;
  request.expiry = flags.expiry;
  const bool whole = command == Command::set || command == Command::replace;
  // An add does not look at the CAS, and an append takes 0 for none.
  if (whole) request.cas = condition(flags);
  if (command == Command::append || command == Command::prepend) {
    request.cas = flags.cas;
    request.flags = 0;
    request.expiry = 0;
  }
  request.invalidate = flags.has('I') && flags.has('C') && whole;
  take_value(line, size, result);
  return result;
}

// As in 1.6.18, b counts only as the first flag and all others are ignored.
TextDecoder::Result TextDecoder::read_describe(const Line& line) {
  std::string_view rest = line.words;
  std::string_view key = take_word(rest);
  if (key.empty() || key.size() > kMaxKey) return error(line.bytes, kBadFormat);
  meta_ = MetaReturn{};
  meta_.key = true;
  if (take_word(rest) == "b") {
    if (!decoded_key_) decoded_key_ = std::make_unique<KeyBuffer>();
    const auto decoded = decode_base64_key(key, *decoded_key_);
    if (!decoded) return error(line.bytes, kBadFormat);
    key = *decoded;
    meta_.base64 = true;
  }
  Result result;
  result.outcome = Outcome::request;
  result.consumed = line.bytes;
  result.request.row = &meta_row(Command::describe, false);
  result.request.meta = &meta_;
  result.request.request.command = Command::describe;
  result.request.request.key = key;
  return result;
}

}  // namespace mctenant::protocol
