#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

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

// Files that were read together, as they were then.
class FileSet {
 public:
  // `state` was looked at before the file was read, or is of the open file that was.
  void add(std::string path, const FileState& state) { files_.push_back({std::move(path), state}); }
  // The same files as they are now.
  [[nodiscard]] FileSet now() const;

  bool operator==(const FileSet&) const = default;

 private:
  struct File {
    std::string path;
    FileState state;
    bool operator==(const File&) const = default;
  };

  std::vector<File> files_;
};

}  // namespace mctenant::config
