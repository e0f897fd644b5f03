#include "load/request_maker.h"

#include "client/frame.h"
#include "client/random.h"

namespace mctenant::bench {
namespace {

std::string random_value(size_t size, uint64_t seed) {
  Random random(seed);
  std::string value(size, '\0');
  for (char& byte : value) byte = static_cast<char>('a' + random.below(26));
  return value;
}

}  // namespace

RequestMaker::RequestMaker(const LoadOptions& options)
    : protocol_(options.protocol),
      value_(random_value(options.value_size, options.seed)),
      extras_(8, '\0'),
      line_end_((options.protocol == Protocol::kMeta ? " " : " 0 0 ") + std::to_string(options.value_size) +
                "\r\n"),
      key_(options.key_size, 'k') {}

void RequestMaker::append_get(std::string& out, uint64_t key, uint32_t opaque) {
  switch (protocol_) {
    case Protocol::kBinary:
      append_frame(out, {.opcode = Opcode::kGet, .key = key_text(key), .opaque = opaque});
      break;
    case Protocol::kText:
      out.append("get ").append(key_text(key)).append("\r\n");
      break;
    case Protocol::kMeta:
      out.append("mg ").append(key_text(key)).append(" v f\r\n");
      break;
  }
}

void RequestMaker::append_set(std::string& out, uint64_t key, uint32_t opaque) {
  if (protocol_ == Protocol::kBinary) {
    append_frame(
        out,
        {.opcode = Opcode::kSet, .extras = extras_, .key = key_text(key), .value = value_, .opaque = opaque});
    return;
  }
  out.append(protocol_ == Protocol::kText ? "set " : "ms ");
  out.append(key_text(key)).append(line_end_).append(value_).append("\r\n");
}

void RequestMaker::append_multi_get(std::string& out, std::span<const Sent> gets, uint32_t opaque) {
  if (protocol_ == Protocol::kText) {
    out.append("get");
    for (const Sent& get : gets) out.append(" ").append(key_text(get.key));
    out.append("\r\n");
    return;
  }
  for (const Sent& get : gets)
    append_frame(out, {.opcode = Opcode::kGetQ, .key = key_text(get.key), .opaque = opaque++});
  append_frame(out, {.opcode = Opcode::kNoop});
}

const std::string& RequestMaker::key_text(uint64_t key) {
  for (size_t at = key_.size(); at-- > 1; key /= 10) key_[at] = static_cast<char>('0' + key % 10);
  return key_;
}

}  // namespace mctenant::bench
