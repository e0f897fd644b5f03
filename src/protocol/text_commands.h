#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/command_row.h"

namespace mctenant::protocol {

// How the words behind a verb are read.
enum class Form : uint8_t {
  keys,             // <key>*
  keys_and_expiry,  // <expiry> <key>*
  store,            // <key> <flags> <expiry> <bytes> [noreply], then the value
  compare,          // <key> <flags> <expiry> <bytes> <cas> [noreply], then the value
  arithmetic,       // <key> <delta> [noreply]
  remove,           // <key> [0] [noreply]
  touch,            // <key> <expiry> [noreply]
  flush,            // [delay] [noreply]
  verbosity,        // <level> [noreply]
  statistics,       // [group]
  plain,            // anything
  meta_get,         // <key> <flags>*
  meta_set,         // <key> <bytes> <flags>*, then the value
  meta_remove,      // <key> <flags>*
  meta_arithmetic,  // <key> <flags>*
  meta_describe,    // <key> [b]
  administrative,   // for the operator of a memcached of one's own: refused
};

// A verb of the text and meta protocols (memcached's doc/protocol.txt).
struct TextVerb {
  std::string_view name;
  Form form;
  CommandRow loud;   // of the meta protocol: see meta_row()
  CommandRow quiet;  // with noreply

  [[nodiscard]] const CommandRow& row(bool is_quiet) const { return is_quiet ? quiet : loud; }
};

// Null if there is none. Verbs are case-sensitive.
[[nodiscard]] const TextVerb* find_text_verb(std::string_view name);
// All, for the tests that walk them.
[[nodiscard]] std::span<const TextVerb> text_verbs();

// The row of a command of the meta protocol, whose flags say which it is; `quiet` with q.
[[nodiscard]] const CommandRow& meta_row(Command command, bool quiet);

// What can't be carried out.
[[nodiscard]] const CommandRow& refused_text_row(bool quiet);
// The end of a line of keys without a key.
[[nodiscard]] const CommandRow& end_row();
// A set before sign-in.
[[nodiscard]] const CommandRow& text_sign_in_row();

}  // namespace mctenant::protocol
