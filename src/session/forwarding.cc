#include <algorithm>
#include <cstring>
#include <utility>

#include "quota/item_limit.h"
#include "session/client_session.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using protocol::Status;

// A value of at least this size goes to the server by reference; a smaller one is cheaper to copy.
constexpr size_t kShareFrom = 16 * 1024;
// How often an append is tried again because others change the same item between its two steps.
constexpr uint8_t kGrowAttempts = 200;

protocol::Reply with_status(Status status) {
  protocol::Reply reply;
  reply.status = status;
  return reply;
}

bool stores_whole_value(Command command) {
  return command == Command::set || command == Command::add || command == Command::replace;
}

bool grows(Command command) { return command == Command::append || command == Command::prepend; }

void count_store(tenant::Counters& counters, uint64_t cas, Status status) {
  counters.cmd_set.add();
  if (cas == 0) return;
  if (status == Status::ok) counters.cas_hits.add();
  if (status == Status::exists) counters.cas_badval.add();
  if (status == Status::not_found) counters.cas_misses.add();
}

void count_hit_or_miss(base::Counter& hits, base::Counter& misses, Status status) {
  if (status == Status::ok) hits.add();
  if (status == Status::not_found) misses.add();
}

void count(tenant::Counters& counters, Command command, uint64_t cas, Status status) {
  if (status == Status::too_large) counters.too_large.add();
  if (status == Status::temporary_failure) counters.temporary_failures.add();
  switch (command) {
    case Command::get:
      counters.cmd_get.add();
      return count_hit_or_miss(counters.get_hits, counters.get_misses, status);
    case Command::touch:
    case Command::get_and_touch:
      counters.cmd_touch.add();
      return count_hit_or_miss(counters.touch_hits, counters.touch_misses, status);
    case Command::remove:
      return count_hit_or_miss(counters.delete_hits, counters.delete_misses, status);
    case Command::increment:
      return count_hit_or_miss(counters.incr_hits, counters.incr_misses, status);
    case Command::decrement:
      return count_hit_or_miss(counters.decr_hits, counters.decr_misses, status);
    default:
      return count_store(counters, cas, status);
  }
}

}  // namespace

void ClientSession::forward(const protocol::BinaryRequest& incoming, base::InputBuffer& in) {
  Operation& operation = push(incoming);
  const protocol::Request& request = incoming.request;
  if (incoming.row->returns_key) operation.keep_key(request.key);
  char key_bytes[tenant::kMaxServerKey];
  const std::string_view server_key(
      key_bytes, tenant::write_server_key(tenant_->prefix(*shard_), request.key, key_bytes));
  operation.server = &pool_->place(server_key);
  operation.client_key_size = static_cast<uint32_t>(request.key.size());
  if (!operation.server->ready()) return finish(operation, with_status(Status::temporary_failure));
  if (incoming.fault == Status::too_large) {
    if (request.command == Command::set) return forward_drop(operation, server_key);
    return finish(operation, with_status(Status::too_large));
  }
  if (!stores_whole_value(request.command) && !grows(request.command)) {
    return operation.server->send(request, server_key, operation);
  }
  protocol::Request store = request;
  if (store.value.size >= kShareFrom) store.value = in.share({store.value.data, store.value.size});
  operation.request_bytes = store.value.size;
  request_bytes_ += store.value.size;
  if (grows(store.command)) return begin_growing(operation, store, server_key);
  forward_store(operation, store, server_key);
}

void ClientSession::forward_store(Operation& operation, protocol::Request request,
                                  std::string_view server_key) {
  const quota::ItemLimit limit{context_.limits.item_size, operation.server->item_size_max()};
  if (!limit.fits(operation.client_key_size, server_key.size(), request.value.size, request.flags)) {
    if (request.command == Command::set) return forward_drop(operation, server_key);
    return finish(operation, with_status(Status::too_large));
  }
  // memcached takes an add or replace with a CAS for a set with it: the CAS alone decides.
  if (request.cas != 0) request.command = Command::set;
  operation.server->send(request, server_key, operation);
}

// As in memcached, a set that is too large takes the old value with it, whatever its CAS.
void ClientSession::forward_drop(Operation& operation, std::string_view server_key) {
  operation.step = Operation::Step::dropping_old;
  protocol::Request removal;
  removal.command = Command::remove;
  operation.server->send(removal, server_key, operation);
}

void ClientSession::begin_growing(Operation& operation, const protocol::Request& request,
                                  std::string_view server_key) {
  operation.keep_server_key(server_key);
  operation.value = request.value;
  if (!operation.value.owner && operation.value.size > 0) {
    base::BlockRef copy(base::Block::take(request.value.size));
    std::memcpy(copy->data(), request.value.data, request.value.size);
    operation.value = {copy, copy->data(), request.value.size};
  }
  ++growing_;
  probe(operation);
}

void ClientSession::probe(Operation& operation) {
  operation.step = Operation::Step::probing;
  if (!operation.server->ready()) return finish_growing(operation, with_status(Status::temporary_failure));
  protocol::Request question;
  question.command = Command::probe;
  operation.server->send(question, operation.server_key(), operation);
}

void ClientSession::on_probed(Operation& operation, const protocol::Reply& reply) {
  if (reply.status == Status::not_found) return finish_growing(operation, with_status(Status::not_stored));
  if (reply.status != Status::ok) return finish_growing(operation, reply);
  if (operation.cas != 0 && operation.cas != reply.cas)
    return finish_growing(operation, with_status(Status::exists));
  const quota::ItemLimit limit{context_.limits.item_size, operation.server->item_size_max()};
  const uint64_t grown = reply.number + operation.value.size;
  if (!limit.fits(operation.client_key_size, operation.server_key().size(), grown, reply.flags)) {
    return finish_growing(operation, with_status(Status::too_large));
  }
  if (!operation.server->ready()) return finish_growing(operation, with_status(Status::temporary_failure));
  operation.step = Operation::Step::growing;
  protocol::Request store;
  store.command = operation.row->command;
  store.cas = reply.cas;
  store.value = operation.value;
  operation.server->send(store, operation.server_key(), operation);
}

void ClientSession::on_grown(Operation& operation, const protocol::Reply& reply) {
  // Somebody changed the item since the probe: its size is another. With a CAS of the client's own, that is
  // the answer.
  if (reply.status != Status::exists || operation.cas != 0) return finish_growing(operation, reply);
  if (++operation.attempts >= kGrowAttempts) {
    return finish_growing(operation, with_status(Status::temporary_failure));
  }
  probe(operation);
}

void ClientSession::finish_growing(Operation& operation, const protocol::Reply& reply) {
  --growing_;
  finish(operation, reply);
}

void ClientSession::finish(Operation& operation, const protocol::Reply& reply) {
  Status status = reply.status;
  if (operation.step == Operation::Step::dropping_old && status != Status::temporary_failure) {
    status = Status::too_large;
  }
  count(*operation.counters, operation.row->command, operation.cas, status);
  if (status == reply.status) return answer(operation, reply);
  answer(operation, with_status(status));
}

}  // namespace mctenant::session
