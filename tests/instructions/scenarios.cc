#include "instructions/scenarios.h"

#include <string>

namespace mctenant::instructions {
namespace {

using support::Packet;
namespace op = support::op;
namespace status = support::status;

constexpr size_t kKeys = 512;              // that are asked for in turn
constexpr uint64_t kSmallQuota = 100'000;  // some 500 items of 100 bytes
constexpr size_t kBatch = 16;

// 30 bytes, of the same length for every n.
std::string key(size_t n) {
  std::string digits = std::to_string(n);
  return "user:session:" + std::string(17 - digits.size(), '0') + digits;
}
std::string long_key(size_t n) { return key(n) + std::string(270, 'x'); }

void ask(BenchWorld& world, const Packet& packet) { world.exchange(packet.bytes(), 1, status::kOk); }

void store(BenchWorld& world, size_t count, const std::string& value) {
  for (size_t n = 0; n < count; ++n) ask(world, support::set(key(n), value));
}

void nothing(BenchWorld&, size_t) {}
void small_items(BenchWorld& world, size_t) { store(world, kKeys, std::string(100, 'v')); }
void large_items(BenchWorld& world, size_t) { store(world, kKeys, std::string(32'768, 'v')); }
void numbers(BenchWorld& world, size_t) { store(world, kKeys, "1000000"); }
// For what can be done but once to an item.
void item_each(BenchWorld& world, size_t repetitions) { store(world, repetitions, std::string(100, 'v')); }

void noop(BenchWorld& world, size_t) { ask(world, support::simple(op::kNoop)); }
void get(BenchWorld& world, size_t n) { ask(world, support::get(key(n % kKeys))); }
void get_nothing(BenchWorld& world, size_t n) {
  world.exchange(support::get(key(n)).bytes(), 1, status::kNotFound);
}
void get_batch(BenchWorld& world, size_t n) {
  std::string bytes;
  for (size_t i = 0; i < kBatch; ++i) {
    bytes += support::get(key((n * kBatch + i) % kKeys)).with_opcode(op::kGetQ).bytes();
  }
  world.exchange(bytes + support::simple(op::kNoop).bytes(), kBatch + 1, status::kOk);
}
void set(BenchWorld& world, size_t n) { ask(world, support::set(key(n % kKeys), std::string(100, 'v'))); }
void set_for_a_while(BenchWorld& world, size_t n) {
  ask(world, support::set(key(n % kKeys), std::string(100, 'v'), 0, 3600));
}
void set_large(BenchWorld& world, size_t n) {
  ask(world, support::set(key(n % kKeys), std::string(32'768, 'v')));
}
// Nothing was stored under these keys.
void set_another(BenchWorld& world, size_t n) {
  ask(world, support::set(key(1'000'000 + n), std::string(100, 'v')));
}
void set_long_key(BenchWorld& world, size_t n) {
  ask(world, support::set(long_key(n % kKeys), std::string(100, 'v')));
}
void touch(BenchWorld& world, size_t n) { ask(world, support::touch(key(n % kKeys), 3600)); }
void increment(BenchWorld& world, size_t n) { ask(world, support::increment(key(n % kKeys), 1)); }
void append(BenchWorld& world, size_t n) { ask(world, support::append(key(n), "tail")); }
void remove(BenchWorld& world, size_t n) { ask(world, support::keyed(op::kDelete, key(n))); }
// The same as text and meta.
void text_get(BenchWorld& world, size_t n) {
  const std::string name = key(n % kKeys);
  world.exchange_text("get " + name + "\r\n", 6 + name.size() + 8 + 102 + 5, "VALUE " + name + " 0 100\r\n");
}
void text_get_nothing(BenchWorld& world, size_t n) {
  world.exchange_text("get " + key(n) + "\r\n", 5, "END\r\n");
}
void text_get_batch(BenchWorld& world, size_t n) {
  std::string line = "get";
  for (size_t i = 0; i < kBatch; ++i) line += " " + key((n * kBatch + i) % kKeys);
  world.exchange_text(line + "\r\n", kBatch * (6 + key(0).size() + 8 + 102) + 5, "VALUE ");
}
void text_set(BenchWorld& world, size_t n) {
  world.exchange_text("set " + key(n % kKeys) + " 0 0 100\r\n" + std::string(100, 'v') + "\r\n", 8,
                      "STORED\r\n");
}
void text_increment(BenchWorld& world, size_t n) {
  world.exchange_text("incr " + key(n % kKeys) + " 1\r\n", 9, "1000");
}
void meta_get(BenchWorld& world, size_t n) {
  world.exchange_text("mg " + key(n % kKeys) + " v f\r\n", 6 + 3 + 2 + 102, "VA 100 f0\r\n");
}
void meta_get_nothing(BenchWorld& world, size_t n) {
  world.exchange_text("mg " + key(n) + " v f\r\n", 4, "EN\r\n");
}
void meta_set(BenchWorld& world, size_t n) {
  world.exchange_text("ms " + key(n % kKeys) + " 100 T3600\r\n" + std::string(100, 'v') + "\r\n", 4,
                      "HD\r\n");
}
void sign_in(BenchWorld& world, size_t) {
  world.enter();
  world.leave();
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"noop", 0, nothing, noop},
      {"get_hit", 0, small_items, get},
      {"get_miss", 0, nothing, get_nothing},
      {"get_batch_of_16", 0, small_items, get_batch},
      {"get_32k", 0, large_items, get},
      {"set", 0, small_items, set},
      {"set_with_expiry", 0, small_items, set_for_a_while},
      {"set_evicting", kSmallQuota, item_each, set_another},
      {"set_long_key", 0, nothing, set_long_key},
      {"set_32k", 0, large_items, set_large},
      {"append", 0, item_each, append},
      {"increment", 0, numbers, increment},
      {"touch", 0, small_items, touch},
      {"delete", 0, item_each, remove},
      {"text_get_hit", 0, small_items, text_get},
      {"text_get_miss", 0, nothing, text_get_nothing},
      {"text_get_batch_of_16", 0, small_items, text_get_batch},
      {"text_set", 0, small_items, text_set},
      {"text_increment", 0, numbers, text_increment},
      {"meta_get_hit", 0, small_items, meta_get},
      {"meta_get_miss", 0, nothing, meta_get_nothing},
      {"meta_set", 0, small_items, meta_set},
      {"sign_in_remembered", 0, nothing, sign_in},
  };
  return all;
}

}  // namespace mctenant::instructions
