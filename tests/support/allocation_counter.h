#pragma once

#include <cstddef>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MCTENANT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MCTENANT_SANITIZED 1
#endif
#endif

// Counts every allocation from the heap, of new and malloc, on the threads that ask for it. To be included by
// one source of a program, whose malloc it replaces. Under a sanitizer, which has a malloc of its own, it
// counts nothing.
namespace mctenant::support {

inline thread_local bool counting_allocations = false;
inline thread_local size_t allocations = 0;

inline void note_allocation() {
  if (counting_allocations) ++allocations;
}

// The allocations of this thread while it lives.
class AllocationCounter {
 public:
  AllocationCounter() {
    allocations = 0;
    counting_allocations = true;
  }
  ~AllocationCounter() { counting_allocations = false; }
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;
  [[nodiscard]] size_t count() const { return allocations; }
};

}  // namespace mctenant::support

#ifndef MCTENANT_SANITIZED
// glibc's own, under the names that it keeps for this.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  mctenant::support::note_allocation();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  mctenant::support::note_allocation();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  mctenant::support::note_allocation();
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  mctenant::support::note_allocation();
  return __libc_memalign(alignment, size);
}
}
#endif
