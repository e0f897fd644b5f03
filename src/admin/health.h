#pragma once

#include "admin/figures.h"
#include "net/http_server.h"

namespace mctenant::admin {

// /healthz: the process is alive and its loop turns: 200 "ok".
[[nodiscard]] net::HttpResponse health();

// /readyz: 200 "ready", or 503 with the reasons, a line each.
[[nodiscard]] net::HttpResponse readiness(Figures& figures);

}  // namespace mctenant::admin
