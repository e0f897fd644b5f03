#include "admin/admin_server.h"

#include <algorithm>
#include <utility>

#include "admin/health.h"
#include "base/secret.h"

namespace mctenant::admin {
namespace {

constexpr std::string_view kIndex =
    "mctenant " MCTENANT_VERSION
    "\n"
    "\n"
    "/healthz  200 while the process is alive\n"
    "/readyz   200 while clients can be served, or 503 and why not, a line each\n"
    "/metrics  figures in Prometheus's text format\n";

constexpr std::string_view kScheme = "Bearer ";

// The scheme's name is equal in any case (RFC 9110).
bool begins_with_scheme(std::string_view credentials) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return credentials.size() >= kScheme.size() &&
         std::equal(kScheme.begin(), kScheme.end(), credentials.begin(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

net::HttpServer::Handler not_cached(net::HttpServer::Handler handler) {
  return [handler = std::move(handler)](const net::HttpRequest& request) {
    net::HttpResponse response = handler(request);
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
  };
}

}  // namespace

AdminServer::AdminServer(net::EventLoop& loop, std::string token, Figures& figures)
    : token_(std::move(token)), figures_(figures), http_(loop, {}) {
  get("/", [](const net::HttpRequest&) { return net::HttpResponse{.body = std::string(kIndex)}; });
  get("/healthz", [](const net::HttpRequest&) { return health(); });
  get("/readyz", [this](const net::HttpRequest&) { return readiness(figures_); });
  get("/metrics", guarded([this](const net::HttpRequest&) { return metrics(); }));
}

AdminServer::~AdminServer() { base::wipe(token_); }

base::Expected<std::unique_ptr<AdminServer>> AdminServer::open(net::EventLoop& loop, Options options,
                                                               Figures& figures) {
  std::unique_ptr<AdminServer> server(new AdminServer(loop, std::move(options.token), figures));
  auto bound = server->http_.listen(options.address);
  if (!bound) return base::fail("admin: " + bound.error().message);
  server->address_ = *std::move(bound);
  return server;
}

void AdminServer::get(std::string path, net::HttpServer::Handler handler) {
  http_.handle("GET", std::move(path), not_cached(std::move(handler)));
}

net::HttpServer::Handler AdminServer::guarded(net::HttpServer::Handler handler) const {
  return [this, handler = std::move(handler)](const net::HttpRequest& request) {
    if (shows_token(request)) return handler(request);
    return net::HttpResponse{.status = 401,
                             .body = "show the admin token: Authorization: Bearer TOKEN\n",
                             .headers = {{"WWW-Authenticate", "Bearer realm=\"mctenant\""}}};
  };
}

bool AdminServer::shows_token(const net::HttpRequest& request) const {
  if (token_.empty()) return true;
  const std::string_view credentials = request.header("Authorization");
  return begins_with_scheme(credentials) &&
         base::equal_in_constant_time(credentials.substr(kScheme.size()), token_);
}

net::HttpResponse AdminServer::metrics() const {
  MetricsWriter out;
  out.gauge("mctenant_build_info", "1, with the version that runs.", {{"version", MCTENANT_VERSION}}, 1);
  out.gauge("mctenant_ready", "1 while clients can be served.", figures_.not_ready().empty());
  figures_.write(out);
  return {.content_type = std::string(MetricsWriter::kContentType), .body = out.text()};
}

}  // namespace mctenant::admin
