#include "protocol/meta_reply_parser.h"

#include <algorithm>
#include <cstring>

#include "protocol/words.h"

namespace mctenant::protocol {
namespace {

// Two letters as one number, to switch on.
constexpr uint16_t code(char first, char second) {
  return static_cast<uint16_t>(static_cast<uint8_t>(first) << 8 | static_cast<uint8_t>(second));
}

bool read_flags(std::string_view line, Reply& reply) {
  for (std::string_view word = take_short_word(line); !word.empty(); word = take_short_word(line)) {
    const std::string_view number = word.substr(1);
    switch (word.front()) {
      case 'c':
        if (!read_number(number, reply.cas)) return false;
        break;
      case 'f':
        if (!read_number(number, reply.flags)) return false;
        break;
      case 's':
        if (!read_number(number, reply.number)) return false;
        break;
      case 't':
        if (!read_number(number, reply.expiry)) return false;
        // Less than "none" is a clock that was set meanwhile: the item's time has come.
        if (reply.expiry < -1) reply.expiry = 0;
        break;
      case 'l':
        if (!read_number(number, reply.idle)) return false;
        break;
      case 'h':
        reply.fetched = number == "1";
        break;
      case 'W':
        reply.won = true;
        break;
      case 'X':
        reply.stale = true;
        break;
      case 'Z':
        reply.taken = true;
        break;
      default:
        break;  // a flag that a newer server adds
    }
  }
  return true;
}

bool is_arithmetic(Command command) { return command == Command::increment || command == Command::decrement; }
bool is_meta_get(Command command) {
  return command == Command::meta_get || command == Command::meta_get_and_touch;
}
bool returns_value(Command command) {
  return command == Command::get || command == Command::get_and_touch || is_arithmetic(command) ||
         is_meta_get(command);
}

// NS: the condition of a store did not hold.
Status not_stored_as(Command command) {
  switch (command) {
    case Command::add:
      return Status::exists;
    case Command::replace:
      return Status::not_found;
    default:
      return Status::not_stored;
  }
}

bool is_store(Command command) { return command >= Command::set && command <= Command::prepend; }

// The status of a reply without a value, or false if no server answers this command so.
bool read_code(uint16_t two, Command command, Status& status) {
  switch (two) {
    case code('H', 'D'):
      status = Status::ok;
      return (!returns_value(command) || is_meta_get(command)) && command != Command::describe;
    case code('E', 'N'):
      status = Status::not_found;
      return returns_value(command) || command == Command::touch || command == Command::probe ||
             command == Command::describe;
    case code('N', 'F'):
      status =
          command == Command::append || command == Command::prepend ? Status::not_stored : Status::not_found;
      return is_store(command) || is_arithmetic(command) || command == Command::remove;
    case code('N', 'S'):
      status = not_stored_as(command);
      return is_store(command) || is_arithmetic(command);
    case code('E', 'X'):
      status = Status::exists;
      return is_store(command) || is_arithmetic(command) || command == Command::remove;
    default:
      return false;
  }
}

// Lines of words. Those after which the server's place in the stream is sure have a status.
bool read_error(std::string_view line, Command command, Status& status) {
  if (line.starts_with("SERVER_ERROR ")) {
    if (line.find("too large") != line.npos) {
      status = Status::too_large;
    } else if (line.find("out of memory") != line.npos || line.find("Out of memory") != line.npos) {
      status = Status::out_of_memory;
    } else {
      status = Status::temporary_failure;
    }
    return true;
  }
  if (is_arithmetic(command) && line.starts_with("CLIENT_ERROR ") && line.find("non-numeric") != line.npos) {
    status = Status::non_numeric;
    return true;
  }
  return false;
}

MetaReply broken() {
  MetaReply result;
  result.outcome = MetaReply::Outcome::broken;
  return result;
}

MetaReply incomplete(size_t needed) {
  MetaReply result;
  result.needed = needed;
  return result;
}

MetaReply read_value(Command command, std::string_view line, size_t line_bytes, std::string_view in,
                     size_t max_value, size_t elsewhere) {
  MetaReply result;
  size_t size = 0;
  if (!returns_value(command) || !read_number(take_short_word(line), size) || size > max_value ||
      size < elsewhere || !read_flags(line, result.reply)) {
    return broken();
  }
  size -= elsewhere;
  const size_t total = line_bytes + size + kBehindValue;
  if (in.size() < total) return incomplete(total);
  if (in[total - 2] != '\r' || in[total - 1] != '\n') return broken();
  result.outcome = MetaReply::Outcome::reply;
  result.consumed = total;
  result.reply.status = Status::ok;
  result.reply.value = {{}, in.data() + line_bytes, size};
  if (is_arithmetic(command) &&
      (elsewhere > 0 || !read_number({in.data() + line_bytes, size}, result.reply.number)))
    return broken();
  return result;
}

// 1.6.18 tells the seconds to the expiry below zero; -1 is none, or the last second.
bool read_facts(std::string_view line, Reply& reply) {
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    const Field field = field_of(word);
    if (field.name == "cas" && !read_number(field.value, reply.cas)) return false;
    if (field.name != "exp") continue;
    int64_t told = 0;
    if (!read_number(field.value, told)) return false;
    reply.expiry = told == -1 ? -1 : std::max<int64_t>(-told, 0);
  }
  return true;
}

// ME <key> <name>=<value>*, the size last: the whole item's.
MetaReply read_description(std::string_view line, size_t line_bytes) {
  constexpr std::string_view kSize = " size=";
  MetaReply result;
  (void)take_word(line);
  if (!line.starts_with(' ')) return broken();
  line.remove_prefix(1);
  const size_t size = line.rfind(kSize);
  if (size == line.npos || !read_number(line.substr(size + kSize.size()), result.reply.number))
    return broken();
  result.outcome = MetaReply::Outcome::reply;
  result.consumed = line_bytes;
  result.reply.status = Status::ok;
  result.reply.value = {{}, line.data(), size};
  return read_facts(line.substr(0, size), result.reply) ? result : broken();
}

}  // namespace

MetaReply parse_meta_reply(Command command, std::string_view in, size_t max_value, size_t elsewhere) {
  const auto* newline =
      static_cast<const char*>(std::memchr(in.data(), '\n', std::min(in.size(), kMaxReplyLine)));
  if (newline == nullptr) return in.size() >= kMaxReplyLine ? broken() : incomplete(in.size() + 1);
  const size_t line_bytes = static_cast<size_t>(newline - in.data()) + 1;
  if (line_bytes < 4 || newline[-1] != '\r') return broken();
  std::string_view line = in.substr(0, line_bytes - 2);
  if (line.size() < 2) return broken();
  MetaReply result;
  result.outcome = MetaReply::Outcome::reply;
  result.consumed = line_bytes;
  if (line.size() == 2 || line[2] == ' ') {
    const uint16_t two = code(line[0], line[1]);
    const std::string_view rest = line.substr(2);
    if (two == code('V', 'A')) return read_value(command, rest, line_bytes, in, max_value, elsewhere);
    if (two == code('M', 'E') && command == Command::describe) return read_description(rest, line_bytes);
    if (read_code(two, command, result.reply.status))
      return read_flags(rest, result.reply) ? result : broken();
    return broken();
  }
  return read_error(line, command, result.reply.status) ? result : broken();
}

}  // namespace mctenant::protocol
