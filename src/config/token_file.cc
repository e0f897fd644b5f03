#include "config/token_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/secret.h"

namespace mctenant::config {
namespace {

struct File {
  int fd;
  ~File() {
    if (fd >= 0) close(fd);
  }
};

tl::unexpected<base::Error> cannot_read(const std::string& path) {
  return base::fail("the token can't be read from " + path + ": " + std::strerror(errno));
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

base::Expected<void> check(std::string_view token, const std::string& path) {
  if (token.empty()) {
    return base::fail(path + " is empty; write a token into it, as `openssl rand -hex 24` prints one");
  }
  if (token.size() < kMinToken || token.size() > kMaxToken) {
    return base::fail("the token in " + path + " has " +
                      (token.size() < kMinToken ? "fewer than " : "more than ") +
                      std::to_string(token.size() < kMinToken ? kMinToken : kMaxToken) +
                      " characters; take one as `openssl rand -hex 24` prints it");
  }
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
    return base::fail("the token in " + path + " holds spaces or other than visible ASCII characters");
  }
  return {};
}

}  // namespace

base::Expected<TokenFile> read_token_file(const std::string& path) {
  // Not blocking, since it might be a pipe.
  const File file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return cannot_read(path);
  struct stat status {};
  if (fstat(file.fd, &status) != 0) return cannot_read(path);
  if (!S_ISREG(status.st_mode))
    return base::fail(path + " is not a file; the token stands alone in a plain file");

  std::array<char, kMaxToken + 64> bytes{};
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = read(file.fd, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  const std::string_view token = trim({bytes.data(), size});
  const auto checked = check(token, path);
  TokenFile result;
  if (checked) result.token = token;
  result.open_to_others = (status.st_mode & (S_IROTH | S_IWOTH)) != 0;
  base::wipe(bytes.data(), bytes.size());
  if (!checked) return tl::unexpected(checked.error());
  return result;
}

}  // namespace mctenant::config
