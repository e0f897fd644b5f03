#include "session/operation.h"

#include "session/client_session.h"

namespace mctenant::session {

void Operation::on_reply(const protocol::Reply& reply) {
  if (session == nullptr) return drop();
  session->on_reply(*this, reply);
}

void Operation::keep_reply(const protocol::Reply& reply) {
  reply_ = reply;
  if (reply.value.owner || reply.value.size == 0) return;
  base::BlockRef copy(base::Block::take(reply.value.size));
  std::memcpy(copy->data(), reply.value.data, reply.value.size);
  reply_.value = {copy, copy->data(), reply.value.size};
}

}  // namespace mctenant::session
