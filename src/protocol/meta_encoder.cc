#include "protocol/meta_encoder.h"

#include <charconv>
#include <cstring>

#include "protocol/meta_flags.h"
#include "protocol/words.h"

namespace mctenant::protocol {
namespace {

// More than the longest line: verb, 250 bytes of key, a length and five flags with numbers.
constexpr size_t kMaxLine = 512;
constexpr size_t kMaxNumber = 20;

class Line {
 public:
  explicit Line(base::OutputQueue& out, size_t room = kMaxLine)
      : out_(out), begin_(out.reserve(room)), at_(begin_) {}

  Line& text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  template <class Number>
  Line& flag(std::string_view name, Number value) {
    text(name);
    at_ = std::to_chars(at_, at_ + kMaxNumber, value).ptr;
    return *this;
  }
  void end() { out_.commit(static_cast<size_t>(text("\r\n").at_ - begin_)); }

 private:
  base::OutputQueue& out_;
  char* begin_;
  char* at_;
};

std::string_view mode_of(Command command) {
  switch (command) {
    case Command::add:
      return " ME";
    case Command::replace:
      return " MR";
    case Command::append:
      return " MA";
    case Command::prepend:
      return " MP";
    default:
      return "";
  }
}

void write_store(const Request& request, std::string_view key, base::OutputQueue& out) {
  Line line(out);
  line.text("ms ").text(key).flag(" ", request.value.size).text(mode_of(request.command));
  if (request.flags != 0) line.flag(" F", request.flags);
  if (request.expiry != 0) line.flag(" T", request.expiry);
  if (request.cas != 0) line.flag(" C", request.cas);
  if (request.invalidate) line.text(" I");
  line.text(" c").end();
  out.append(request.value);
  out.append("\r\n");
}

// A client's flags, but for those whose meaning ends here: key and opaque are put back into the reply, and
// the server always replies. R asks for the right to make the item anew.
constexpr uint64_t kEndHere =
    meta_bit('b') | meta_bit('k') | meta_bit('q') | meta_bit('L') | meta_bit('O') | meta_bit('P');

void write_client_flags(const Request& request, Line& line) {
  std::string_view flags = request.meta_flags;
  const uint64_t end_here = kEndHere | (request.wins_nothing ? meta_bit('R') : 0);
  if ((request.meta_seen & end_here) == 0) {
    if (!flags.empty()) line.text(" ").text(flags);
    return;
  }
  for (std::string_view word = take_short_word(flags); !word.empty(); word = take_short_word(flags)) {
    if ((meta_bit(word.front()) & end_here) == 0) line.text(" ").text(word);
  }
}

// With a flag that must be there for the ledger, unless the client has it.
void require(const Request& request, char letter, Line& line) {
  const char flag[] = {' ', letter};
  if ((request.meta_seen & meta_bit(letter)) == 0) line.text({flag, 2});
}

void write_meta_get(const Request& request, std::string_view key, base::OutputQueue& out) {
  Line line(out, kMaxLine + request.meta_flags.size());
  line.text("mg ").text(key);
  write_client_flags(request, line);
  if ((request.meta_seen & meta_bit('v')) == 0) require(request, 's', line);
  require(request, 'c', line);
  require(request, 'f', line);
  if (request.tells_expiry) require(request, 't', line);
  line.end();
}

void write_meta_arithmetic(const Request& request, std::string_view key, base::OutputQueue& out) {
  Line line(out, kMaxLine + request.meta_flags.size());
  line.text("ma ").text(key);
  write_client_flags(request, line);
  require(request, 'v', line);
  require(request, 'c', line);
  if (request.tells_expiry) require(request, 't', line);
  line.end();
}

void write_arithmetic(const Request& request, std::string_view key, base::OutputQueue& out) {
  if (request.meta_seen != 0) return write_meta_arithmetic(request, key, out);
  Line line(out);
  line.text("ma ").text(key).text(request.command == Command::increment ? " MI" : " MD");
  line.flag(" D", request.delta);
  if (request.create) line.flag(" J", request.initial).flag(" N", request.expiry);
  if (request.cas != 0) line.flag(" C", request.cas);
  line.text(" v c").end();
}

}  // namespace

void write_meta_request(const Request& request, std::string_view server_key, base::OutputQueue& out) {
  switch (request.command) {
    case Command::get:
      return Line(out).text("mg ").text(server_key).text(" v f c").end();
    case Command::get_and_touch:
      return Line(out).text("mg ").text(server_key).flag(" T", request.expiry).text(" v f c").end();
    case Command::touch:
      return Line(out).text("mg ").text(server_key).flag(" T", request.expiry).text(" c").end();
    case Command::probe:
      return Line(out).text("mg ").text(server_key).text(" s c f t u").end();
    case Command::meta_get:
    case Command::meta_get_and_touch:
      return write_meta_get(request, server_key, out);
    case Command::describe:
      return Line(out).text("me ").text(server_key).end();
    case Command::remove: {
      Line line(out);
      line.text("md ").text(server_key);
      if (request.cas != 0) line.flag(" C", request.cas);
      if (request.invalidate) line.text(" I");
      if (request.sets_expiry) line.flag(" T", request.expiry);
      return line.end();
    }
    case Command::increment:
    case Command::decrement:
      return write_arithmetic(request, server_key, out);
    default:
      return write_store(request, server_key, out);
  }
}

}  // namespace mctenant::protocol
