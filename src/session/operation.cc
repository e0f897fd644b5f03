#include "session/operation.h"

#include <utility>

#include "session/client_session.h"
#include "session/observation.h"

namespace mctenant::session {

using protocol::Command;
using protocol::Status;

void Operation::on_reply(const protocol::Reply& reply) {
  if (reserved != 0) key.ledger->release(std::exchange(reserved, 0));
  made = row->quiet && makes_number(reply);
  // The time is asked for only where an expiry is reckoned from it.
  const int64_t now = expiry != 0 || tells_expiry || step == Step::probing ? accounting->now() : 0;
  if (const auto event = observe(*this, reply, now)) {
    accounting->tell(key, *event);
  } else if (reply.status == Status::temporary_failure || reply.status == Status::not_stored) {
    accounting->probe(key);
  }
  if ((tells_expiry || unsettled) && reply.status == Status::ok) tell_more(reply, now);
  if (reply.won && wins_nothing) return give_back(reply);
  if (session == nullptr) return drop();
  session->on_reply(*this, reply);
}

// memcached answers a number that it made even with q. Its reply is that of one that was counted to what a
// new one would be; whether there was one before, the ledger knows.
bool Operation::makes_number(const protocol::Reply& reply) const {
  const bool counts = row->command == Command::increment || row->command == Command::decrement;
  if (!create || !counts || reply.status != Status::ok || reply.number != initial) return false;
  quota::KnownItem item{};
  return !key.ledger->look_up(key.hash, key.tail(), key.generation, item);
}

// The client is told what memcached tells whoever comes second.
void Operation::give_back(const protocol::Reply& reply) {
  accounting->give_back(key, reply.cas);
  if (session == nullptr) return drop();
  protocol::Reply told = reply;
  told.won = false;
  told.taken = true;
  session->on_reply(*this, told);
}

void Operation::tell_more(const protocol::Reply& reply, int64_t now) {
  if (tells_expiry) {
    if (const auto event = observe_expiry(*this, reply, now)) accounting->tell(key, *event);
    return;
  }
  // What was just marked stale must not be read before a client does.
  invalidate ? accounting->describe(key) : accounting->probe(key);
}

void Operation::keep_reply(const protocol::Reply& reply) {
  reply_ = reply;
  if (reply.value.owner || reply.value.size == 0) return;
  base::BlockRef copy(base::Block::take(reply.value.size));
  std::memcpy(copy->data(), reply.value.data, reply.value.size);
  reply_.value = {copy, copy->data(), reply.value.size};
}

}  // namespace mctenant::session
