#include "net/signal_handler.h"

#include <event2/event.h>

#include <utility>

#include "net/event_loop.h"

namespace mctenant::net {

SignalHandler::SignalHandler(EventLoop& loop, int signal, std::function<void()> callback)
    : callback_(std::move(callback)),
      event_(evsignal_new(
          loop.base(), signal,
          [](evutil_socket_t, short, void* self) { static_cast<SignalHandler*>(self)->callback_(); }, this)) {
  event_add(event_, nullptr);
}

SignalHandler::~SignalHandler() { event_free(event_); }

}  // namespace mctenant::net
