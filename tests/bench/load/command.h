#pragma once

#include <cstdint>

namespace mctenant::bench {

enum class Protocol { kBinary, kText, kMeta };

enum class Command : uint8_t { kGet, kGets, kSet, kAdd, kCas, kAppend, kPrepend, kIncrement, kDelete };

constexpr bool is_get(Command command) { return command == Command::kGet || command == Command::kGets; }

}  // namespace mctenant::bench
