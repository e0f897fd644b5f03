#include <algorithm>
#include <cstring>
#include <utility>

#include "quota/item_limit.h"
#include "session/capabilities.h"
#include "session/client_session.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using protocol::Status;

// A value of at least this size goes to the server by reference; a smaller one is cheaper to copy.
constexpr size_t kShareFrom = 16 * 1024;
// How often an append is tried again because others change the same item between its two steps.
constexpr uint8_t kGrowAttempts = 200;
// The longest value that a request without one creates: a number.
constexpr uint64_t kCreatedValue = 20;

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
  if (status == Status::ok) counters.total_items.add();
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
    case Command::meta_get:
      counters.cmd_get.add();
      return count_hit_or_miss(counters.get_hits, counters.get_misses, status);
    case Command::touch:
    case Command::get_and_touch:
    case Command::meta_get_and_touch:
      counters.cmd_touch.add();
      return count_hit_or_miss(counters.touch_hits, counters.touch_misses, status);
    case Command::remove:
      counters.cmd_delete.add();
      return count_hit_or_miss(counters.delete_hits, counters.delete_misses, status);
    case Command::increment:
      return count_hit_or_miss(counters.incr_hits, counters.incr_misses, status);
    case Command::decrement:
      return count_hit_or_miss(counters.decr_hits, counters.decr_misses, status);
    case Command::describe:
      return;
    default:
      return count_store(counters, cas, status);
  }
}

}  // namespace

void ClientSession::forward(const protocol::ClientRequest& incoming, base::InputBuffer& in) {
  if (!capabilities_.contains(needed_for(incoming.row->command))) return deny(incoming);
  Operation& operation = push(incoming);
  const protocol::Request& request = incoming.request;
  char server_key[tenant::kMaxServerKey];
  const std::string_view prefix = tenant_->prefix(*shard_);
  const size_t size = tenant::write_server_key(prefix, request.key, server_key);
  context_.accounting->track(account_, shard_->generation, {server_key, size}, prefix.size(), operation.key);
  if (incoming.row->returns_key || (incoming.meta != nullptr && incoming.meta->key))
    operation.return_key(request.key);
  operation.client_key_size = static_cast<uint32_t>(request.key.size());
  if (!operation.key.server->ready()) return finish(operation, with_status(Status::temporary_failure));
  if (incoming.fault == Status::too_large) return refuse_store(operation);
  if (request.invalidate && !account_.ledger->marks_stale()) account_.ledger->set_marks_stale();
  if (!stores_whole_value(request.command) && !grows(request.command)) {
    if (request.create) reserve(operation, quota::item_bytes(size, kCreatedValue, 0));
    operation.wins_nothing = must_not_win(*incoming.row, capabilities_);
    if (!operation.wins_nothing || request.meta_flags.empty()) return send(operation, request);
    protocol::Request read = request;
    read.wins_nothing = true;
    return send(operation, read);
  }
  protocol::Request store = request;
  if (store.value.size >= kShareFrom) store.value = in.share({store.value.data, store.value.size});
  operation.request_bytes = store.value.size;
  request_bytes_ += store.value.size;
  if (grows(store.command)) return begin_growing(operation, store);
  forward_store(operation, store);
}

void ClientSession::send(Operation& operation, const protocol::Request& request) {
  context_.accounting->ask(operation.key);
  operation.key.server->send(request, operation.key.server_key.view(), operation);
}

// Whether an item of that value may be stored: by its client, its server and its tenant's quota.
bool ClientSession::fits(const Operation& operation, uint64_t value, uint32_t flags) const {
  const size_t server_key = operation.key.server_key.view().size();
  const quota::ItemLimit limit{context_.limits.item_size, operation.key.server->item_size_max()};
  return limit.fits(operation.client_key_size, server_key, value, flags) &&
         operation.key.ledger->admits(quota::item_bytes(server_key, value, flags));
}

// Room for an item of so many bytes: what is evicted for it leaves in the same pipelines, ahead of the store.
void ClientSession::reserve(Operation& operation, uint64_t bytes) {
  quota::Ledger& ledger = *operation.key.ledger;
  operation.reserved =
      ledger.reserve(operation.key.hash, operation.key.tail(), operation.key.generation, bytes);
  if (ledger.over()) context_.accounting->make_room(account_, operation.key);
}

void ClientSession::forward_store(Operation& operation, protocol::Request request) {
  if (!fits(operation, request.value.size, request.flags)) return refuse_store(operation);
  // memcached takes an add or replace with a CAS for a set with it: the CAS alone decides.
  if (request.cas != 0) request.command = Command::set;
  operation.stored_value = request.value.size;
  reserve(operation,
          quota::item_bytes(operation.key.server_key.view().size(), request.value.size, request.flags));
  send(operation, request);
}

// As in memcached, a set that is too large takes the old value with it, whatever its CAS.
void ClientSession::refuse_store(Operation& operation) {
  if (!operation.row->drops_old) return finish(operation, with_status(Status::too_large));
  operation.step = Operation::Step::dropping_old;
  protocol::Request removal;
  removal.command = Command::remove;
  send(operation, removal);
}

void ClientSession::begin_growing(Operation& operation, const protocol::Request& request) {
  operation.value = request.value;
  if (!operation.value.owner && operation.value.size > 0) {
    base::BlockRef copy(base::Block::take(request.value.size));
    std::memcpy(copy->data(), request.value.data, request.value.size);
    operation.value = {copy, copy->data(), request.value.size};
  }
  ++growing_;
  if (grow_by_ledger(operation)) return;
  operation.cas != 0 ? compare(operation) : probe(operation);
}

// Where the ledger is certain of the item's version and size, they need not be asked for. Should it be wrong
// all the same, the condition on the CAS fails, and then they are.
bool ClientSession::grow_by_ledger(Operation& operation) {
  using ClientFlags = quota::Event::ClientFlags;
  const TrackedKey& key = operation.key;
  quota::KnownItem item{};
  if (!key.ledger->look_up(key.hash, key.tail(), key.generation, item)) return false;
  if (!item.certain || item.flags == ClientFlags::unknown || item.source != key.server->incarnation() ||
      (operation.cas != 0 && operation.cas != item.cas)) {
    return false;
  }
  protocol::Reply known;
  known.status = Status::ok;
  known.cas = item.cas;
  known.flags = item.flags == ClientFlags::some ? 1 : 0;
  known.number = item.size - quota::item_bytes(key.server_key.view().size(), 0, known.flags);
  // What is under way may have made it smaller, or taken it away. No condition guards a refusal, so that
  // takes the server's word.
  if (!fits(operation, known.number + operation.value.size, known.flags)) return false;
  operation.shard->counters.appends_by_ledger.add();
  on_probed(operation, known);
  return true;
}

// A probe wins a stale item. With the store that follows it is stale no more; so a store that another CAS
// forbids must be refused before.
void ClientSession::compare(Operation& operation) {
  ask(operation, Operation::Step::comparing, Command::describe);
}

void ClientSession::on_compared(Operation& operation, const protocol::Reply& reply) {
  if (may_grow(operation, reply)) probe(operation);
}

void ClientSession::probe(Operation& operation) { ask(operation, Operation::Step::probing, Command::probe); }

void ClientSession::ask(Operation& operation, Operation::Step step, Command command) {
  operation.step = step;
  if (!operation.key.server->ready())
    return finish_growing(operation, with_status(Status::temporary_failure));
  protocol::Request question;
  question.command = command;
  send(operation, question);
}

// By what the server tells of the item; if not, the operation is finished.
bool ClientSession::may_grow(Operation& operation, const protocol::Reply& reply) {
  Status status = reply.status;
  if (status == Status::not_found) status = Status::not_stored;
  if (status == Status::ok && operation.cas != 0 && operation.cas != reply.cas) status = Status::exists;
  if (status == Status::ok) return true;
  finish_growing(operation, status == reply.status ? reply : with_status(status));
  return false;
}

void ClientSession::on_probed(Operation& operation, const protocol::Reply& reply) {
  if (!may_grow(operation, reply)) return;
  operation.stored_value = reply.number + operation.value.size;
  operation.stored_flags = reply.flags;
  if (!fits(operation, operation.stored_value, reply.flags)) {
    return finish_growing(operation, with_status(Status::too_large));
  }
  if (!operation.key.server->ready())
    return finish_growing(operation, with_status(Status::temporary_failure));
  operation.step = Operation::Step::growing;
  operation.grown_from = reply.cas;
  reserve(operation, quota::item_bytes(operation.key.server_key.view().size(), operation.stored_value,
                                       operation.stored_flags));
  protocol::Request store;
  store.command = operation.row->command;
  store.cas = reply.cas;
  store.value = operation.value;
  send(operation, store);
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
  count(operation.shard->counters, operation.row->command, operation.cas, status);
  if (operation.row->command == Command::describe && status == Status::ok) {
    protocol::Reply described = reply;  // as if the key were the client's
    described.number += operation.client_key_size;
    described.number -= operation.key.server_key.view().size();
    return answer(operation, described);
  }
  if (status == reply.status) return answer(operation, reply);
  answer(operation, with_status(status));
}

}  // namespace mctenant::session
