// Any text as a configuration: faults or a configuration, never neither or both, and no fault without a text.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // A password costs a PBKDF2, and what follows it is the same as for a verifier.
  if (text.find("password") != std::string_view::npos && size > 4096) return 0;
  const mctenant::config::Parsed parsed = mctenant::config::parse(text, "fuzz/mctenant.json");
  if (parsed.config.has_value() == !parsed.faults.empty()) std::abort();
  for (const auto& fault : parsed.faults) {
    if (fault.message.empty() || fault.format("f").find('\n') != std::string::npos) std::abort();
  }
  if (!parsed.config) return 0;
  if (parsed.config->listeners.empty() || parsed.config->pools.empty() || parsed.config->workers == 0)
    std::abort();
  for (const auto& tenant : parsed.config->tenants) {
    for (const auto& credential : tenant.credentials) {
      if (credential.username.empty() || credential.verifier.salt.size() < 8) std::abort();
    }
  }
  return 0;
}
