#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/random.h"
#include "verify/expectation.h"
#include "verify/findings.h"
#include "verify/options.h"

namespace mctenant::bench {

// What all connections of a tenant know together about its shared keys: what may be read there.
class SharedTruth {
 public:
  static constexpr size_t kKeys = 24;

  SharedTruth(uint64_t run, size_t tenant, size_t connections);

  // A value tells its tenant, key, writer and the writer's sequence number, and ends with a checksum of
  // itself.
  struct Origin {
    uint32_t key;
    uint32_t writer;
    uint32_t sequence;
  };
  std::shared_ptr<const std::string> make_value(const Origin& origin, size_t payload, Random& random) const;
  // Reads a value's origin; what is wrong with it, or nothing.
  std::string read_value(std::string_view value, uint32_t key, Origin& origin) const;
  // One CAS of a key belongs to one value for ever.
  std::string check_cas(uint64_t cas, const Origin& origin);

  std::string key(size_t index) const { return stem_ + std::to_string(index); }
  std::string counter_key() const { return stem_ + "counter"; }
  std::string log_key() const { return stem_ + "log"; }

  // One appended record of the log; its writer and number can be read back, and a torn one is seen.
  std::string log_record(uint32_t writer, uint32_t number) const;
  // Reads the whole log; what is wrong with it, or nothing. `complete`: every record of `logged` must stand
  // there.
  std::string read_log(std::string_view value, bool complete) const;

  // Sent so far, by writer: sequence numbers of values, and records of the log.
  std::vector<uint32_t> sequences;
  std::vector<uint32_t> records;
  // Records that were acknowledged: [writer][number].
  std::vector<std::vector<bool>> logged;
  uint64_t counted = 0;

 private:
  std::string stem_;
  size_t tenant_;
  std::vector<std::unordered_map<uint64_t, uint64_t>> cas_;
};

// One connection's use of its tenant's shared keys. What a reply says can't be known before, but much of it
// can be refused: a foreign or torn value, one older than what this connection has seen of the same writer, a
// number that falls.
class SharedKeys {
 public:
  SharedKeys(SharedTruth& truth, Findings& findings, size_t rank, size_t connections, uint64_t seed);

  // The first two commands make the counter and the log, unless they are there.
  Command make_counter();
  Command make_log();
  Command next();
  // When nobody writes any more: the sum of all that was counted, every record that was acknowledged.
  Command final_counter();
  Command final_log();
  Command remove(const std::string& key);

 private:
  Command read(uint32_t key);
  Command store(uint32_t key);
  Command remove_or_touch(uint32_t key);
  Command count();
  Command log();
  std::string check_read(const Reply& reply, uint32_t key);
  void own_write(const SharedTruth::Origin& origin);
  size_t payload_size();

  SharedTruth& truth_;
  Findings& findings_;
  const uint32_t rank_;
  Random random_;
  uint32_t records_left_;
  // The newest sequence number seen of each writer, by key.
  std::vector<std::vector<uint32_t>> seen_;
  uint64_t counter_seen_ = 0;
};

}  // namespace mctenant::bench
