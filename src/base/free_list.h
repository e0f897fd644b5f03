#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "base/sanitizers.h"

namespace mctenant::base {

// Objects of one type, made and dropped all the time by one thread: after the first rounds neither costs an
// allocation. The list belongs to the thread; an object may be dropped on another one, whose list then has
// it.
template <class T, size_t kKept = 65536>
class FreeList {
 public:
  template <class... Args>
  [[nodiscard]] static T* make(Args&&... args) {
    List& list = local();
    if (list.head == nullptr) return new (::operator new(kSize)) T(std::forward<Args>(args)...);
    Free* memory = list.head;
    list.head = memory->next;
    --list.count;
    return new (memory) T(std::forward<Args>(args)...);
  }

  static void drop(T* object) {
    object->~T();
    List& list = local();
    if (kSanitized || list.count >= kKept) {
      ::operator delete(static_cast<void*>(object));
      return;
    }
    list.head = new (static_cast<void*>(object)) Free{list.head};
    ++list.count;
  }

 private:
  struct Free {
    Free* next;
  };
  struct List {
    Free* head = nullptr;
    size_t count = 0;
    ~List() {
      while (head != nullptr) ::operator delete(static_cast<void*>(std::exchange(head, head->next)));
    }
  };
  static constexpr size_t kSize = sizeof(T) > sizeof(Free) ? sizeof(T) : sizeof(Free);
  static_assert(alignof(T) <= alignof(std::max_align_t));

  static List& local() {
    static thread_local List list;
    return list;
  }
};

}  // namespace mctenant::base
