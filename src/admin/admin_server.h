#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "admin/figures.h"
#include "base/error.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/http_server.h"

namespace mctenant::admin {

// The HTTP server for operators and their tools:
//
//   /         what there is, in plain text    open
//   /healthz  see health.h                    open
//   /readyz   see health.h                    open
//   /metrics  see metrics.h                   with the token
//
// With a token, what asks for it is answered only to "Authorization: Bearer TOKEN" (RFC 6750), else with 401.
// Belongs to its loop's thread; destroyed before the loop.
class AdminServer {
 public:
  struct Options {
    net::Address address;
    std::string token;  // empty: none asked for
  };

  // Opens the address. `figures` must outlive the server.
  [[nodiscard]] static base::Expected<std::unique_ptr<AdminServer>> open(net::EventLoop& loop,
                                                                         Options options, Figures& figures);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Where it really listens: with the port that the kernel chose for port 0.
  [[nodiscard]] const net::Address& address() const { return address_; }

 private:
  AdminServer(net::EventLoop& loop, std::string token, Figures& figures);

  void get(std::string path, net::HttpServer::Handler handler);
  // The handler for those who show the token.
  [[nodiscard]] net::HttpServer::Handler guarded(net::HttpServer::Handler handler) const;
  [[nodiscard]] bool shows_token(const net::HttpRequest& request) const;
  [[nodiscard]] net::HttpResponse metrics() const;

  std::string token_;
  Figures& figures_;
  net::Address address_;
  net::HttpServer http_;
};

}  // namespace mctenant::admin
