#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/frame.h"

namespace mctenant::bench {

// What the run sent, checked, and found wrong.
class Findings {
 public:
  void sent(Opcode opcode, bool loud) {
    ++commands_[static_cast<uint8_t>(opcode)];
    loud ? ++loud_ : ++quiet_;
  }
  void answered(uint16_t status) {
    ++answered_;
    ++statuses_[status < statuses_.size() ? status : statuses_.size() - 1];
  }
  void checked_value(size_t bytes) {
    ++values_;
    bytes_ += bytes;
  }
  // A shared append given up because too many wrote the key at once; the only refusal that is nobody's fault.
  void contended() { ++contended_; }
  void mismatch(std::string what);
  void lost(uint64_t replies, std::string what);

  bool clean() const { return mismatches_ == 0 && lost_ == 0; }
  void print(uint64_t seed, double seconds) const;

 private:
  std::array<uint64_t, 256> commands_{};
  std::array<uint64_t, 256> statuses_{};
  uint64_t loud_ = 0;
  uint64_t quiet_ = 0;
  uint64_t answered_ = 0;
  uint64_t values_ = 0;
  uint64_t bytes_ = 0;
  uint64_t contended_ = 0;
  uint64_t mismatches_ = 0;
  uint64_t lost_ = 0;
  std::vector<std::string> first_;
};

// A key or value for a report: printable, and short whatever its size.
std::string shown(std::string_view bytes);

}  // namespace mctenant::bench
