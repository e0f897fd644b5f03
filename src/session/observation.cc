#include "session/observation.h"

#include <algorithm>
#include <limits>

#include "quota/expiry.h"
#include "quota/item_limit.h"

namespace mctenant::session {
namespace {

using protocol::Command;
using protocol::Reply;
using protocol::Status;
using quota::Event;
using Kind = Event::Kind;
using ClientFlags = Event::ClientFlags;
using Found = std::optional<Event>;

Event event(Kind kind) {
  Event made;
  made.kind = kind;
  return made;
}

uint32_t size_of(const Operation& operation, uint64_t value, uint32_t flags) {
  return static_cast<uint32_t>(quota::item_bytes(operation.key.server_key.view().size(), value, flags));
}

Event present(Kind kind, const Operation& operation, const Reply& reply, uint64_t value) {
  Event made = event(kind);
  made.cas = reply.cas;
  made.size = size_of(operation, value, reply.flags);
  made.flags = reply.flags != 0 ? ClientFlags::some : ClientFlags::none;
  return made;
}

uint64_t digits(uint64_t number) {
  uint64_t count = 1;
  while (number >= 10) {
    number /= 10;
    ++count;
  }
  return count;
}

// When the item expires, as the reply tells: memcached writes a time that has passed as a very large one.
uint32_t expires_at(const Reply& reply, int64_t now) {
  if (reply.expiry < 0) return 0;
  if (reply.expiry > std::numeric_limits<int32_t>::max()) return quota::kExpired;
  return static_cast<uint32_t>(std::min<int64_t>(now + reply.expiry, quota::kUnknownExpiry - 1));
}

Event of_probe(const Operation& operation, const Reply& reply, int64_t now) {
  Event made = present(Kind::inspected, operation, reply, reply.number);
  made.expiry = expires_at(reply, now);
  return made;
}

Found of_read(const Operation& operation, const Reply& reply, int64_t now) {
  if (reply.status == Status::not_found) return event(Kind::missed);
  if (reply.status != Status::ok) return std::nullopt;
  const Command command = operation.row->command;
  if (command == Command::get) return present(Kind::hit, operation, reply, reply.value.size);
  Event made = command == Command::touch ? event(Kind::touched)
                                         : present(Kind::touched, operation, reply, reply.value.size);
  made.cas = reply.cas;
  made.expiry = quota::expiry_time(operation.expiry, now);
  return made;
}

// A get of the meta protocol. Not to bump an item is not to rank it, either.
Found of_meta_get(const Operation& operation, const Reply& reply, int64_t now) {
  if (reply.status == Status::not_found) return event(Kind::missed);
  if (reply.status != Status::ok) return std::nullopt;
  const uint64_t value = operation.wanted.value ? reply.value.size : reply.number;
  const bool changes = operation.row->command == Command::meta_get_and_touch;
  if (operation.tells_expiry) {
    Event made = present(changes ? Kind::touched : Kind::inspected, operation, reply, value);
    made.expiry = expires_at(reply, now);
    return made;
  }
  if (!changes || operation.unsettled) return present(Kind::hit, operation, reply, value);
  Event made = present(Kind::touched, operation, reply, value);
  made.expiry = quota::expiry_time(operation.expiry, now);
  return made;
}

// A store that the server could not take drops what it would have replaced.
Found of_store(const Operation& operation, const Reply& reply, int64_t now) {
  switch (reply.status) {
    case Status::ok: {
      Event made = event(Kind::stored);
      made.cas = reply.cas;
      made.size = size_of(operation, operation.stored_value, operation.stored_flags);
      made.flags = operation.stored_flags != 0 ? ClientFlags::some : ClientFlags::none;
      made.grown_from = operation.grown_from;
      if (made.grown_from == 0) made.expiry = quota::expiry_time(operation.expiry, now);
      return made;
    }
    case Status::not_stored:
      // Of what it was to grow: gone, or still there on a server that had no memory for more.
      if (operation.grown_from != 0) return std::nullopt;
      return event(Kind::missed);
    case Status::not_found:
      return event(Kind::missed);
    case Status::too_large:
    case Status::out_of_memory:
      return event(Kind::removed);
    default:
      return std::nullopt;
  }
}

Found of_removal(uint64_t condition, const Reply& reply) {
  if (reply.status == Status::not_found) return event(Kind::removed);
  if (reply.status != Status::ok) return std::nullopt;
  Event made = event(condition == 0 ? Kind::removed : Kind::removed_version);
  made.cas = condition;
  return made;
}

Found of_count(const Operation& operation, const Reply& reply, int64_t now) {
  if (reply.status == Status::not_found) return event(Kind::missed);
  if (reply.status != Status::ok) return std::nullopt;
  Event made = event(Kind::counted);
  made.cas = reply.cas;
  made.size = size_of(operation, digits(reply.number), 0);
  made.created = operation.create && reply.number == operation.initial;
  made.expiry = quota::expiry_time(operation.expiry, now);
  return made;
}

}  // namespace

Found observe(const Operation& operation, const Reply& reply, int64_t now) {
  switch (operation.step) {
    case Operation::Step::comparing:
      if (reply.status == Status::not_found) return event(Kind::missed);
      return std::nullopt;
    case Operation::Step::probing:
      if (reply.status == Status::not_found) return event(Kind::missed);
      if (reply.status != Status::ok) return std::nullopt;
      return of_probe(operation, reply, now);
    case Operation::Step::dropping_old:
      return of_removal(0, reply);
    default:
      break;
  }
  switch (operation.row->command) {
    case Command::get:
    case Command::get_and_touch:
    case Command::touch:
      return of_read(operation, reply, now);
    case Command::meta_get:
    case Command::meta_get_and_touch:
      return of_meta_get(operation, reply, now);
    case Command::describe:
      return std::nullopt;
    case Command::remove:
      // What is only marked stale has another CAS now, which the reply does not tell.
      if (operation.invalidate && reply.status == Status::ok) return std::nullopt;
      return of_removal(operation.cas, reply);
    case Command::increment:
    case Command::decrement:
      return of_count(operation, reply, now);
    default:
      return of_store(operation, reply, now);
  }
}

Found observe_expiry(const Operation& operation, const Reply& reply, int64_t now) {
  const Command command = operation.row->command;
  if (command != Command::increment && command != Command::decrement) return std::nullopt;
  Event made = event(Kind::touched);
  made.cas = reply.cas;
  made.expiry = expires_at(reply, now);
  return made;
}

}  // namespace mctenant::session
