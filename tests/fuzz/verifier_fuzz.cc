// Any text: either it is refused with an error that an operator can read, or it is the one way to write what
// was read.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "auth/verifier.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mctenant::auth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto verifier = parse_verifier(text);
  if (!verifier) {
    require(!verifier.error().message.empty());
    return 0;
  }
  require(verifier->iterations == kIterations);
  require(verifier->salt.size() >= 8);
  require(format_verifier(*verifier) == text);
  return 0;
}
