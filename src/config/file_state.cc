#include "config/file_state.h"

#include <sys/stat.h>

namespace mctenant::config {
namespace {

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

FileState state_of(const struct stat& status) {
  return {true,
          status.st_dev,
          status.st_ino,
          static_cast<uint64_t>(status.st_size),
          nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

}  // namespace

FileState FileState::of(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? state_of(status) : FileState{};
}

FileState FileState::of(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 ? state_of(status) : FileState{};
}

FileSet FileSet::now() const {
  FileSet result = *this;
  for (File& file : result.files_) file.state = FileState::of(file.path);
  return result;
}

}  // namespace mctenant::config
