// Runs every file of the folders named on the command line through a fuzz target, once: what was once found
// stays fixed, with any compiler. An input that breaks the target's promises aborts the program, after its
// name is printed.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<uint8_t> read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

size_t replay(const std::filesystem::path& folder) {
  size_t inputs = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::printf("%s\n", entry.path().filename().c_str());
    std::fflush(stdout);
    // An exact copy on the heap, so that the address sanitizer sees a read past the end.
    const std::vector<uint8_t> input = read_whole(entry.path());
    LLVMFuzzerTestOneInput(input.data(), input.size());
    ++inputs;
  }
  return inputs;
}

}  // namespace

int main(int argc, char** argv) {
  size_t inputs = 0;
  try {
    for (int i = 1; i < argc; ++i) inputs += replay(argv[i]);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
  std::printf("%zu inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
