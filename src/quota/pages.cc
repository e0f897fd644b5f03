#include "quota/pages.h"

#include <sys/mman.h>

#include <new>

namespace mctenant::quota {

Pages::Pages(size_t bytes, Kind kind) : bytes_(bytes) {
  // One huge page more than is wanted, of which the ends are given back: mmap aligns to small pages only.
  const size_t mapped = bytes + kHuge;
  void* memory = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(memory);
  const size_t before = (kHuge - reinterpret_cast<uintptr_t>(begin) % kHuge) % kHuge;
  if (before != 0) ::munmap(begin, before);
  ::munmap(begin + before + bytes, kHuge - before);
  data_ = begin + before;
  // Advice: without it all works, slower or with more memory.
  ::madvise(data_, bytes, kind == Kind::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void Pages::merge() { ::madvise(data_, bytes_, MADV_HUGEPAGE); }

Pages::~Pages() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace mctenant::quota
