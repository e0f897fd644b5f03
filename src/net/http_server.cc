#include "net/http_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>

#include "base/log.h"
#include "net/listener.h"

namespace mctenant::net {
namespace {

// How long accepting rests after a failure, mostly for want of descriptors.
constexpr auto kRest = std::chrono::milliseconds(100);

constexpr std::pair<evhttp_cmd_type, const char*> kMethods[] = {
    {EVHTTP_REQ_GET, "GET"},         {EVHTTP_REQ_HEAD, "HEAD"},       {EVHTTP_REQ_POST, "POST"},
    {EVHTTP_REQ_PUT, "PUT"},         {EVHTTP_REQ_DELETE, "DELETE"},   {EVHTTP_REQ_PATCH, "PATCH"},
    {EVHTTP_REQ_OPTIONS, "OPTIONS"}, {EVHTTP_REQ_CONNECT, "CONNECT"}, {EVHTTP_REQ_TRACE, "TRACE"}};

std::string method_name(evhttp_cmd_type type) {
  const auto* found = std::find_if(std::begin(kMethods), std::end(kMethods),
                                   [type](const auto& method) { return method.first == type; });
  return found == std::end(kMethods) ? "" : found->second;
}

std::string text_or(const char* text, const char* otherwise) {
  return text != nullptr && *text != '\0' ? text : otherwise;
}

HttpRequest read_request(evhttp_request* request) {
  HttpRequest result;
  result.method = method_name(evhttp_request_get_command(request));
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  result.path = text_or(uri == nullptr ? nullptr : evhttp_uri_get_path(uri), "/");
  result.query = text_or(uri == nullptr ? nullptr : evhttp_uri_get_query(uri), "");
  const evkeyvalq* headers = evhttp_request_get_input_headers(request);
  for (const evkeyval* header = headers->tqh_first; header != nullptr; header = header->next.tqe_next) {
    result.headers.emplace_back(header->key, header->value);
  }
  evbuffer* body = evhttp_request_get_input_buffer(request);
  result.body.resize(evbuffer_get_length(body));
  evbuffer_remove(body, result.body.data(), result.body.size());
  return result;
}

void send_response(evhttp_request* request, const HttpResponse& response) {
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", response.content_type.c_str());
  for (const auto& [name, value] : response.headers) evhttp_add_header(headers, name.c_str(), value.c_str());
  evhttp_add_header(headers, "Content-Length", std::to_string(response.body.size()).c_str());
  evbuffer* body = evbuffer_new();
  if (evhttp_request_get_command(request) != EVHTTP_REQ_HEAD) {
    evbuffer_add(body, response.body.data(), response.body.size());
  }
  evhttp_send_reply(request, response.status, nullptr, body);
  evbuffer_free(body);
}

// The servers by their evhttp: a listener's error callback gets evhttp's pointer, and evhttp has none to its
// owner.
class Owners {
 public:
  void set(const evhttp* http, HttpServer* server) {
    const std::lock_guard lock(mutex_);
    servers_[http] = server;
  }
  void forget(const evhttp* http) {
    const std::lock_guard lock(mutex_);
    servers_.erase(http);
  }
  [[nodiscard]] HttpServer* find(const void* http) {
    const std::lock_guard lock(mutex_);
    return servers_.at(http);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<const void*, HttpServer*> servers_;
};
Owners owners;

bool equal_names(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equal_names(key, name)) return value;
  }
  return {};
}

void HttpServer::HttpFree::operator()(evhttp* http) const { evhttp_free(http); }

HttpServer::HttpServer(EventLoop& loop, const Options& options)
    : loop_(loop),
      options_(options),
      adopt_timer_(loop, [this] { adopt_newcomers(); }),
      overdue_timer_(loop, [this] { close_overdue(); }),
      rest_timer_(loop, [this] { accept_more(); }),
      http_(evhttp_new(loop.base())) {
  owners.set(http_.get(), this);
  uint16_t methods = 0;
  for (const auto& [type, name] : kMethods) methods = static_cast<uint16_t>(methods | type);
  evhttp_set_allowed_methods(http_.get(), methods);
  evhttp_set_max_body_size(http_.get(), static_cast<ev_ssize_t>(options.max_body));
  evhttp_set_max_headers_size(http_.get(), static_cast<ev_ssize_t>(options.max_headers));
  // Reads on behind a refused body, so that no reset destroys the answer on its way.
  evhttp_set_flags(http_.get(), EVHTTP_SERVER_LINGERING_CLOSE);
  evhttp_set_bevcb(
      http_.get(), [](event_base*, void* self) { return static_cast<HttpServer*>(self)->on_accept(); }, this);
  evhttp_set_gencb(
      http_.get(),
      [](evhttp_request* request, void* self) { static_cast<HttpServer*>(self)->on_request(request); }, this);
}

HttpServer::~HttpServer() {
  listeners_.clear();  // closing connections starts no listener any more
  owners.forget(http_.get());
  http_.reset();
  for (bufferevent* newcomer : newcomers_) bufferevent_decref(newcomer);
  for (const auto& path : unix_paths_) unlink(path.c_str());
}

void HttpServer::handle(std::string method, std::string path, Handler handler) {
  paths_[std::move(path)][std::move(method)] = std::move(handler);
}

base::Expected<Address> HttpServer::listen(const Address& address) {
  Address bound = address;
  const auto fd = open_listening_socket(bound);
  if (!fd) return tl::unexpected(fd.error());
  evconnlistener* listener = evconnlistener_new(
      loop_.base(), nullptr, nullptr,
      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | (accepting_ ? 0 : LEV_OPT_DISABLED), 0, *fd);
  evhttp_bind_listener(http_.get(), listener);  // sets the callback, and owns the listener
  evconnlistener_set_error_cb(listener, [](evconnlistener*, void* http) {
    const int error = errno;
    owners.find(http)->on_accept_failure(error);
  });
  listeners_.push_back(listener);
  if (bound.kind == Address::Kind::unix_socket) unix_paths_.push_back(bound.host);
  return bound;
}

// evhttp accepts without asking and tells of a connection when its first request is read, which a slow client
// puts off for ever. So each connection is met here, where evhttp lets its owner make the buffers, and looked
// up at the end of the turn, when evhttp has made the connection around them.
bufferevent* HttpServer::on_accept() {
  bufferevent* buffers = bufferevent_socket_new(loop_.base(), -1, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_incref(buffers);
  newcomers_.push_back(buffers);
  adopt_timer_.start(base::Duration::zero());
  if (connections() >= options_.max_connections) stop_accepting();
  return buffers;
}

void HttpServer::adopt_newcomers() {
  for (bufferevent* buffers : std::exchange(newcomers_, {})) {
    // The callbacks' argument is the connection; without callbacks, it is closed already.
    bufferevent_event_cb on_event = nullptr;
    void* connection = nullptr;
    bufferevent_getcb(buffers, nullptr, nullptr, &on_event, &connection);
    if (on_event != nullptr) adopt(static_cast<evhttp_connection*>(connection));
    bufferevent_decref(buffers);
  }
  accept_more();
}

void HttpServer::adopt(evhttp_connection* connection) {
  evhttp_connection_set_closecb(
      connection,
      [](evhttp_connection* closed, void* self) { static_cast<HttpServer*>(self)->on_closed(closed); }, this);
  give_time(connection);
}

void HttpServer::give_time(evhttp_connection* connection) {
  deadlines_[connection] = loop_.now() + options_.timeout;
  if (!overdue_timer_.running()) overdue_timer_.start(options_.timeout);
}

void HttpServer::on_closed(evhttp_connection* connection) {
  deadlines_.erase(connection);
  accept_more();
}

void HttpServer::close_overdue() {
  std::vector<evhttp_connection*> overdue;
  auto next = base::TimePoint::max();
  for (const auto& [connection, deadline] : deadlines_) {
    if (deadline <= loop_.now()) {
      overdue.push_back(connection);
    } else {
      next = std::min(next, deadline);
    }
  }
  for (evhttp_connection* connection : overdue) evhttp_connection_free(connection);
  if (!deadlines_.empty()) overdue_timer_.start(next - loop_.now());
}

void HttpServer::stop_accepting() {
  accepting_ = false;
  for (evconnlistener* listener : listeners_) evconnlistener_disable(listener);
}

void HttpServer::accept_more() {
  if (accepting_ || connections() >= options_.max_connections || rest_timer_.running()) return;
  accepting_ = true;
  for (evconnlistener* listener : listeners_) evconnlistener_enable(listener);
}

void HttpServer::on_accept_failure(int error) {
  if (++accept_failures_ % 100 == 1) {
    base::log::warn("accepting HTTP connections fails ({} times so far): {}", accept_failures_,
                    std::strerror(error));
  }
  stop_accepting();
  rest_timer_.start(kRest);
}

void HttpServer::on_request(evhttp_request* request) {
  adopt_newcomers();
  give_time(evhttp_request_get_connection(request));
  evhttp_request_set_on_complete_cb(
      request,
      [](evhttp_request* done, void* self) {
        static_cast<HttpServer*>(self)->give_time(evhttp_request_get_connection(done));
      },
      this);
  HttpRequest read = read_request(request);
  send_response(request, respond(read));
}

HttpResponse HttpServer::respond(HttpRequest& request) const {
  const auto path = paths_.find(request.path);
  if (path == paths_.end()) return {.status = 404, .body = "not found\n"};
  const Methods& methods = path->second;
  auto method = methods.find(request.method);
  if (method == methods.end() && request.method == "HEAD") {
    method = methods.find("GET");
    request.method = "GET";
  }
  if (method == methods.end()) {
    return {.status = 405, .body = "method not allowed\n", .headers = {{"Allow", allowed(methods)}}};
  }
  try {
    return method->second(request);
  } catch (const std::exception& error) {  // evhttp can't be unwound
    base::log::error("answering {} {} failed: {}", request.method, request.path, error.what());
    return {.status = 500, .body = "internal error\n"};
  }
}

std::string HttpServer::allowed(const Methods& methods) {
  std::string result;
  for (const auto& [name, handler] : methods) {
    if (!result.empty()) result += ", ";
    result += name;
    if (name == "GET" && !methods.contains("HEAD")) result += ", HEAD";
  }
  return result;
}

}  // namespace mctenant::net
