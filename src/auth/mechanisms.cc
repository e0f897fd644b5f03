#include "auth/mechanisms.h"

#include <string>

namespace mctenant::auth {
namespace {

constexpr size_t kSets = size_t{1} << kMechanismNames.size();

std::array<std::string, kSets> make_lists() {
  std::array<std::string, kSets> lists;
  for (size_t set = 0; set < kSets; ++set) {
    for (size_t i = 0; i < kMechanismNames.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      if (!lists[set].empty()) lists[set] += ' ';
      lists[set] += kMechanismNames[i];
    }
  }
  return lists;
}

}  // namespace

std::optional<Mechanism> find_mechanism(std::string_view name) {
  for (size_t i = 0; i < kMechanismNames.size(); ++i) {
    if (kMechanismNames[i] == name) return static_cast<Mechanism>(i);
  }
  return std::nullopt;
}

std::optional<Hash> hash_of(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::scram_sha_1:
      return Hash::sha_1;
    case Mechanism::scram_sha_256:
      return Hash::sha_256;
    case Mechanism::scram_sha_512:
      return Hash::sha_512;
    default:
      return std::nullopt;
  }
}

std::string_view list_of(Mechanisms mechanisms) {
  static const std::array<std::string, kSets> lists = make_lists();
  return lists[mechanisms.bits()];
}

}  // namespace mctenant::auth
