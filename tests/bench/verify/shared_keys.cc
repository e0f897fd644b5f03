#include "verify/shared_keys.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mctenant::bench {
namespace {

constexpr size_t kHeader = 20;
constexpr size_t kChecksum = 8;
constexpr size_t kRecord = 16;
constexpr size_t kLargestLog = size_t{900} << 10;
constexpr size_t kLargestPayload = size_t{64} << 10;
constexpr size_t kRememberedCas = 4096;
constexpr std::string_view kLogHead = "LOG:";

uint64_t checksum(std::string_view bytes) {
  uint64_t sum = bytes.size();
  for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
    uint64_t part = 0;
    std::memcpy(&part, bytes.data() + at, std::min(sizeof(part), bytes.size() - at));
    sum = Random::mix(sum ^ part);
  }
  return sum;
}

Expectation quiet_success(Expectation::OnSilence then = {}) {
  return {.may_answer = false, .may_be_silent = true, .on_silence = std::move(then)};
}

std::string what_stands(uint32_t writer, uint32_t number) {
  return "writer " + std::to_string(writer) + "'s number " + std::to_string(number);
}

}  // namespace

SharedTruth::SharedTruth(uint64_t run, size_t tenant, size_t connections)
    : sequences(connections),
      records(connections),
      logged(connections),
      stem_("shared-" + std::to_string(run) + "-"),
      tenant_(tenant),
      cas_(kKeys) {}

std::shared_ptr<const std::string> SharedTruth::make_value(const Origin& origin, size_t payload,
                                                           Random& random) const {
  std::string value = "SHRD";
  for (uint64_t number :
       {uint64_t{tenant_}, uint64_t{origin.key}, uint64_t{origin.writer}, uint64_t{origin.sequence}}) {
    append_u32(value, static_cast<uint32_t>(number));
  }
  for (size_t i = 0; i < payload; ++i) value.push_back(static_cast<char>(random.next()));
  append_u64(value, checksum(value));
  return std::make_shared<const std::string>(std::move(value));
}

std::string SharedTruth::read_value(std::string_view value, uint32_t key, Origin& origin) const {
  if (value.size() < kHeader + kChecksum || !value.starts_with("SHRD"))
    return "not a shared value: " + shown(value);
  const std::string_view body = value.substr(0, value.size() - kChecksum);
  if (checksum(body) != read_u64(value.substr(body.size()))) return "a torn value: " + shown(value);
  if (read_u32(value.substr(4)) != tenant_) return "ANOTHER TENANT'S value: " + shown(value);
  origin = {read_u32(value.substr(8)), read_u32(value.substr(12)), read_u32(value.substr(16))};
  if (origin.key != key) return "another key's value: " + shown(value);
  if (origin.writer >= sequences.size() || origin.sequence > sequences[origin.writer])
    return "a value nobody wrote";
  return {};
}

std::string SharedTruth::check_cas(uint64_t cas, const Origin& origin) {
  if (cas == 0) return "no CAS was told";
  auto& known = cas_[origin.key];
  if (known.size() > kRememberedCas) known.clear();
  const uint64_t value = uint64_t{origin.writer} << 32 | origin.sequence;
  const auto [entry, fresh] = known.emplace(cas, value);
  if (fresh || entry->second == value) return {};
  return "CAS " + std::to_string(cas) + " was told for another value before";
}

std::string SharedTruth::log_record(uint32_t writer, uint32_t number) const {
  std::string record;
  append_u32(record, writer);
  append_u32(record, number);
  append_u64(record, Random::mix(uint64_t{writer} << 32 | number) ^ tenant_);
  return record;
}

std::string SharedTruth::read_log(std::string_view value, bool complete) const {
  if (!value.starts_with(kLogHead) || (value.size() - kLogHead.size()) % kRecord != 0)
    return "not a log: " + shown(value);
  std::vector<std::vector<bool>> found(records.size());
  std::vector<uint32_t> last(records.size());
  for (size_t at = kLogHead.size(); at < value.size(); at += kRecord) {
    const std::string_view record = value.substr(at, kRecord);
    const uint32_t writer = read_u32(record);
    const uint32_t number = read_u32(record.substr(4));
    if (record != log_record(writer, number)) return "a torn record in the log";
    if (writer >= records.size() || number > records[writer]) return "a record nobody wrote";
    if (number <= last[writer]) return what_stands(writer, number) + " twice or too late in the log";
    last[writer] = number;
    found[writer].resize(number + 1);
    found[writer][number] = true;
  }
  for (uint32_t writer = 0; complete && writer < logged.size(); ++writer) {
    for (uint32_t number = 0; number < logged[writer].size(); ++number) {
      const bool there = number < found[writer].size() && found[writer][number];
      if (logged[writer][number] && !there) return what_stands(writer, number) + " is lost from the log";
    }
  }
  return {};
}

SharedKeys::SharedKeys(SharedTruth& truth, Findings& findings, size_t rank, size_t connections, uint64_t seed)
    : truth_(truth),
      findings_(findings),
      rank_(static_cast<uint32_t>(rank)),
      random_(seed),
      records_left_(static_cast<uint32_t>(std::min<size_t>(200, kLargestLog / kRecord / connections))),
      seen_(SharedTruth::kKeys, std::vector<uint32_t>(connections)) {}

Command SharedKeys::make_counter() {
  Command command{.opcode = Opcode::kAdd, .extras = std::string(8, '\0'), .key = truth_.counter_key()};
  command.value = std::make_shared<const std::string>("0");
  command.expected.check = [](const Reply& reply) {
    return reply.header.status == kExists ? std::string() : check_status(reply, kOk);
  };
  return command;
}

Command SharedKeys::make_log() {
  Command command = make_counter();
  command.key = truth_.log_key();
  command.value = std::make_shared<const std::string>(kLogHead);
  return command;
}

Command SharedKeys::next() {
  const auto key = static_cast<uint32_t>(random_.below(SharedTruth::kKeys));
  const uint64_t dice = random_.below(100);
  if (dice < 50) return read(key);
  if (dice < 72) return store(key);
  if (dice < 80) return remove_or_touch(key);
  return dice < 95 ? count() : log();
}

Command SharedKeys::read(uint32_t key) {
  static constexpr Opcode kReads[] = {Opcode::kGet,  Opcode::kGetK,  Opcode::kGat,  Opcode::kGatK,
                                      Opcode::kGetQ, Opcode::kGetKQ, Opcode::kGatQ, Opcode::kGatKQ};
  Command command{.opcode = kReads[random_.below(std::size(kReads))],

                  .key = truth_.key(key)};
  const bool touches = command.opcode == Opcode::kGat || command.opcode == Opcode::kGatQ ||
                       command.opcode == Opcode::kGatK || command.opcode == Opcode::kGatKQ;
  if (touches) append_u32(command.extras, 0);
  command.expected.may_be_silent = is_quiet(command.opcode);
  command.expected.check = [this, key, opcode = command.opcode](const Reply& reply) -> std::string {
    const std::string name = tells_key(opcode) ? truth_.key(key) : std::string();
    if (reply.header.status == kNotFound && !is_quiet(opcode)) {
      return reply.key == name ? std::string() : "a miss with the key " + shown(reply.key);
    }
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    if (reply.key != name) return "the key " + shown(reply.key);
    return check_read(reply, key);
  };
  return command;
}

// A writer's stores of a key take effect in their order, and so do a reader's reads: none may go back.
std::string SharedKeys::check_read(const Reply& reply, uint32_t key) {
  SharedTruth::Origin origin{};
  if (auto wrong = truth_.read_value(reply.value, key, origin); !wrong.empty()) return wrong;
  if (reply.extras.size() != 4 || read_u32(reply.extras) != origin.sequence) return "another value's flags";
  uint32_t& seen = seen_[key][origin.writer];
  if (origin.sequence < seen) {
    return what_stands(origin.writer, origin.sequence) + " after its number " + std::to_string(seen);
  }
  seen = origin.sequence;
  findings_.checked_value(reply.value.size());
  return truth_.check_cas(reply.header.cas, origin);
}

Command SharedKeys::store(uint32_t key) {
  static constexpr Opcode kStores[] = {Opcode::kSet,  Opcode::kSet,  Opcode::kAdd,  Opcode::kReplace,
                                       Opcode::kSetQ, Opcode::kSetQ, Opcode::kAddQ, Opcode::kReplaceQ};
  const SharedTruth::Origin origin{key, rank_, ++truth_.sequences[rank_]};
  Command command{.opcode = kStores[random_.below(std::size(kStores))],

                  .key = truth_.key(key)};
  append_u32(command.extras, origin.sequence);
  append_u32(command.extras, 0);
  command.value = truth_.make_value(origin, payload_size(), random_);
  const bool set = command.opcode == Opcode::kSet || command.opcode == Opcode::kSetQ;
  const bool add = command.opcode == Opcode::kAdd || command.opcode == Opcode::kAddQ;
  const bool quiet = is_quiet(command.opcode);
  command.expected.may_be_silent = quiet;
  command.expected.may_answer = !quiet || !set;
  command.expected.on_silence = [this, origin] { own_write(origin); };
  command.expected.check = [this, origin, quiet, set, add](const Reply& reply) -> std::string {
    if (!set && reply.header.status == (add ? kExists : kNotFound)) return {};
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    if (quiet) return "a quiet store was answered";
    own_write(origin);
    return truth_.check_cas(reply.header.cas, origin);
  };
  return command;
}

void SharedKeys::own_write(const SharedTruth::Origin& origin) { seen_[origin.key][rank_] = origin.sequence; }

Command SharedKeys::remove_or_touch(uint32_t key) {
  Command command = remove(truth_.key(key));
  if (random_.one_in(2)) {
    command.opcode = Opcode::kTouch;
    append_u32(command.extras, 3600);
  }
  return command;
}

Command SharedKeys::remove(const std::string& key) {
  Command command{.opcode = Opcode::kDelete, .key = key};
  command.expected.check = [](const Reply& reply) {
    return reply.header.status == kNotFound ? std::string() : check_status(reply, kOk);
  };
  return command;
}

Command SharedKeys::count() {
  const uint64_t delta = random_.between(1, 9);
  const bool quiet = random_.one_in(3);
  Command command{.opcode = quiet ? Opcode::kIncrementQ : Opcode::kIncrement,

                  .key = truth_.counter_key()};
  append_u64(command.extras, delta);
  append_u64(command.extras, 0);
  append_u32(command.extras, 0xffffffff);
  truth_.counted += delta;
  if (quiet) {
    command.expected = quiet_success([this, delta] { counter_seen_ += delta; });
    return command;
  }
  command.expected.check = [this, delta](const Reply& reply) -> std::string {
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    if (reply.value.size() != 8) return std::to_string(reply.value.size()) + " bytes of value";
    const uint64_t told = read_u64(reply.value);
    if (told < counter_seen_ + delta) {
      return "the number " + std::to_string(told) + " after at least " + std::to_string(counter_seen_);
    }
    if (told > truth_.counted) return "the number " + std::to_string(told) + ", more than all ever counted";
    counter_seen_ = told;
    return {};
  };
  return command;
}

Command SharedKeys::log() {
  Command command{.opcode = Opcode::kGet, .key = truth_.log_key()};
  if (records_left_ == 0 || random_.one_in(20)) {
    if (!random_.one_in(20)) return count();
    command.expected.check = [this](const Reply& reply) -> std::string {
      const auto wrong = check_status(reply, kOk);
      return wrong.empty() ? truth_.read_log(reply.value, false) : wrong;
    };
    return command;
  }
  --records_left_;
  const uint32_t number = ++truth_.records[rank_];
  command.opcode = random_.one_in(2) ? Opcode::kAppendQ : Opcode::kAppend;
  command.value = std::make_shared<const std::string>(truth_.log_record(rank_, number));
  const bool quiet = is_quiet(command.opcode);
  command.expected.may_be_silent = quiet;
  const auto acknowledged = [this, number] {
    truth_.logged[rank_].resize(number + 1);
    truth_.logged[rank_][number] = true;
  };
  command.expected.on_silence = acknowledged;
  command.expected.check = [this, quiet, acknowledged](const Reply& reply) -> std::string {
    if (reply.header.status == kTemporaryFailure) {
      findings_.contended();
      return {};
    }
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    if (quiet) return "a quiet append was answered";
    acknowledged();
    return {};
  };
  return command;
}

Command SharedKeys::final_counter() {
  Command command{.opcode = Opcode::kGet, .key = truth_.counter_key()};
  command.expected.check = [this](const Reply& reply) -> std::string {
    if (auto wrong = check_status(reply, kOk); !wrong.empty()) return wrong;
    const std::string wanted = std::to_string(truth_.counted);
    return reply.value == wanted ? std::string()
                                 : "the sum is " + shown(reply.value) + ", counted were " + wanted;
  };
  return command;
}

Command SharedKeys::final_log() {
  Command command{.opcode = Opcode::kGet, .key = truth_.log_key()};
  command.expected.check = [this](const Reply& reply) -> std::string {
    const auto wrong = check_status(reply, kOk);
    return wrong.empty() ? truth_.read_log(reply.value, true) : wrong;
  };
  return command;
}

size_t SharedKeys::payload_size() {
  return static_cast<size_t>(std::exp(random_.unit() * std::log(static_cast<double>(kLargestPayload))));
}

}  // namespace mctenant::bench
