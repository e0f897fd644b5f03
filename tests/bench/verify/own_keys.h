#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/random.h"
#include "verify/expectation.h"
#include "verify/options.h"

namespace mctenant::bench {

// Keys that one connection alone uses. Since its commands take effect in their order, the model is brought
// forward when a command is made, and what each must answer is known before it is sent: status, value, flags,
// key and CAS.
class OwnKeys {
 public:
  // The names hold `run` and `rank`, the connection's number within its tenant: tenants use the same names.
  OwnKeys(const VerifyOptions& options, uint64_t run, size_t tenant, size_t rank, uint64_t seed);

  Command next();
  // Deletes the next key of the model; without one, nothing is left.
  bool clean_up(Command& command);

 private:
  struct Item {
    std::string key;
    // A number that INCR and DECR work on; else any bytes, beginning with a letter.
    bool counter = false;
    bool present = false;
    std::shared_ptr<const std::string> value = {};
    uint64_t number = 0;
    uint32_t flags = 0;
    std::shared_ptr<Version> version = std::make_shared<Version>();
  };
  // How a conditional command's CAS stands to the item's.
  enum class Condition { kNone, kMatches, kStale };

  void name_keys(uint64_t run, size_t rank);
  Item& choose();
  Condition choose_condition(const Item& item);
  uint64_t cas_for(const Item& item, Condition condition) const;

  Command text_command(Item& item);
  Command counter_command(Item& item);
  Command read(Item& item);
  Command touch(Item& item);
  Command store(Item& item, Opcode opcode);
  Command store_too_large(Item& item, Opcode opcode);
  Command grow(Item& item, Opcode opcode);
  Command grow_too_large(Item& item, Opcode opcode);
  Command remove(Item& item);
  Command count(Item& item, Opcode opcode);
  Command count_text(Item& item, Opcode opcode);

  Expectation hit(const Item& item, Opcode opcode) const;
  // The item was changed: a new version, and the expectation that its CAS is told.
  Expectation stored(Item& item, Opcode opcode);
  Opcode maybe_quiet(Opcode opcode);
  std::string expiry();
  size_t value_size(const Item& item);
  std::shared_ptr<const std::string> make_value(size_t size);

  const VerifyOptions& options_;
  const size_t tenant_;
  Random random_;
  std::vector<Item> items_;
  size_t cleaned_ = 0;
};

}  // namespace mctenant::bench
