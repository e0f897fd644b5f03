#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "net/address.h"
#include "net/event_loop.h"
#include "net/timer.h"

struct bufferevent;
struct evconnlistener;
struct evhttp;
struct evhttp_connection;
struct evhttp_request;

namespace mctenant::net {

struct HttpRequest {
  std::string method;  // GET for a HEAD that a GET handler answers
  std::string path;    // as sent, not percent-decoded; at least "/"
  std::string query;   // what follows the "?", as sent
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  // The header's value, or an empty text; names are equal in any case.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// A small HTTP/1.1 server for operators: whole requests, whole responses, exact paths. What it can't route it
// answers itself: 404, 405 with Allow, 413 for a body and 400 for headers that are too large, 501 for a
// method that HTTP doesn't know. HEAD is answered by the GET handler.
//
// Belongs to its loop's thread; destroyed outside of its handlers, before the loop.
class HttpServer {
 public:
  struct Options {
    size_t max_body = 1024 * 1024;
    size_t max_headers = 16 * 1024;
    // A connection that takes longer to send its request, to read its response or to begin the next one is
    // closed, however much it moves meanwhile.
    base::Duration timeout = std::chrono::seconds(10);
    // More wait in the kernel until one of these is done.
    size_t max_connections = 64;
  };
  // Called on the loop's thread, and must not block. What it throws is logged, and answered with 500.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  HttpServer(EventLoop& loop, const Options& options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `method` in capitals; a second handler for the same method and path replaces the first.
  void handle(std::string method, std::string path, Handler handler);

  // May be called for several addresses. Returns where it really listens: with the port that the kernel chose
  // for port 0. A name is looked up at once, which may block.
  [[nodiscard]] base::Expected<Address> listen(const Address& address);

  [[nodiscard]] size_t connections() const { return newcomers_.size() + deadlines_.size(); }

 private:
  using Methods = std::map<std::string, Handler, std::less<>>;

  struct HttpFree {
    void operator()(evhttp* http) const;
  };

  bufferevent* on_accept();
  void adopt_newcomers();
  void adopt(evhttp_connection* connection);
  void give_time(evhttp_connection* connection);
  void on_closed(evhttp_connection* connection);
  void close_overdue();
  void stop_accepting();
  void accept_more();
  void on_accept_failure(int error);
  void on_request(evhttp_request* request);
  [[nodiscard]] HttpResponse respond(HttpRequest& request) const;
  [[nodiscard]] static std::string allowed(const Methods& methods);

  EventLoop& loop_;
  Options options_;
  std::map<std::string, Methods, std::less<>> paths_;
  std::vector<std::string> unix_paths_;
  std::vector<evconnlistener*> listeners_;  // owned by http_
  bool accepting_ = true;
  uint64_t accept_failures_ = 0;
  // Accepted in this turn, with a reference each: their connections are not known yet.
  std::vector<bufferevent*> newcomers_;
  // When each connection must have got on.
  std::unordered_map<evhttp_connection*, base::TimePoint> deadlines_;
  Timer adopt_timer_;
  Timer overdue_timer_;
  Timer rest_timer_;
  std::unique_ptr<evhttp, HttpFree> http_;  // tells of each connection that it closes
};

}  // namespace mctenant::net
