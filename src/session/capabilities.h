#pragma once

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
