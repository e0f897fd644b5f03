#include "verify/expectation.h"

#include "verify/findings.h"

namespace mctenant::bench {
namespace {

std::string hex(uint64_t number) {
  char text[20];
  std::snprintf(text, sizeof(text), "0x%04llx", static_cast<unsigned long long>(number));
  return text;
}

}  // namespace

std::string check_status(const Reply& reply, uint16_t wanted) {
  if (reply.header.status == wanted) return {};
  return "status " + hex(reply.header.status) + " (" + shown(reply.value) + "), expected " + hex(wanted);
}

std::string check_cas(const Reply& reply, Version& version) {
  const uint64_t told = reply.header.cas;
  if (told == 0) return "no CAS was told";
  if (version.cas == 0) version.cas = told;
  if (told != version.cas) return "CAS " + std::to_string(told) + ", expected " + std::to_string(version.cas);
  if (told == version.before) return "the CAS of the item before, " + std::to_string(told);
  return {};
}

bool is_quiet(Opcode opcode) {
  switch (opcode) {
    case Opcode::kGetQ:
    case Opcode::kGetKQ:
    case Opcode::kGatQ:
    case Opcode::kGatKQ:
    case Opcode::kSetQ:
    case Opcode::kAddQ:
    case Opcode::kReplaceQ:
    case Opcode::kDeleteQ:
    case Opcode::kIncrementQ:
    case Opcode::kDecrementQ:
    case Opcode::kAppendQ:
    case Opcode::kPrependQ:
      return true;
    default:
      return false;
  }
}

Opcode quiet_form(Opcode opcode) {
  switch (opcode) {
    case Opcode::kGet:
      return Opcode::kGetQ;
    case Opcode::kGetK:
      return Opcode::kGetKQ;
    case Opcode::kGat:
      return Opcode::kGatQ;
    case Opcode::kGatK:
      return Opcode::kGatKQ;
    case Opcode::kSet:
      return Opcode::kSetQ;
    case Opcode::kAdd:
      return Opcode::kAddQ;
    case Opcode::kReplace:
      return Opcode::kReplaceQ;
    case Opcode::kDelete:
      return Opcode::kDeleteQ;
    case Opcode::kIncrement:
      return Opcode::kIncrementQ;
    case Opcode::kDecrement:
      return Opcode::kDecrementQ;
    case Opcode::kAppend:
      return Opcode::kAppendQ;
    case Opcode::kPrepend:
      return Opcode::kPrependQ;
    default:
      return opcode;
  }
}

bool tells_key(Opcode opcode) {
  return opcode == Opcode::kGetK || opcode == Opcode::kGetKQ || opcode == Opcode::kGatK ||
         opcode == Opcode::kGatKQ;
}

Expectation refused(uint16_t status) {
  return {.check = [status](const Reply& reply) { return check_status(reply, status); }};
}

Expectation missed(Opcode opcode, const std::string& key) {
  if (is_quiet(opcode)) return {.may_answer = false, .may_be_silent = true};
  const std::string told = tells_key(opcode) ? key : std::string();
  return {.check = [told](const Reply& reply) -> std::string {
    if (auto wrong = check_status(reply, kNotFound); !wrong.empty()) return wrong;
    if (reply.key != told) return "a miss with the key " + shown(reply.key);
    if (!told.empty() && !reply.value.empty()) return "a miss with key and text";
    return {};
  }};
}

}  // namespace mctenant::bench
