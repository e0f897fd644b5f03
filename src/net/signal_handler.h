#pragma once

#include <functional>

struct event;

namespace mctenant::net {

class EventLoop;

// Calls back on the loop's thread whenever the process gets a signal. One loop a process may have them.
class SignalHandler {
 public:
  SignalHandler(EventLoop& loop, int signal, std::function<void()> callback);
  ~SignalHandler();
  SignalHandler(const SignalHandler&) = delete;
  SignalHandler& operator=(const SignalHandler&) = delete;

 private:
  std::function<void()> callback_;
  event* event_;
};

}  // namespace mctenant::net
