#include "protocol/message.h"

namespace mctenant::protocol {

std::string_view text_of(Status status) {
  switch (status) {
    case Status::ok:
      return "";
    case Status::not_found:
      return "Not found";
    case Status::exists:
      return "Data exists for key.";
    case Status::too_large:
      return "Too large.";
    case Status::invalid:
      return "Invalid arguments";
    case Status::not_stored:
      return "Not stored.";
    case Status::non_numeric:
      return "Non-numeric server-side value for incr or decr";
    case Status::auth_error:
      return "Auth failure.";
    case Status::auth_continue:
      return "";
    case Status::unknown_command:
      return "Unknown command";
    case Status::out_of_memory:
      return "Out of memory";
    case Status::temporary_failure:
      return "Temporary failure";
  }
  return "";
}

}  // namespace mctenant::protocol
