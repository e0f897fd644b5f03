#include "verify/own_keys.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "verify/findings.h"

namespace mctenant::bench {
namespace {

constexpr size_t kLargestUsual = size_t{200} << 10;
constexpr uint32_t kDoNotCreate = 0xffffffff;

Expectation silent() { return {.may_answer = false, .may_be_silent = true}; }

}  // namespace

OwnKeys::OwnKeys(const VerifyOptions& options, uint64_t run, size_t tenant, size_t rank, uint64_t seed)
    : options_(options), tenant_(tenant), random_(seed) {
  name_keys(run, rank);
}

// Plain keys, and those that a server which cares for the bytes or the length of a key would trip on.
void OwnKeys::name_keys(uint64_t run, size_t rank) {
  const std::string stem = "own-" + std::to_string(run) + "-" + std::to_string(rank);
  const auto padded = [](std::string key, size_t size, char with) {
    return key.append(size - key.size(), with);
  };
  std::vector<std::string> keys = {stem + "-a", stem + "-b",
                                   stem + "-c", padded(stem + "-full-", 250, 'f'),
                                   "~" + stem,  stem + " get x\r\nget y" + std::string("\0\xff\x80", 3)};
  if (!options_.stock) {
    keys.push_back(padded(stem + "-long-", 1000, '\x07'));
    keys.push_back(padded(stem + "-longer-", 60000, '~'));
    keys.push_back(padded(stem + "-longest-", 65535, 'L'));
  }
  for (std::string& key : keys) items_.push_back({.key = std::move(key)});
  items_.push_back({.key = stem + "-count", .counter = true});
  items_.push_back({.key = stem + "-count\n2", .counter = true});
}

Command OwnKeys::next() {
  Item& item = choose();
  return item.counter ? counter_command(item) : text_command(item);
}

bool OwnKeys::clean_up(Command& command) {
  if (cleaned_ == items_.size()) return false;
  Item& item = items_[cleaned_++];
  command.opcode = Opcode::kDelete;
  command.key = item.key;
  command.expected = refused(item.present ? kOk : kNotFound);
  return true;
}

// Keys of 60 KB and more only now and then: they would be most of the traffic.
OwnKeys::Item& OwnKeys::choose() {
  while (true) {
    Item& item = items_[random_.below(items_.size())];
    if (item.key.size() < 2000 || random_.one_in(10)) return item;
  }
}

OwnKeys::Condition OwnKeys::choose_condition(const Item& item) {
  if (!random_.one_in(5)) return Condition::kNone;
  return item.present && item.version->cas != 0 && random_.one_in(2) ? Condition::kMatches
                                                                     : Condition::kStale;
}

uint64_t OwnKeys::cas_for(const Item& item, Condition condition) const {
  if (condition == Condition::kNone) return 0;
  return condition == Condition::kMatches ? item.version->cas : item.version->cas + (uint64_t{1} << 40);
}

Command OwnKeys::text_command(Item& item) {
  const uint64_t dice = random_.below(100);
  if (dice < 45) return read(item);
  if (dice < 50) return touch(item);
  if (dice < 68) return store(item, Opcode::kSet);
  if (dice < 74) return store(item, Opcode::kAdd);
  if (dice < 81) return store(item, Opcode::kReplace);
  if (dice < 86) return grow(item, Opcode::kAppend);
  if (dice < 91) return grow(item, Opcode::kPrepend);
  if (dice < 97) return remove(item);
  if (dice < 98 || options_.stock)
    return count_text(item, random_.one_in(2) ? Opcode::kIncrement : Opcode::kDecrement);
  if (!random_.one_in(8)) return read(item);
  switch (random_.below(5)) {
    case 0:
      return store_too_large(item, Opcode::kSet);
    case 1:
      return store_too_large(item, Opcode::kAdd);
    case 2:
      return store_too_large(item, Opcode::kReplace);
    case 3:
      return grow_too_large(item, Opcode::kAppend);
    default:
      return grow_too_large(item, Opcode::kPrepend);
  }
}

Command OwnKeys::counter_command(Item& item) {
  const uint64_t dice = random_.below(100);
  if (dice < 35) return read(item);
  if (dice < 40) return touch(item);
  if (dice < 50) return store(item, Opcode::kSet);
  if (dice < 55) return remove(item);
  return count(item, dice < 80 ? Opcode::kIncrement : Opcode::kDecrement);
}

Command OwnKeys::read(Item& item) {
  static constexpr Opcode kReads[] = {Opcode::kGet,  Opcode::kGetK, Opcode::kGet,
                                      Opcode::kGetK, Opcode::kGat,  Opcode::kGatK};
  const Opcode opcode = maybe_quiet(kReads[random_.below(std::size(kReads))]);
  const bool touches = opcode == Opcode::kGat || opcode == Opcode::kGatQ || opcode == Opcode::kGatK ||
                       opcode == Opcode::kGatKQ;
  return {.opcode = opcode,
          .extras = touches ? expiry() : std::string(),
          .key = item.key,

          .expected = item.present ? hit(item, opcode) : missed(opcode, item.key)};
}

Expectation OwnKeys::hit(const Item& item, Opcode opcode) const {
  const std::string key = tells_key(opcode) ? item.key : std::string();
  return {.check = [key, counter = item.counter, number = item.number, flags = item.flags, value = item.value,
                    version = item.version](const Reply& reply) -> std::string {
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    if (reply.key != key) return "the key " + shown(reply.key) + ", expected " + shown(key);
    if (reply.extras.size() != 4) return std::to_string(reply.extras.size()) + " bytes of extras";
    if (read_u32(reply.extras) != flags) return "flags " + std::to_string(read_u32(reply.extras));
    // A number that got shorter may keep its length, with spaces behind it.
    const std::string wanted = counter ? std::to_string(number) : *value;
    std::string_view told = reply.value;
    while (counter && told.ends_with(' ')) told.remove_suffix(1);
    if (told != wanted) return "the value " + shown(reply.value) + ", expected " + shown(wanted);
    return check_cas(reply, *version);
  }};
}

Command OwnKeys::touch(Item& item) {
  Command command{.opcode = Opcode::kTouch, .extras = expiry(), .key = item.key};
  if (!item.present) {
    command.expected = missed(command.opcode, item.key);
    return command;
  }
  const size_t extras = options_.stock ? 4 : 0;
  command.expected.check = [extras, version = item.version](const Reply& reply) -> std::string {
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    if (reply.extras.size() != extras) return std::to_string(reply.extras.size()) + " bytes of extras";
    return check_cas(reply, *version);
  };
  return command;
}

Command OwnKeys::store(Item& item, Opcode loud) {
  const Condition condition = loud == Opcode::kAdd ? Condition::kNone : choose_condition(item);
  Command command{.opcode = maybe_quiet(loud), .key = item.key};
  const auto flags = static_cast<uint32_t>(random_.next());
  append_u32(command.extras, flags);
  command.extras += expiry();
  command.cas = cas_for(item, condition);
  const uint64_t number = random_.below(1000000);
  command.value = item.counter ? std::make_shared<const std::string>(std::to_string(number))
                               : make_value(value_size(item));
  if (loud == Opcode::kAdd ? item.present : condition == Condition::kStale && item.present) {
    command.expected = refused(kExists);
  } else if (!item.present && (loud == Opcode::kReplace || condition != Condition::kNone)) {
    command.expected = refused(kNotFound);
  } else {
    item.present = true;
    item.flags = flags;
    item.value = command.value;
    item.number = number;
    command.expected = stored(item, command.opcode);
  }
  return command;
}

Expectation OwnKeys::stored(Item& item, Opcode opcode) {
  const uint64_t before = item.version->cas;
  item.version = std::make_shared<Version>(Version{0, before});
  if (is_quiet(opcode)) return silent();
  return {.check = [version = item.version](const Reply& reply) -> std::string {
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    if (!reply.value.empty() || !reply.key.empty()) return "a body behind a store";
    return check_cas(reply, *version);
  }};
}

// One byte over the limit. SET leaves nothing of the old value, ADD and REPLACE leave it as it was.
Command OwnKeys::store_too_large(Item& item, Opcode loud) {
  Command command{.opcode = maybe_quiet(loud), .extras = std::string(8, '\0'), .key = item.key};
  command.value = make_value(options_.item_size - item.key.size() + 1);
  command.expected = refused(kTooLarge);
  if (loud == Opcode::kSet) {
    item.present = false;
    item.version = std::make_shared<Version>(Version{0, item.version->cas});
  }
  return command;
}

Command OwnKeys::grow(Item& item, Opcode loud) {
  const Condition condition = choose_condition(item);
  Command command{.opcode = maybe_quiet(loud), .key = item.key};
  const auto more = make_value(random_.one_in(20) ? random_.between(1, 20000) : random_.between(1, 200));
  command.value = more;
  command.cas = item.present ? cas_for(item, condition) : 0;
  if (!item.present) {
    command.expected = refused(kNotStored);
  } else if (condition == Condition::kStale) {
    command.expected = refused(kExists);
  } else if (item.key.size() + item.value->size() + more->size() > options_.item_size) {
    if (options_.stock) return read(item);
    command.expected = refused(kTooLarge);
  } else {
    item.value = std::make_shared<const std::string>(loud == Opcode::kAppend ? *item.value + *more
                                                                             : *more + *item.value);
    command.expected = stored(item, command.opcode);
  }
  return command;
}

// Grows the value to one byte over the limit: refused, and nothing changed.
Command OwnKeys::grow_too_large(Item& item, Opcode loud) {
  Command command{.opcode = maybe_quiet(loud), .key = item.key};
  if (!item.present) return read(item);
  command.value = make_value(options_.item_size - item.key.size() - item.value->size() + 1);
  command.expected = refused(kTooLarge);
  return command;
}

Command OwnKeys::remove(Item& item) {
  const Condition condition = choose_condition(item);
  Command command{.opcode = maybe_quiet(Opcode::kDelete), .key = item.key};
  command.cas = cas_for(item, condition);
  if (!item.present) {
    command.expected = refused(kNotFound);
  } else if (condition == Condition::kStale) {
    command.expected = refused(kExists);
  } else {
    item.present = false;
    item.version = std::make_shared<Version>(Version{0, item.version->cas});
    command.expected = is_quiet(command.opcode) ? silent() : refused(kOk);
  }
  return command;
}

Command OwnKeys::count(Item& item, Opcode loud) {
  const uint64_t delta = random_.below(random_.one_in(2) ? 10 : 1000000);
  const uint64_t initial = random_.below(1000);
  const bool create = random_.one_in(2);
  Command command{.opcode = maybe_quiet(loud), .key = item.key};
  append_u64(command.extras, delta);
  append_u64(command.extras, initial);
  append_u32(command.extras, create ? 0 : kDoNotCreate);
  const Condition condition = item.present ? choose_condition(item) : Condition::kNone;
  command.cas = cas_for(item, condition);
  if (!item.present && !create) {
    command.expected = refused(kNotFound);
    return command;
  }
  if (condition == Condition::kStale) {
    command.expected = refused(kExists);
    return command;
  }
  if (!item.present) {
    item.number = initial;
    item.flags = 0;
  } else {
    item.number =
        loud == Opcode::kIncrement ? item.number + delta : item.number - std::min(item.number, delta);
  }
  item.present = true;
  command.expected = stored(item, command.opcode);
  if (is_quiet(command.opcode)) return command;
  command.expected.check = [number = item.number, version = item.version](const Reply& reply) -> std::string {
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    if (reply.value.size() != 8) return std::to_string(reply.value.size()) + " bytes of value";
    const uint64_t told = read_u64(reply.value);
    if (told != number) return "the number " + std::to_string(told) + ", expected " + std::to_string(number);
    return check_cas(reply, *version);
  };
  return command;
}

Command OwnKeys::count_text(Item& item, Opcode loud) {
  Command command{.opcode = maybe_quiet(loud), .key = item.key};
  append_u64(command.extras, 1);
  append_u64(command.extras, 1);
  append_u32(command.extras, kDoNotCreate);
  command.expected = refused(item.present ? kNotNumber : kNotFound);
  return command;
}

Opcode OwnKeys::maybe_quiet(Opcode opcode) { return random_.one_in(3) ? quiet_form(opcode) : opcode; }

// Never within the run: an expired key would be a miss that nobody is to blame for.
std::string OwnKeys::expiry() {
  static constexpr uint32_t kLater[] = {0, 0, 0, 3600, 86400, 30 * 86400, 0x7fffffff, 0x80000000, 0xfffffffe};
  std::string extras;
  append_u32(extras, kLater[random_.below(std::size(kLater))]);
  return extras;
}

// Small ones are many, big ones few; now and then exactly as much as may be stored, or nothing at all.
size_t OwnKeys::value_size(const Item& item) {
  if (random_.one_in(400)) return options_.item_size - item.key.size();
  if (random_.one_in(200)) return 0;
  const auto size =
      static_cast<size_t>(std::exp(random_.unit() * std::log(static_cast<double>(kLargestUsual))));
  return std::clamp<size_t>(size, 1, kLargestUsual);
}

// Any bytes behind a letter that tells the tenant; no two are alike.
std::shared_ptr<const std::string> OwnKeys::make_value(size_t size) {
  std::string value(size, '\0');
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t bytes = random_.next();
    std::memcpy(value.data() + at, &bytes, std::min(sizeof(bytes), size - at));
  }
  if (size > 0) value[0] = static_cast<char>('A' + tenant_ % 26);
  return std::make_shared<const std::string>(std::move(value));
}

}  // namespace mctenant::bench
