#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "auth/authenticator.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/executor.h"
#include "base/log_pacer.h"
#include "net/tls_session.h"
#include "session/accounting.h"
#include "session/close_reason.h"
#include "session/options.h"
#include "tenant/directory.h"
#include "tenant/generation_log.h"
#include "upstream/pool.h"

namespace mctenant::session {

// One worker's figures of its clients: written on its thread, read by any.
struct Figures {
  base::Counter opened;
  base::Counter open;
  base::Counter signed_in;  // open now
  std::array<base::Counter, kCloseReasons> closed;
  // TLS handshakes: by version (1.2, 1.3) and whether a session was resumed; those that are no longer under
  // way, however they ended; what has failed.
  std::array<std::array<base::Counter, 2>, 2> handshakes;
  base::Counter handshakes_settled;
  std::array<base::Counter, net::kTlsFaults> tls_faults;
  base::Counter sign_ins_accepted;
  std::array<base::Counter, auth::kMechanismNames.size()> sign_ins_by;  // … and by which mechanism
  base::Counter sign_ins_refused;
  base::Counter sign_ins_not_offered;  // by a mechanism that the listener does not offer
  base::Counter sign_ins_busy;
  base::Counter commands_refused;  // before sign-in
  base::Counter requests;          // of any kind
  base::Counter requests_malformed;
};

// What the sessions of one worker share. The worker owns it and lets it outlive them.
class Context {
 public:
  virtual ~Context() = default;

  // The tenants of this moment.
  [[nodiscard]] virtual const tenant::Directory& directory() const = 0;
  // The worker's part of the pool of that name; null if there is none.
  [[nodiscard]] virtual upstream::Pool* pool(std::string_view name) = 0;
  // Some pool has a server that is ready.
  [[nodiscard]] virtual bool any_pool_can_serve() const = 0;

  Limits limits;
  size_t worker = 0;   // its number
  size_t workers = 1;  // how many there are
  auth::Authenticator* authenticator = nullptr;
  tenant::GenerationLog* generations = nullptr;
  Accounting* accounting = nullptr;    // the worker's
  base::Executor* executor = nullptr;  // the worker's loop
  const base::Clock* clock = nullptr;
  base::TimePoint started;  // of the process
  Figures figures;
  base::LogPacer strangers{std::chrono::seconds(10)};  // lines that anybody who connects can cause
};

// What `version` answers: the memcached whose commands are served, then mctenant's own.
inline constexpr std::string_view kVersion = "1.6.18-mctenant-" MCTENANT_VERSION;

}  // namespace mctenant::session
