// Any bytes from a server: a reply is the same whatever follows it, no prefix of it is one, and what is
// incomplete asks for more. Input: a byte that chooses the command, then the bytes.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "protocol/meta_reply_parser.h"

namespace {

using namespace mctenant::protocol;
using Outcome = MetaReply::Outcome;

constexpr size_t kMaxValue = 4096;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto command = static_cast<Command>(data[0] % (static_cast<int>(Command::probe) + 1));
  const std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  const MetaReply found = parse_meta_reply(command, in, kMaxValue);
  if (found.outcome == Outcome::incomplete) {
    require(found.needed > in.size());
    require(found.needed <= kMaxReplyLine + kMaxValue + 2);
  }
  if (found.outcome != Outcome::reply) return 0;
  require(found.consumed >= 4 && found.consumed <= in.size());
  require(in.substr(0, found.consumed).ends_with("\r\n"));
  require(found.reply.value.size <= kMaxValue);
  for (size_t prefix = 1; prefix < found.consumed; ++prefix) {
    require(parse_meta_reply(command, in.substr(0, prefix), kMaxValue).outcome == Outcome::incomplete);
  }
  const MetaReply alone = parse_meta_reply(command, in.substr(0, found.consumed), kMaxValue);
  require(alone.outcome == Outcome::reply && alone.consumed == found.consumed);
  require(alone.reply.status == found.reply.status && alone.reply.cas == found.reply.cas);
  require(alone.reply.number == found.reply.number && alone.reply.expiry == found.reply.expiry);
  require(found.reply.expiry >= -1);
  const std::string_view value(found.reply.value.data, found.reply.value.size);
  if (value.empty() || command == Command::increment || command == Command::decrement ||
      command == Command::describe) {
    return 0;
  }
  // Half of the value elsewhere: the rest is the same.
  const size_t here = value.size() / 2;
  std::string cut(in.substr(0, found.consumed));
  cut.erase(static_cast<size_t>(value.data() - in.data()) + here, value.size() - here);
  const MetaReply rest = parse_meta_reply(command, cut, kMaxValue, value.size() - here);
  require(rest.outcome == Outcome::reply && rest.consumed == cut.size() && rest.reply.value.size == here);
  require(rest.reply.cas == found.reply.cas && rest.reply.flags == found.reply.flags);
  return 0;
}
