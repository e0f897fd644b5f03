#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "auth/verifier.h"

namespace mctenant::auth {

// The passwords that were right lately, as digests under a key that no one else has and that ends with the
// process. A digest covers username, verifier and password, so a changed verifier forgets by itself. Holds
// `capacity` digests at most and drops the one that was longest unused. Thread-safe.
class Remembered {
 public:
  using Digest = std::array<uint8_t, 32>;
  struct DigestHash {
    // A keyed digest is as good as random: its first bytes serve.
    size_t operator()(const Digest& digest) const;
  };

  explicit Remembered(size_t capacity);

  // Of an attempt. The same work whoever the user is.
  [[nodiscard]] Digest digest(std::string_view username, const Verifier& verifier,
                              std::string_view password) const;
  // The same work whether the answer is yes or no.
  [[nodiscard]] bool contains(const Digest& wanted);
  void add(const Digest& added);
  [[nodiscard]] size_t size() const;

 private:
  const size_t capacity_;
  std::array<uint8_t, 32> key_;
  // One lock for all: it is held for some 100 ns, against the 10 µs that a sign-in takes beside it.
  mutable std::mutex mutex_;
  std::list<Digest> by_use_;  // the latest used first
  std::unordered_map<Digest, std::list<Digest>::iterator, DigestHash> found_;
};

}  // namespace mctenant::auth
