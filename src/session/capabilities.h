#pragma once

#include "protocol/command_row.h"
#include "protocol/message.h"
#include "tenant/capabilities.h"

namespace mctenant::session {

// What a credential needs for a command on an item. What tells of the item beside changing it needs both.
[[nodiscard]] constexpr tenant::Capabilities needed_for(protocol::Command command) {
  using protocol::Command;
  using tenant::Capability;
  switch (command) {
    case Command::get:
    case Command::meta_get:
    case Command::describe:
      return {Capability::read};
    case Command::get_and_touch:
    case Command::meta_get_and_touch:
    case Command::increment:
    case Command::decrement:
      return {Capability::read, Capability::write};
    default:
      return {Capability::write};
  }
}

// Whether a read that the server takes for one of the meta protocol must not win the right to make an item
// anew: its client may not store, or speaks a protocol in which nobody can be told. A read that tells the CAS
// to one who may store keeps it, since the CAS would not stay the item's.
[[nodiscard]] constexpr bool must_not_win(const protocol::CommandRow& row,
                                          tenant::Capabilities capabilities) {
  using protocol::Command;
  if (!capabilities.has(tenant::Capability::write)) return true;
  if (row.command == Command::touch) return true;
  const bool gets = row.command == Command::get || row.command == Command::get_and_touch;
  return gets && row.dialect == protocol::Dialect::text && !row.returns_cas;
}

// What is answered where it is not allowed: as if the item were not there, which every client library takes
// for an everyday event (an error makes some give up the server, and one end its process).
[[nodiscard]] constexpr protocol::Status denial_of(protocol::Command command) {
  using protocol::Command;
  switch (command) {
    case Command::set:
    case Command::add:
    case Command::replace:
    case Command::append:
    case Command::prepend:
      return protocol::Status::not_stored;
    default:
      return protocol::Status::not_found;
  }
}

}  // namespace mctenant::session
