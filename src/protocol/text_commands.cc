#include "protocol/text_commands.h"

#include <array>

namespace mctenant::protocol {
namespace {

using enum Handling;

constexpr CommandRow make(std::string_view name, Command command, Handling handling, bool quiet = false,
                          Dialect dialect = Dialect::text) {
  CommandRow row;
  row.name = name;
  row.command = command;
  row.handling = handling;
  row.quiet = quiet;
  row.dialect = dialect;
  return row;
}

constexpr TextVerb here(std::string_view name, Form form, Command command, Handling handling,
                        bool writes = false) {
  TextVerb verb{name, form, make(name, command, handling), make(name, command, handling, true)};
  verb.loud.writes = verb.quiet.writes = writes;
  return verb;
}

constexpr TextVerb reading(std::string_view name, Form form, Command command, bool returns_cas) {
  TextVerb verb = here(name, form, command, forwarded, command == Command::get_and_touch);
  verb.loud.returns_key = true;
  verb.loud.returns_cas = returns_cas;
  verb.quiet = verb.loud;  // reads have no noreply
  return verb;
}

constexpr TextVerb changing(std::string_view name, Form form, Command command, bool drops_old = false) {
  TextVerb verb = here(name, form, command, forwarded, true);
  verb.loud.drops_old = verb.quiet.drops_old = drops_old;
  return verb;
}

constexpr TextVerb meta(std::string_view name, Form form) { return {name, form, {}, {}}; }

constexpr TextVerb administrative(std::string_view name) {
  return here(name, Form::administrative, Command::unknown, refused);
}

// The frequent ones first.
constexpr std::array kVerbs{
    reading("get", Form::keys, Command::get, false),
    meta("mg", Form::meta_get),
    changing("set", Form::store, Command::set, true),
    meta("ms", Form::meta_set),
    reading("gets", Form::keys, Command::get, true),
    meta("md", Form::meta_remove),
    meta("ma", Form::meta_arithmetic),
    TextVerb{"mn", Form::plain, make("mn", Command::noop, local, false, Dialect::meta),
             make("mn", Command::noop, local, false, Dialect::meta)},
    changing("delete", Form::remove, Command::remove),
    changing("incr", Form::arithmetic, Command::increment),
    changing("decr", Form::arithmetic, Command::decrement),
    changing("touch", Form::touch, Command::touch),
    reading("gat", Form::keys_and_expiry, Command::get_and_touch, false),
    reading("gats", Form::keys_and_expiry, Command::get_and_touch, true),
    changing("add", Form::store, Command::add),
    changing("cas", Form::compare, Command::set),
    changing("replace", Form::store, Command::replace),
    changing("append", Form::store, Command::append),
    changing("prepend", Form::store, Command::prepend),
    meta("me", Form::meta_describe),
    here("version", Form::plain, Command::version, local),
    here("stats", Form::statistics, Command::stat, barrier),
    here("flush_all", Form::flush, Command::flush, barrier, true),
    here("verbosity", Form::verbosity, Command::verbosity, local),
    here("quit", Form::plain, Command::quit, barrier),
    administrative("cache_memlimit"),
    administrative("debugtime"),
    administrative("extstore"),
    administrative("lru"),
    administrative("lru_crawler"),
    administrative("misbehave"),
    administrative("refresh_certs"),
    administrative("shutdown"),
    administrative("slabs"),
    administrative("watch"),
};

constexpr CommandRow meta_command(std::string_view name, Command command, bool quiet) {
  CommandRow row = make(name, command, forwarded, quiet, Dialect::meta);
  row.writes = command != Command::meta_get && command != Command::describe;
  row.drops_old = command >= Command::set && command <= Command::prepend;
  return row;
}

constexpr std::array<std::array<CommandRow, 2>, static_cast<size_t>(Command::unknown)> make_meta_rows() {
  using enum Command;
  std::array<std::array<CommandRow, 2>, static_cast<size_t>(unknown)> rows{};
  const auto put = [&](std::string_view name, Command command) {
    for (const bool quiet : {false, true})
      rows[static_cast<size_t>(command)][quiet ? 1 : 0] = meta_command(name, command, quiet);
  };
  for (const Command command : {meta_get, meta_get_and_touch}) put("mg", command);
  for (const Command command : {set, add, replace, append, prepend}) put("ms", command);
  for (const Command command : {increment, decrement}) put("ma", command);
  put("md", remove);
  put("me", describe);
  return rows;
}
constexpr auto kMetaRows = make_meta_rows();

constexpr CommandRow kRefused[] = {make("refused", Command::unknown, refused),
                                   make("refused", Command::unknown, refused, true)};
constexpr CommandRow kEnd = make("END", Command::noop, local);

constexpr CommandRow make_sign_in() {
  CommandRow row = make("set", Command::text_sign_in, barrier);
  row.access = Access::anyone;
  return row;
}
constexpr CommandRow kSignIn = make_sign_in();

}  // namespace

const TextVerb* find_text_verb(std::string_view name) {
  if (name.size() < 2) return nullptr;
  for (const TextVerb& verb : kVerbs) {
    // Those of the meta protocol are two letters.
    if (verb.name.size() == name.size() && verb.name.front() == name.front() &&
        verb.name.back() == name.back() && (name.size() == 2 || verb.name == name)) {
      return &verb;
    }
  }
  return nullptr;
}

std::span<const TextVerb> text_verbs() { return kVerbs; }

const CommandRow& meta_row(Command command, bool quiet) {
  return kMetaRows[static_cast<size_t>(command)][quiet ? 1 : 0];
}

const CommandRow& refused_text_row(bool quiet) { return kRefused[quiet ? 1 : 0]; }

const CommandRow& end_row() { return kEnd; }

const CommandRow& text_sign_in_row() { return kSignIn; }

}  // namespace mctenant::protocol
