#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>

namespace mctenant::base {

// Where the bytes of a large value wait on their way from one socket to another: they stay in the kernel, and
// are not copied. Each thread keeps a few, and has kMost at once; a pipe belongs to the thread that took it.
class Pipe {
 public:
  struct GiveBack {
    void operator()(Pipe* pipe) const { pipe->give_back(); }
  };
  using Ref = std::unique_ptr<Pipe, GiveBack>;

  // 32 of 1 MiB each at most, a thread. The kernel may hold fewer bytes in one, where they come in small
  // segments.
  static constexpr size_t kMost = 32;

  // An empty one; null if the thread has kMost, or the system gives none: then the value goes through memory.
  [[nodiscard]] static Ref take();

  // At most `size` bytes that the socket has received; returns as read() does. EAGAIN: the socket has none,
  // or the pipe is full.
  [[nodiscard]] ssize_t fill(int socket, size_t size);
  // At most `size` of the bytes to the socket; returns as write() does. `more`: others follow at once.
  [[nodiscard]] ssize_t send(int socket, size_t size, bool more);
  // All of size() into memory.
  void read(char* to);

  // How many bytes it holds.
  [[nodiscard]] size_t size() const { return size_; }

  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

 private:
  struct Pool;

  Pipe(int reads, int writes) : reads_(reads), writes_(writes) {}
  ~Pipe();
  static Pool& pool();
  void give_back();

  int reads_;
  int writes_;
  size_t size_ = 0;
};

}  // namespace mctenant::base
