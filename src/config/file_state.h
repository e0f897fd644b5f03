#pragma once

#include <cstdint>
#include <string>

namespace mctenant::config {

// What tells, without reading a file, whether it is another than before: written in place, or replaced.
struct FileState {
  bool exists = false;
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;     // bytes
  int64_t modified = 0;  // nanoseconds since 1970: of its content
  int64_t changed = 0;   // … and of whatever else is known of it, so that no tool can hide a change

  // Follows links. A file that can't be looked at doesn't exist.
  [[nodiscard]] static FileState of(const std::string& path);
  [[nodiscard]] static FileState of(int descriptor);

  bool operator==(const FileState&) const = default;
};

}  // namespace mctenant::config
