#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "client/frame.h"

namespace mctenant::bench {

// A reply's parts; the views live as long as the call that is given it.
struct Reply {
  ReplyHeader header;
  std::string_view extras;
  std::string_view key;
  std::string_view value;
};

// What may come back for one command. Checks return what is wrong, or nothing.
struct Expectation {
  using Check = std::function<std::string(const Reply&)>;
  using OnSilence = std::function<void()>;

  // At least one of the two is true; a loud command is never silent.
  bool may_answer = true;
  bool may_be_silent = false;
  Check check = {};
  // A quiet command's silence is known once a later command's reply has come. May be empty.
  OnSilence on_silence = {};
  // Replies go on until one without a key and body (STAT).
  bool many_replies = false;
};

struct Command {
  Opcode opcode = Opcode::kNoop;
  std::string extras = {};
  std::string key = {};
  std::shared_ptr<const std::string> value = {};
  uint64_t cas = 0;
  Expectation expected = {};
};

// An item as a store left it. Its CAS is known once the server has told it, and must then stay the same.
struct Version {
  uint64_t cas = 0;
  // The CAS of the item that was there before, 0 if unknown: never told again.
  uint64_t before = 0;
};

std::string check_status(const Reply& reply, uint16_t wanted);
// `reply` tells the CAS of `version`.
std::string check_cas(const Reply& reply, Version& version);

bool is_quiet(Opcode opcode);
// The quiet form of an opcode that has one.
Opcode quiet_form(Opcode opcode);
// Whether a hit and a miss carry the key.
bool tells_key(Opcode opcode);

// An expectation of exactly this refusal; of quiet commands too.
Expectation refused(uint16_t status);
// A miss: answered with the key where the opcode tells it, and silent if quiet.
Expectation missed(Opcode opcode, const std::string& key);

}  // namespace mctenant::bench
