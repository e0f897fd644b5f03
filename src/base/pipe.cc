#include "base/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace mctenant::base {
namespace {

// What an ordinary user may ask for; it is room for 256 pieces.
constexpr int kCapacity = 1024 * 1024;
constexpr size_t kKept = 8;

}  // namespace

struct Pipe::Pool {
  std::vector<Pipe*> free;
  size_t taken = 0;

  Pool() { free.reserve(kKept); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (Pipe* pipe : free) delete pipe;
  }
};

Pipe::Pool& Pipe::pool() {
  static thread_local Pool pool;
  return pool;
}

Pipe::Ref Pipe::take() {
  Pool& pool = Pipe::pool();
  if (pool.taken == kMost) return nullptr;
  Pipe* pipe = nullptr;
  if (!pool.free.empty()) {
    pipe = pool.free.back();
    pool.free.pop_back();
  } else {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
    pipe = new Pipe(ends[0], ends[1]);
    if (fcntl(ends[1], F_SETPIPE_SZ, kCapacity) < kCapacity) {  // this user has too many already
      delete pipe;
      return nullptr;
    }
  }
  ++pool.taken;
  return Ref(pipe);
}

Pipe::~Pipe() {
  close(reads_);
  close(writes_);
}

void Pipe::give_back() {
  Pool& pool = Pipe::pool();
  if (pool.taken > 0) --pool.taken;  // it is 0 where a thread's last blocks are dropped by another
  // One with bytes in it is not for anybody else.
  if (size_ == 0 && pool.free.size() < kKept) {
    pool.free.push_back(this);
  } else {
    delete this;
  }
}

ssize_t Pipe::fill(int socket, size_t size) {
  const ssize_t moved = splice(socket, nullptr, writes_, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) size_ += static_cast<size_t>(moved);
  return moved;
}

ssize_t Pipe::send(int socket, size_t size, bool more) {
  const unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0U);
  const ssize_t moved = splice(reads_, nullptr, socket, nullptr, size, flags);
  if (moved > 0) size_ -= static_cast<size_t>(moved);
  return moved;
}

void Pipe::read(char* to) {
  while (size_ > 0) {
    const ssize_t got = ::read(reads_, to, size_);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::system_error(errno, std::generic_category(), "pipe");
    to += got;
    size_ -= static_cast<size_t>(got);
  }
}

}  // namespace mctenant::base
