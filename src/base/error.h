#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace mctenant::base {

// A failure as a value. The message is for an operator: what failed, on what, and what to do next.
// It never holds a secret.
struct Error {
  std::string message;
};

template <class T>
using Expected = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(std::string message) {
  return tl::unexpected<Error>(Error{std::move(message)});
}

}  // namespace mctenant::base
