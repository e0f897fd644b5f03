#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace mctenant::base::log {

enum class Level { debug, info, warn, error };

// Lines go to standard error, one an event. Call once at start, before other threads; the default is info.
void set_level(Level level);
[[nodiscard]] bool enabled(Level level);

// Writes one line. Callable from any thread. Never call it with a secret, nor once a request.
void write(Level level, std::string_view line);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info)) write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::warn)) write(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::error)) write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace mctenant::base::log
