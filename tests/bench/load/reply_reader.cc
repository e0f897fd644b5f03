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
  const bool get = header.opcode == Opcode::kGet;
  if (header.status == kOk) return get ? LoadReply::kHit : LoadReply::kStored;
  return get && header.status == kNotFound ? LoadReply::kMiss : LoadReply::kError;
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
  reply_ = {kind_of(header), header.body_length - before_value, header.opaque, header.status};
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

// One reply is "STORED", "END", "VALUE key flags size" with data and "END", or a line that tells an error.
void ReplyReader::on_line(const char* bytes, size_t size) {
  std::string_view line(bytes, size);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("VALUE ")) {
    reply_ = {LoadReply::kHit, std::strtoull(line.data() + line.rfind(' '), nullptr, 10), 0, 0};
    skip_ = reply_.value_size + 2;
    in_value_ = true;
    return;
  }
  if (!in_value_) {
    reply_ = {line == "STORED" ? LoadReply::kStored
              : line == "END"  ? LoadReply::kMiss
                               : LoadReply::kError,
              0, 0, 0};
  } else if (line != "END") {
    broken_ = true;
  }
  in_value_ = false;
  done_ = true;
}

}  // namespace mctenant::bench
