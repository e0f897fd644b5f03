#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "protocol/message.h"

namespace mctenant::upstream {

// A request on its way: whoever sent it gets its reply, exactly once, later, on the worker's thread. It must
// live until then; somebody who is no longer interested ignores the reply.
class Call {
 public:
  virtual ~Call() = default;
  // The reply is likely to come soon, behind some others: a hint to fetch what it will need from memory. May
  // be left out, and changes nothing.
  virtual void on_reply_near() {}
  // The reply's value is valid during the call (protocol::Slice). temporary_failure if the server went away,
  // was silent for too long or never got the request.
  virtual void on_reply(const protocol::Reply& reply) = 0;

 private:
  friend class CallQueue;
  Call* next_ = nullptr;
  protocol::Command command_ = protocol::Command::unknown;
  base::TimePoint sent_{};
};

// One server as one worker sees it.
class Server {
 public:
  virtual ~Server() = default;
  // Whether requests can be sent now. If not, fail at once rather than wait.
  [[nodiscard]] virtual bool ready() const = 0;
  // The whole size of the largest item that the server takes (its -I), once it has been ready.
  [[nodiscard]] virtual uint64_t item_size_max() const = 0;
  // The number of the process that replies come from (ServerState::identify); CAS values compare only within
  // one. 0 before the server has been ready for the first time.
  [[nodiscard]] virtual uint16_t incarnation() const = 0;
  // The number of the latest crawl of the server that has begun (ServerState::crawl).
  [[nodiscard]] virtual uint8_t crawl() const = 0;
  // Whether a crawl of the server will tell what its replies leave open (ServerState::crawling).
  [[nodiscard]] virtual bool crawling() const = 0;
  // Queues the request behind those before it; all of a turn leave in one write. Only when ready().
  virtual void send(const protocol::Request& request, std::string_view server_key, Call& call) = 0;
};

// The servers among which keys are spread, as one worker sees them.
class Pool {
 public:
  virtual ~Pool() = default;
  [[nodiscard]] virtual Server& place(std::string_view server_key) = 0;
  // At least one server is ready.
  [[nodiscard]] virtual bool can_serve() const = 0;
};

}  // namespace mctenant::upstream
