#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>

#include "protocol/text_encoder.h"
#include "session/client_session.h"

namespace mctenant::session {
namespace {

using protocol::Status;

uint64_t seconds(base::Duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

}  // namespace

// A figure a packet, and an empty one behind them; or a figure a line, and END.
class ClientSession::StatsWriter {
 public:
  StatsWriter(ClientSession& session, const protocol::ClientRequest& request)
      : session_(session), request_(request) {}
  ~StatsWriter() { session_.conclude(request_, Status::ok, {}); }
  StatsWriter(const StatsWriter&) = delete;
  StatsWriter& operator=(const StatsWriter&) = delete;

  void line(std::string_view name, std::string_view value) {
    if (request_.row->dialect == protocol::Dialect::binary)
      return session_.write_body(request_, Status::ok, name, value);
    session_.sent(protocol::write_text_figure(name, value, session_.transport_.output()));
  }
  void line(std::string_view name, uint64_t value) {
    char digits[20];
    const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    line(name, std::string_view(digits, static_cast<size_t>(end - digits)));
  }

 private:
  ClientSession& session_;
  const protocol::ClientRequest& request_;
};

void ClientSession::write_stats(const protocol::ClientRequest& request) {
  const std::string_view group = request.request.key;
  if (group == "reset") {
    tenant_->reset_stats();
    return conclude(request, Status::ok, {}, "RESET");
  }
  if (group == "settings") return write_settings(request);
  if (group == "items") return write_item_stats(request);
  if (!group.empty()) return conclude(request, Status::not_found, text_of(Status::not_found), "ERROR");
  write_general_stats(request);
}

void ClientSession::write_general_stats(const protocol::ClientRequest& request) {
  StatsWriter out(*this, request);
  out.line("pid", static_cast<uint64_t>(getpid()));
  out.line("uptime", seconds(context_.clock->now() - context_.started));
  out.line("time", static_cast<uint64_t>(context_.accounting->now()));
  out.line("version", kVersion);
  out.line("pointer_size", sizeof(void*) * 8);
  out.line("threads", context_.workers);
  out.line("max_connections", context_.limits.max_connections);
  const quota::Ledger::Usage usage = account_.ledger->usage();
  out.line("limit_maxbytes", account_.ledger->quota());
  out.line("bytes", usage.bytes);
  out.line("curr_items", usage.items);
  const tenant::Totals totals = tenant_->totals_since_reset();
#define X(name) out.line(#name, totals.name);
  MCTENANT_TENANT_COUNTERS(X)
#undef X
}

// memcached's names, where they mean something to a tenant.
void ClientSession::write_settings(const protocol::ClientRequest& request) {
  StatsWriter out(*this, request);
  out.line("maxbytes", account_.ledger->quota());
  out.line("maxconns", max_connections_ != 0 ? max_connections_ : context_.limits.max_connections);
  out.line("item_size_max", context_.limits.item_size);
  out.line("evictions", "on");
  out.line("cas_enabled", "yes");
  out.line("auth_enabled_sasl", "yes");
  out.line("flush_enabled", "yes");
  out.line("dump_enabled", "no");
  out.line("num_threads", context_.workers);
}

// A tenant's memory is one class: no item waits for room in another.
void ClientSession::write_item_stats(const protocol::ClientRequest& request) {
  StatsWriter out(*this, request);
  const quota::Ledger::Usage usage = account_.ledger->usage();
  const tenant::Totals totals = tenant_->totals_since_reset();
  out.line("items:1:number", usage.items);
  out.line("items:1:mem_requested", usage.bytes);
  out.line("items:1:evicted", totals.evictions);
  out.line("items:1:reclaimed", totals.expired);
}

}  // namespace mctenant::session
