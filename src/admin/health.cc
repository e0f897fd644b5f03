#include "admin/health.h"

namespace mctenant::admin {

net::HttpResponse health() { return {.body = "ok\n"}; }

net::HttpResponse readiness(Figures& figures) {
  const auto reasons = figures.not_ready();
  if (reasons.empty()) return {.body = "ready\n"};
  net::HttpResponse response{.status = 503};
  for (const auto& reason : reasons) response.body += reason + "\n";
  return response;
}

}  // namespace mctenant::admin
