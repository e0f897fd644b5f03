#include "load/reply_reader.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "client/frame.h"

namespace mctenant::bench {
namespace {

constexpr size_t kLongestLine = 2048;

LoadReply::Kind kind_of(const ReplyHeader& header) {
  if (header.opcode == Opcode::kNoop) return LoadReply::kEnd;
  const bool get = header.opcode == Opcode::kGet || header.opcode == Opcode::kGetQ;
  switch (header.status) {
    case kOk:
      return get ? LoadReply::kHit : LoadReply::kStored;
    case kNotFound:
      return get ? LoadReply::kMiss : LoadReply::kNo;
    case kExists:
    case kNotStored:
      return get ? LoadReply::kError : LoadReply::kNo;
    default:
      return LoadReply::kError;
  }
}

LoadReply::Kind kind_of(std::string_view line) {
  if (line == "END" || line == "EN") return LoadReply::kMiss;
  if (line == "STORED" || line == "DELETED" || line == "HD") return LoadReply::kStored;
  if (line == "NOT_STORED" || line == "EXISTS" || line == "NOT_FOUND") return LoadReply::kNo;
  if (line == "NS" || line == "EX" || line == "NF") return LoadReply::kNo;
  // What a counter has come to.
  const bool number = !line.empty() && line.find_first_not_of("0123456789") == std::string_view::npos;
  return number ? LoadReply::kStored : LoadReply::kError;
}

// "VALUE key flags size", and of `gets` the CAS behind.
LoadReply hit(std::string_view line) {
  LoadReply reply{.kind = LoadReply::kHit};
  size_t at = line.find(' ', sizeof("VALUE ") - 1);
  if (at != std::string_view::npos) at = line.find(' ', at + 1);
  if (at == std::string_view::npos) return {};
  char* behind = nullptr;
  reply.value_size = std::strtoull(line.data() + at, &behind, 10);
  reply.cas = std::strtoull(behind, nullptr, 10);
  return reply;
}

}  // namespace

const char* ReplyReader::take_header(const char* bytes, const char* end) {
  const auto there = static_cast<size_t>(end - bytes);
  if (partial_.empty() && there >= kHeaderSize) {
    on_header(bytes);
    return bytes + kHeaderSize;
  }
  const size_t taken = std::min(there, kHeaderSize - partial_.size());
  partial_.append(bytes, taken);
  if (partial_.size() == kHeaderSize) {
    on_header(partial_.data());
    partial_.clear();
  }
  return bytes + taken;
}

void ReplyReader::on_header(const char* bytes) {
  const ReplyHeader header = parse_reply_header(bytes);
  const size_t before_value = size_t{header.extras_length} + header.key_length;
  if (header.magic != kReplyMagic || before_value > header.body_length) {
    broken_ = true;
    return;
  }
  reply_ = {kind_of(header), header.body_length - before_value, header.opaque, header.status, header.cas};
  skip_ = header.body_length;
  done_ = true;
}

const char* ReplyReader::take_line(const char* bytes, const char* end) {
  const auto* newline = static_cast<const char*>(std::memchr(bytes, '\n', static_cast<size_t>(end - bytes)));
  if (newline != nullptr && partial_.empty()) {
    on_line(bytes, static_cast<size_t>(newline - bytes));
    return newline + 1;
  }
  const char* const taken = newline == nullptr ? end : newline + 1;
  partial_.append(bytes, taken);
  if (newline != nullptr) {
    const std::string line = std::move(partial_);
    partial_.clear();
    on_line(line.data(), line.size() - 1);
  } else if (partial_.size() > kLongestLine) {
    broken_ = true;
  }
  return taken;
}

// One reply is a line like "STORED", "END", "HD", or a "VALUE" line with data and "END", or a "VA" line with
// data.
void ReplyReader::on_line(const char* bytes, size_t size) {
  std::string_view line(bytes, size);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("VALUE ")) {
    reply_ = hit(line);
    broken_ = reply_.kind != LoadReply::kHit;
    skip_ = reply_.value_size + 2;
    done_ = multi_get_;
    in_value_ = !multi_get_;
    return;
  }
  if (line.starts_with("VA ")) {  // meta: size, flags; nothing behind the data
    reply_ = {.kind = LoadReply::kHit, .value_size = std::strtoull(line.data() + 3, nullptr, 10)};
    skip_ = reply_.value_size + 2;
    done_ = true;
    return;
  }
  if (!in_value_) {
    reply_ = {.kind = kind_of(line)};
    if (multi_get_ && reply_.kind == LoadReply::kMiss) reply_.kind = LoadReply::kEnd;
  } else if (line != "END") {
    broken_ = true;
  }
  in_value_ = false;
  done_ = true;
}

}  // namespace mctenant::bench
