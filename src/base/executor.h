#pragma once

#include <functional>

namespace mctenant::base {

// Somewhere a piece of work can be sent to from any thread: an event loop, a pool of threads.
class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `task` later on the executor's own thread. Callable from any thread; never blocks on the task.
  virtual void post(std::function<void()> task) = 0;
};

}  // namespace mctenant::base
