#include "session/capabilities.h"

#include "session/client_session.h"

// What a client's credential does not allow.
namespace mctenant::session {
namespace {

constexpr std::string_view kNoFlush = "Not allowed to flush";
constexpr std::string_view kNoFlushLine = "CLIENT_ERROR not allowed to flush";

}  // namespace

void ClientSession::deny(const protocol::ClientRequest& request) {
  const protocol::Command command = request.row->command;
  const bool unread =
      needed_for(command).has(tenant::Capability::read) && !capabilities_.has(tenant::Capability::read);
  (unread ? shard_->counters.denied_read : shard_->counters.denied_write).add();
  Operation& operation = push(request);
  if (request.row->returns_key || (request.meta != nullptr && request.meta->key))
    operation.return_key(request.request.key);
  protocol::Reply reply;
  reply.status = denial_of(command);
  // "NOT_STORED" is no answer to text's cas, and some libraries fail on it.
  if (request.row->dialect == protocol::Dialect::text && command == protocol::Command::set &&
      request.request.cas != 0) {
    reply.status = protocol::Status::not_found;
  }
  answer(operation, reply);
}

void ClientSession::deny_flush(const protocol::ClientRequest& request) {
  shard_->counters.denied_flush.add();
  conclude(request, protocol::Status::auth_error, kNoFlush, kNoFlushLine);
}

}  // namespace mctenant::session
