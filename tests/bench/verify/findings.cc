#include "verify/findings.h"

#include <cinttypes>
#include <cstdio>

namespace mctenant::bench {
namespace {

constexpr size_t kTold = 20;
constexpr size_t kShown = 40;

}  // namespace

void Findings::mismatch(std::string what) {
  ++mismatches_;
  if (first_.size() < kTold) first_.push_back(std::move(what));
}

void Findings::lost(uint64_t replies, std::string what) {
  lost_ += replies;
  if (first_.size() < kTold) first_.push_back(std::move(what));
}

void Findings::print(uint64_t seed, double seconds) const {
  std::printf("seed %" PRIu64 ", %.1f s: %" PRIu64 " loud and %" PRIu64 " quiet commands, %" PRIu64
              " replies, %" PRIu64 " values checked (%.1f MiB), %" PRIu64 " contended appends\n",
              seed, seconds, loud_, quiet_, answered_, values_, static_cast<double>(bytes_) / (1 << 20),
              contended_);
  std::printf("commands:");
  for (size_t i = 0; i < commands_.size(); ++i) {
    if (commands_[i] > 0)
      std::printf(" %s %" PRIu64, opcode_name(static_cast<Opcode>(i)).c_str(), commands_[i]);
  }
  std::printf("\nstatuses:");
  for (size_t i = 0; i < statuses_.size(); ++i) {
    if (statuses_[i] > 0) std::printf(" 0x%02zx %" PRIu64, i, statuses_[i]);
  }
  std::printf("\n");
  for (const std::string& each : first_) std::printf("  %s\n", each.c_str());
  std::printf("%s: %" PRIu64 " mismatches, %" PRIu64 " lost replies\n", clean() ? "ok" : "FAILED",
              mismatches_, lost_);
  std::fflush(stdout);
}

std::string shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, kShown)) {
    if (c > 0x20 && c < 0x7f) {
      text.push_back(c);
    } else {
      char escaped[5];
      std::snprintf(escaped, sizeof(escaped), "\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
      text += escaped;
    }
  }
  if (bytes.size() > kShown) text += "… (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

}  // namespace mctenant::bench
