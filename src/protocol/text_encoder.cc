#include "protocol/text_encoder.h"

#include <charconv>
#include <cstring>

#include "protocol/base64_key.h"

namespace mctenant::protocol {
namespace {

// A value of at least this size that has an owner is shared; a smaller one is cheaper to copy.
constexpr size_t kShareFrom = 16 * 1024;
// More than the flags of a reply take with their numbers, without the key.
constexpr size_t kMaxFlags = 192;
constexpr std::string_view kEnd = "END\r\n";

// A piece of output, written where it will stand.
class Piece {
 public:
  Piece(base::OutputQueue& out, size_t room) : out_(out), begin_(out.reserve(room)), at_(begin_) {}

  Piece& text(std::string_view text) {
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  template <class Number>
  Piece& number(Number value) {
    if (value >= 0 && value <= 9) {
      *at_++ = static_cast<char>('0' + value);
      return *this;
    }
    at_ = std::to_chars(at_, at_ + 20, value).ptr;
    return *this;
  }
  template <class Number>
  Piece& flag(char letter, Number value) {
    *at_++ = ' ';
    *at_++ = letter;
    return number(value);
  }
  Piece& mark(char letter) {
    *at_++ = ' ';
    *at_++ = letter;
    return *this;
  }
  Piece& base64(std::string_view key) {
    at_ = encode_base64_key(key, at_);
    return *this;
  }
  size_t commit() {
    const auto size = static_cast<size_t>(at_ - begin_);
    out_.commit(size);
    return size;
  }

 private:
  base::OutputQueue& out_;
  char* begin_;
  char* at_;
};

bool is_store(Command command) { return command >= Command::set && command <= Command::prepend; }
bool is_count(Command command) { return command == Command::increment || command == Command::decrement; }

// The value, its end and `behind`; `head` is not committed yet, and has room for a small value.
size_t finish_value(Piece& head, const base::Slice& value, std::string_view behind, base::OutputQueue& out) {
  if (!value.owner || value.size < kShareFrom) {
    return head.text({value.data, value.size}).text("\r\n").text(behind).commit();
  }
  const size_t written = head.commit();
  out.append(value);
  return written + value.size + Piece(out, 2 + behind.size()).text("\r\n").text(behind).commit();
}

// Room for a value that is copied, with what stands behind it.
size_t room_for(const base::Slice& value) {
  return (value.owner && value.size >= kShareFrom ? 0 : value.size) + 2 + kEnd.size();
}

size_t write_hit(const CommandRow& row, KeyPlace place, std::string_view key, const Reply& reply,
                 base::OutputQueue& out) {
  Piece piece(out, 6 + key.size() + 3 * 21 + 2 + room_for(reply.value));
  piece.text("VALUE ").text(key).text(" ").number(reply.flags).text(" ").number(reply.value.size);
  if (row.returns_cas) piece.text(" ").number(reply.cas);
  piece.text("\r\n");
  return finish_value(piece, reply.value, place.last ? kEnd : std::string_view(), out);
}

size_t write_line(std::string_view line, base::OutputQueue& out) {
  return Piece(out, line.size() + 2).text(line).text("\r\n").commit();
}

std::string_view success_of(Command command) {
  switch (command) {
    case Command::remove:
      return "DELETED";
    case Command::touch:
      return "TOUCHED";
    case Command::flush:
    case Command::verbosity:
      return "OK";
    case Command::noop:
    case Command::stat:
      return "END";
    default:
      return "STORED";
  }
}

// The line of a failure; that of success stands in success_of().
std::string_view failure_of(Command command, Status status) {
  switch (status) {
    case Status::not_found:
      return command == Command::replace ? "NOT_STORED" : "NOT_FOUND";
    case Status::exists:
      return command == Command::add ? "NOT_STORED" : "EXISTS";
    case Status::not_stored:
      return "NOT_STORED";
    case Status::too_large:
      return "SERVER_ERROR object too large for cache";
    case Status::out_of_memory:
      return is_count(command) ? "SERVER_ERROR out of memory" : "SERVER_ERROR out of memory storing object";
    case Status::non_numeric:
      return "CLIENT_ERROR cannot increment or decrement non-numeric value";
    case Status::auth_error:
      return command == Command::text_sign_in ? "CLIENT_ERROR authentication failure"
                                              : "CLIENT_ERROR unauthenticated";
    case Status::temporary_failure:
      return "SERVER_ERROR temporary failure";
    case Status::invalid:
      return "CLIENT_ERROR bad command line format";
    default:
      return "ERROR";
  }
}

std::string_view line_of_failure(const CommandRow& row, const Reply& reply) {
  if (reply.value.size > 0) return {reply.value.data, reply.value.size};
  return failure_of(row.command, reply.status);
}

size_t write_miss(const CommandRow& row, KeyPlace place, const Reply& reply, base::OutputQueue& out) {
  const bool lost = reply.status != Status::not_found;
  if (lost && place.alone) return write_line(line_of_failure(row, reply), out);
  return place.last ? Piece(out, kEnd.size()).text(kEnd).commit() : 0;
}

// The first word of a meta reply without a value.
std::string_view meta_code(const CommandRow& row, const MetaReturn& wanted, Status status) {
  const bool gets = row.command == Command::meta_get || row.command == Command::meta_get_and_touch;
  switch (status) {
    case Status::ok:
      return "HD";
    case Status::not_found:
      if (gets || row.command == Command::describe) return "EN";
      return row.command == Command::replace && !wanted.conditional ? "NS" : "NF";
    case Status::exists:
      return row.command == Command::add ? "NS" : "EX";
    case Status::not_stored:
      return "NS";
    default:
      return {};
  }
}

bool meta_silent(const CommandRow& row, Status status) {
  if (!row.quiet) return false;
  const bool gets = row.command == Command::meta_get || row.command == Command::meta_get_and_touch;
  return status == (gets ? Status::not_found : Status::ok);
}

void write_key(const MetaReturn& wanted, std::string_view key, Piece& piece) {
  piece.mark('k');
  if (!wanted.base64) {
    piece.text(key);
  } else {
    piece.base64(key).text(" b");
  }
}

// Whether that letter is given back by a command that ended so.
bool gives_back(Command command, Status status, char letter) {
  if (letter == 'O' || letter == 'k') return true;
  if (is_store(command)) return letter == 'c';
  if (is_count(command)) return status == Status::ok && (letter == 'c' || letter == 't');
  return status == Status::ok && command != Command::remove;
}

// What the client asked for, in its order.
void write_wanted(const CommandRow& row, const MetaReturn& wanted, std::string_view key, const Reply& reply,
                  Piece& piece) {
  for (const char letter : std::string_view(wanted.letters.data(), wanted.count)) {
    if (!gives_back(row.command, reply.status, letter)) continue;
    switch (letter) {
      case 'c':
        piece.flag('c', reply.cas);
        break;
      case 'f':
        piece.flag('f', reply.flags);
        break;
      case 'h':
        piece.mark('h').text(reply.fetched ? "1" : "0");
        break;
      case 'l':
        piece.flag('l', reply.idle);
        break;
      case 's':
        piece.flag('s', reply.number);
        break;
      case 't':
        piece.flag('t', reply.expiry);
        break;
      case 'k':
        write_key(wanted, key, piece);
        break;
      default:
        piece.text(" ").text(wanted.opaque_token());
        break;
    }
  }
}

size_t write_described(std::string_view key, const MetaReturn& wanted, const Reply& reply,
                       base::OutputQueue& out) {
  Piece piece(out, 64 + base64_size(key.size()) + reply.value.size);
  piece.text("ME ");
  if (wanted.base64) {
    piece.base64(key);
  } else {
    piece.text(key);
  }
  piece.text(" ").text({reply.value.data, reply.value.size}).text(" size=").number(reply.number);
  return piece.text("\r\n").commit();
}

}  // namespace

size_t write_text_reply(const CommandRow& row, KeyPlace place, std::string_view key, const Reply& reply,
                        base::OutputQueue& out) {
  if (row.command == Command::get || row.command == Command::get_and_touch) {
    if (reply.status == Status::ok) return write_hit(row, place, key, reply, out);
    return write_miss(row, place, reply, out);
  }
  if (row.quiet) return 0;
  if (reply.status != Status::ok) return write_line(line_of_failure(row, reply), out);
  if (is_count(row.command)) return Piece(out, 22).number(reply.number).text("\r\n").commit();
  if (row.command == Command::version) {
    const std::string_view version(reply.value.data, reply.value.size);
    return Piece(out, 10 + version.size()).text("VERSION ").text(version).text("\r\n").commit();
  }
  return write_line(success_of(row.command), out);
}

size_t write_meta_reply(const CommandRow& row, const MetaReturn& wanted, std::string_view key,
                        const Reply& reply, base::OutputQueue& out) {
  if (meta_silent(row, reply.status)) return 0;
  if (row.command == Command::noop) return write_line("MN", out);
  const std::string_view code = meta_code(row, wanted, reply.status);
  if (code.empty()) return write_line(line_of_failure(row, reply), out);
  const bool ok = reply.status == Status::ok;
  if (row.command == Command::describe) {
    return ok ? write_described(key, wanted, reply, out) : write_line(code, out);
  }
  const bool valued = ok && wanted.value && (is_count(row.command) || !is_store(row.command)) &&
                      row.command != Command::remove;
  Piece piece(out, kMaxFlags + base64_size(key.size()) + (valued ? room_for(reply.value) : 0));
  if (valued) {
    piece.text("VA ").number(reply.value.size);
  } else {
    piece.text(code);
  }
  write_wanted(row, wanted, key, reply, piece);
  if (reply.taken) piece.mark('Z');
  if (reply.stale) piece.mark('X');
  if (reply.won) piece.mark('W');
  piece.text("\r\n");
  return valued ? finish_value(piece, reply.value, {}, out) : piece.commit();
}

size_t write_text_line(std::string_view line, base::OutputQueue& out) { return write_line(line, out); }

size_t write_text_figure(std::string_view name, std::string_view value, base::OutputQueue& out) {
  return Piece(out, 8 + name.size() + value.size())
      .text("STAT ")
      .text(name)
      .text(" ")
      .text(value)
      .text("\r\n")
      .commit();
}

}  // namespace mctenant::protocol
