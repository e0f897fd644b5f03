#include "server/process_figures.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "base/units.h"
#include "server/ledger_figures.h"

namespace mctenant::server {
namespace {

using Clients = session::Figures;

}  // namespace

std::vector<std::string> ProcessFigures::not_ready() {
  std::vector<std::string> reasons;
  for (const upstream::PoolOptions& pool : shared_.config.pools) {
    const bool serves = std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
      const auto& servers = worker->pools().find(pool.name)->second.servers();
      return std::any_of(servers.begin(), servers.end(), [](const auto& server) {
        return server->figures().ready.load(std::memory_order_relaxed);
      });
    });
    if (!serves) reasons.push_back("pool " + pool.name + " has no server that can be reached");
  }
  if (std::string fault = store_fault_.get(); !fault.empty()) reasons.push_back("store: " + std::move(fault));
  return reasons;
}

void ProcessFigures::write(admin::MetricsWriter& out) {
  write_process(out);
  write_reloads(out);
  write_clients(out);
  write_tls(out);
  write_sign_ins(out);
  write_servers(out);
  write_tenants(out);
  if (bookkeeper_) write_ledger_figures(shared_, workers_, *bookkeeper_, out);
}

void ProcessFigures::write_process(admin::MetricsWriter& out) const {
  out.gauge("mctenant_uptime_seconds", "Time since the start.",
            std::chrono::duration<double>(shared_.clock.now() - shared_.started).count());
  out.gauge("mctenant_workers", "Worker threads.", shared_.config.workers);
  const session::Limits& limits = shared_.limits;
  out.gauge("mctenant_limit_item_size_bytes", "limits.item_size.", limits.item_size);
  out.gauge("mctenant_limit_connections", "limits.max_connections.", limits.max_connections);
  out.gauge("mctenant_limit_tls_handshakes", "limits.handshakes.", limits.handshakes);
  out.gauge("mctenant_limit_pipeline_requests", "limits.pipeline.", limits.pipeline);
  out.gauge("mctenant_limit_connection_buffer_bytes", "limits.connection_buffer.", limits.connection_buffer);
}

void ProcessFigures::write_reloads(admin::MetricsWriter& out) const {
  const char* reloads = "mctenant_config_reloads_total";
  const char* help = "Reloads of the configuration, by result.";
  out.counter(reloads, help, {{"result", "applied"}}, reloads_.succeeded.get());
  out.counter(reloads, help, {{"result", "failed"}}, reloads_.failed.get());
  out.gauge("mctenant_config_applied_timestamp_seconds",
            "Unix time at which the running configuration took effect.", reloads_.applied_at.get());
}

void ProcessFigures::write_clients(admin::MetricsWriter& out) const {
  const auto sum = [this](auto member) {
    uint64_t total = 0;
    for (const auto& worker : workers_) total += std::invoke(member, worker->figures()).get();
    return total;
  };
  out.gauge("mctenant_client_connections", "Client connections that are open.", sum(&Clients::open));
  out.gauge("mctenant_client_connections_signed_in", "… of these, signed in.", sum(&Clients::signed_in));
  out.counter("mctenant_client_connections_opened_total", "Client connections accepted.",
              sum(&Clients::opened));
  for (size_t reason = 0; reason < session::kCloseReasons; ++reason) {
    uint64_t closed =
        sum([reason](const Clients& figures) -> const base::Counter& { return figures.closed[reason]; });
    const auto named = static_cast<session::CloseReason>(reason);
    if (named == session::CloseReason::too_many_connections) closed += refused_connections_.too_many.get();
    if (named == session::CloseReason::too_many_handshakes)
      closed += refused_connections_.too_many_handshakes.get();
    out.counter("mctenant_client_connections_closed_total", "Client connections closed, by reason.",
                {{"reason", session::name_of(named)}}, closed);
  }
  out.counter("mctenant_requests_total", "Requests taken from clients, of any kind.",
              sum(&Clients::requests));
  out.counter("mctenant_requests_malformed_total", "Requests refused for their form, size or opcode.",
              sum(&Clients::requests_malformed));
  out.counter("mctenant_requests_before_sign_in_total", "Requests refused for want of a sign-in.",
              sum(&Clients::commands_refused));
  const char* sign_ins = "mctenant_sign_ins_total";
  const char* help = "Sign-ins by outcome.";
  out.counter(sign_ins, help, {{"outcome", "accepted"}}, sum(&Clients::sign_ins_accepted));
  out.counter(sign_ins, help, {{"outcome", "refused"}}, sum(&Clients::sign_ins_refused));
  out.counter(sign_ins, help, {{"outcome", "not_offered"}}, sum(&Clients::sign_ins_not_offered));
  out.counter(sign_ins, help, {{"outcome", "busy"}}, sum(&Clients::sign_ins_busy));
}

void ProcessFigures::write_tls(admin::MetricsWriter& out) const {
  const auto sum = [this](auto read) {
    uint64_t total = 0;
    for (const auto& worker : workers_) total += read(worker->figures()).get();
    return total;
  };
  uint64_t under_way = 0;
  for (const auto& worker : workers_) under_way += worker->handshakes();
  out.gauge("mctenant_tls_handshakes_under_way", "TLS handshakes under way.", under_way);
  for (const size_t version : {0U, 1U}) {
    for (const size_t resumed : {0U, 1U}) {
      const auto handshakes = [=](const Clients& figures) -> const base::Counter& {
        return figures.handshakes[version][resumed];
      };
      out.counter("mctenant_tls_handshakes_total",
                  "TLS handshakes done, by version and whether a session was resumed.",
                  {{"version", version == 0 ? "1.2" : "1.3"}, {"resumed", resumed == 0 ? "no" : "yes"}},
                  sum(handshakes));
    }
  }
  for (size_t fault = 0; fault < net::kTlsFaults; ++fault) {
    const auto faults = [fault](const Clients& figures) -> const base::Counter& {
      return figures.tls_faults[fault];
    };
    out.counter("mctenant_tls_faults_total", "Connections closed because TLS failed, by reason.",
                {{"reason", net::kTlsFaultNames[fault]}}, sum(faults));
  }
}

void ProcessFigures::write_sign_ins(admin::MetricsWriter& out) const {
  for (size_t i = 0; i < auth::kMechanismNames.size(); ++i) {
    uint64_t total = 0;
    for (const auto& worker : workers_) total += worker->figures().sign_ins_by[i].get();
    out.counter("mctenant_sign_ins_by_mechanism_total", "Sign-ins accepted, by mechanism.",
                {{"mechanism", auth::kMechanismNames[i]}}, total);
  }
  const auth::PasswordChecker::Figures figures = shared_.passwords.figures();
  out.counter("mctenant_password_checks_total", "Passwords checked by PBKDF2.", figures.checks);
  out.counter("mctenant_password_checks_refused_total", "… of these, wrong.", figures.refusals);
  out.counter("mctenant_password_checks_remembered_total",
              "Passwords known to be right from an earlier check.", figures.remembered_hits);
  out.counter("mctenant_password_checks_busy_total", "Checks refused because limits.sign_in_queue was full.",
              figures.busy);
  out.gauge("mctenant_password_checks_waiting", "Checks that wait for a thread.", figures.waiting);
  out.gauge("mctenant_passwords_remembered", "Digests of right passwords in memory.", figures.remembered);
}

void ProcessFigures::write_servers(admin::MetricsWriter& out) const {
  using Server = upstream::ServerConnection::Figures;
  for (const upstream::PoolOptions& pool : shared_.config.pools) {
    for (size_t i = 0; i < pool.servers.size(); ++i) {
      const std::string name = pool.servers[i].address.text();
      const admin::MetricsWriter::Labels labels{{"pool", pool.name}, {"server", name}};
      const auto sum = [&](auto read) {
        uint64_t total = 0;
        for (const auto& worker : workers_) {
          total += read(worker->pools().find(pool.name)->second.servers()[i]->figures());
        }
        return total;
      };
      const auto count = [&](base::Counter Server::*member) {
        return sum([member](const Server& figures) { return (figures.*member).get(); });
      };
      out.gauge(
          "mctenant_server_connections", "Workers whose connection to the server is ready.", labels,
          sum([](const Server& figures) { return figures.ready.load(std::memory_order_relaxed) ? 1U : 0U; }));
      out.counter("mctenant_server_requests_total", "Requests sent to the server.", labels,
                  count(&Server::requests));
      out.gauge("mctenant_server_requests_waiting", "Requests whose reply has not come.", labels,
                count(&Server::in_flight));
      out.counter("mctenant_server_requests_failed_total", "Requests lost with their connection.", labels,
                  count(&Server::failed_requests));
      out.counter("mctenant_server_piped_values_total",
                  "Large values of the server that did not pass through memory, but through a pipe.", labels,
                  count(&Server::piped_values));
      out.counter("mctenant_server_connects_total", "Connections to the server that became ready.", labels,
                  count(&Server::connects));
      out.counter("mctenant_server_failures_total", "Connections, or attempts at one, that failed.", labels,
                  count(&Server::failures));
      out.counter("mctenant_server_timeouts_total", "… of these, for the server's silence.", labels,
                  count(&Server::timeouts));
    }
  }
}

void ProcessFigures::write_tenants(admin::MetricsWriter& out) const {
  for (const tenant::Entry& entry : shared_.directory->entries()) {
    const tenant::Totals totals = entry.tenant->totals();
    const std::string& name = entry.tenant->name();
    const auto one = [&](const char* metric, const char* help, uint64_t value) {
      out.counter(metric, help, {{"tenant", name}}, value);
    };
    const auto commands = [&](const char* command, const char* outcome, uint64_t value) {
      out.counter("mctenant_tenant_commands_total", "Commands of a tenant, by kind and outcome.",
                  {{"tenant", name}, {"command", command}, {"outcome", outcome}}, value);
    };
    commands("get", "hit", totals.get_hits);
    commands("get", "miss", totals.get_misses);
    commands("set", "any", totals.cmd_set);
    commands("cas", "hit", totals.cas_hits);
    commands("cas", "miss", totals.cas_misses);
    commands("cas", "badval", totals.cas_badval);
    commands("touch", "hit", totals.touch_hits);
    commands("touch", "miss", totals.touch_misses);
    commands("delete", "hit", totals.delete_hits);
    commands("delete", "miss", totals.delete_misses);
    commands("incr", "hit", totals.incr_hits);
    commands("incr", "miss", totals.incr_misses);
    commands("decr", "hit", totals.decr_hits);
    commands("decr", "miss", totals.decr_misses);
    commands("flush", "any", totals.cmd_flush);
    out.gauge("mctenant_tenant_connections", "Signed-in connections of a tenant.", {{"tenant", name}},
              entry.tenant->connections());
    for (const tenant::Credential& credential : entry.credentials) {
      const admin::MetricsWriter::Labels labels{{"tenant", name}, {"username", credential.username}};
      out.gauge("mctenant_credential_connections", "Connections signed in by a credential.", labels,
                credential.figures->connections.load(std::memory_order_relaxed));
      out.counter("mctenant_credential_sign_ins_total", "Sign-ins by a credential.", labels,
                  credential.figures->sign_ins.load(std::memory_order_relaxed));
    }
    const auto denied = [&](tenant::Capability capability, uint64_t value) {
      out.counter("mctenant_tenant_denied_total",
                  "Commands that the credential does not allow, by capability.",
                  {{"tenant", name}, {"capability", tenant::name_of(capability)}}, value);
    };
    denied(tenant::Capability::read, totals.denied_read);
    denied(tenant::Capability::write, totals.denied_write);
    denied(tenant::Capability::flush, totals.denied_flush);
    one("mctenant_tenant_sign_ins_total", "Sign-ins of a tenant.", totals.auth_cmds);
    one("mctenant_tenant_read_bytes_total", "Bytes that a tenant sent.", totals.bytes_read);
    one("mctenant_tenant_written_bytes_total", "Bytes that a tenant was sent.", totals.bytes_written);
    one("mctenant_tenant_too_large_total",
        "Stores refused for limits.item_size, the server's own limit or the whole quota.", totals.too_large);
    one("mctenant_tenant_temporary_failures_total", "Commands that found their server unreachable.",
        totals.temporary_failures);
  }
}

}  // namespace mctenant::server
