#include "net/http_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/connection.h"

namespace mctenant::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using support::Connection;
using support::Peer;

constexpr auto kLong = support::Milliseconds(20'000);  // for what comes at once unless something is broken

struct Answer {
  std::string status;  // the first line
  std::string headers;
  std::string body;
};

// A client that understands what this server sends: every answer has a Content-Length.
Answer read_answer(Connection& connection, bool head = false) {
  Answer answer;
  answer.status = connection.read_until("\r\n", kLong);
  answer.status.resize(answer.status.size() - 2);
  for (;;) {
    const std::string line = connection.read_until("\r\n", kLong);
    if (line == "\r\n") break;
    answer.headers += line;
  }
  const size_t at = answer.headers.find("Content-Length: ");
  if (at == std::string::npos) throw std::runtime_error("no Content-Length in: " + answer.headers);
  const size_t length = head ? 0 : std::stoul(answer.headers.substr(at + 16));
  while (connection.unread().size() < length && connection.read_some(kLong)) {
  }
  answer.body = connection.unread().substr(0, length);
  connection.take(answer.body.size());
  return answer;
}

class HttpServerTest : public testing::Test {
 protected:
  ~HttpServerTest() override { stop(); }

  void start(const HttpServer::Options& options, const std::string& where = "127.0.0.1:0") {
    server_ = std::make_unique<HttpServer>(loop_, options);
    server_->handle("GET", "/hello", [](const HttpRequest& request) {
      return HttpResponse{.body = request.method + " " + request.path + "?" + request.query};
    });
    server_->handle("POST", "/echo", [](const HttpRequest& request) {
      return HttpResponse{.status = 201,
                          .content_type = std::string(request.header("content-type")),
                          .body = request.body,
                          .headers = {{"X-Seen", std::string(request.header("x-ASKED"))}}};
    });
    server_->handle("PUT", "/echo", [](const HttpRequest&) { return HttpResponse{.status = 204}; });
    server_->handle("GET", "/throws", [](const HttpRequest&) -> HttpResponse {
      throw std::runtime_error("broken on purpose");
    });
    server_->handle("GET", "/big",
                    [](const HttpRequest&) { return HttpResponse{.body = std::string(kBig, 'x')}; });
    const auto bound = server_->listen(*parse_address(where));
    if (!bound) throw std::runtime_error(bound.error().message);
    address_ = bound->text();
    thread_ = std::thread([this] { loop_.run(); });
  }

  void stop() {
    if (thread_.joinable()) {
      loop_.stop();
      thread_.join();
    }
    server_.reset();
  }

  Answer ask(const std::string& request, bool head = false) {
    Connection connection(address_);
    EXPECT_TRUE(connection.send(request));
    return read_answer(connection, head);
  }

  // How many connections the server has, seen from its own thread.
  size_t connections() {
    std::atomic<int> seen{-1};
    loop_.post([&] {
      seen = static_cast<int>(server_->connections());
      seen.notify_one();
    });
    seen.wait(-1);
    return static_cast<size_t>(seen.load());
  }

  static constexpr size_t kBig = 32 * 1024 * 1024;

  EventLoop loop_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::string address_;
};

TEST_F(HttpServerTest, AnswersAGet) {
  start({});
  const Answer answer = ask("GET /hello?a=1&b=%20 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, "HTTP/1.1 200 OK");
  EXPECT_NE(answer.headers.find("Content-Type: text/plain; charset=utf-8\r\n"), std::string::npos);
  EXPECT_EQ(answer.body, "GET /hello?a=1&b=%20");
}

TEST_F(HttpServerTest, GivesHandlersBodyAndHeadersInAnyCase) {
  start({});
  const Answer answer = ask(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/odd\r\nX-Asked: this\r\nContent-Length: 5\r\n\r\nab\0cd"s);
  EXPECT_EQ(answer.status, "HTTP/1.1 201 Created");
  EXPECT_NE(answer.headers.find("Content-Type: text/odd\r\n"), std::string::npos);
  EXPECT_NE(answer.headers.find("X-Seen: this\r\n"), std::string::npos);
  EXPECT_EQ(answer.body, "ab\0cd"s);
}

TEST_F(HttpServerTest, TakesAChunkedBody) {
  start({});
  const Answer answer =
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(answer.body, "abcde");
}

TEST_F(HttpServerTest, AnswersHeadWithoutTheBody) {
  start({});
  Connection connection(address_);
  ASSERT_TRUE(connection.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  const Answer head = read_answer(connection, true);
  EXPECT_EQ(head.status, "HTTP/1.1 200 OK");
  EXPECT_NE(head.headers.find("Content-Length: 11\r\n"), std::string::npos) << head.headers;
  ASSERT_TRUE(connection.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(read_answer(connection).body, "GET /hello?");
}

TEST_F(HttpServerTest, UnknownPathIsNotFound) {
  start({});
  for (const char* path : {"/nothing", "/hello/", "/hellO", "/hello%2f", "/"}) {
    EXPECT_EQ(ask(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path)).status, "HTTP/1.1 404 Not Found")
        << path;
  }
}

TEST_F(HttpServerTest, WrongMethodIsToldWhichAreAllowed) {
  start({});
  const Answer get = ask("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(get.status, "HTTP/1.1 405 Method Not Allowed");
  EXPECT_NE(get.headers.find("Allow: GET, HEAD\r\n"), std::string::npos) << get.headers;
  const Answer post = ask("HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n", true);
  EXPECT_EQ(post.status, "HTTP/1.1 405 Method Not Allowed");
  EXPECT_NE(post.headers.find("Allow: POST, PUT\r\n"), std::string::npos) << post.headers;
}

TEST_F(HttpServerTest, UnknownMethodIsNotImplemented) {
  start({});
  EXPECT_EQ(ask("BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n").status, "HTTP/1.1 501 Not Implemented");
}

TEST_F(HttpServerTest, AHandlerThatThrowsIsAnInternalErrorWithoutDetails) {
  start({});
  const Answer answer = ask("GET /throws HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, "HTTP/1.1 500 Internal Server Error");
  EXPECT_EQ(answer.body, "internal error\n");
}

TEST_F(HttpServerTest, KeepsAConnectionForMoreRequests) {
  start({});
  Connection connection(address_);
  const std::string request = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_TRUE(connection.send(request + request + request));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(read_answer(connection).body, "GET /hello?");
  EXPECT_EQ(connections(), 1U);
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  start({});
  Connection connection(address_);
  ASSERT_TRUE(connection.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_EQ(read_answer(connection).body, "GET /hello?");
  EXPECT_EQ(connection.wait_for_end(kLong), Peer::closed);
  EXPECT_EQ(connections(), 0U);
}

TEST_F(HttpServerTest, TakesTheLargestBodyAndRefusesAByteMore) {
  start({.max_body = 100'000});
  const auto post = [&](size_t size) {
    return ask(
        fmt::format("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: {}\r\n\r\n",
                    size) +
        std::string(size, 'b'));
  };
  EXPECT_EQ(post(100'000).body.size(), 100'000U);
  EXPECT_EQ(post(100'001).status.substr(0, 12), "HTTP/1.1 413");
  EXPECT_EQ(post(3'000'000).status.substr(0, 12), "HTTP/1.1 413");
}

TEST_F(HttpServerTest, RefusesAChunkedBodyThatGrowsTooLarge) {
  start({.max_body = 1'000});
  std::string request = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 3; ++i) request += "200\r\n" + std::string(0x200, 'c') + "\r\n";
  EXPECT_EQ(ask(request + "0\r\n\r\n").status.substr(0, 12), "HTTP/1.1 413");
}

TEST_F(HttpServerTest, RefusesHeadersThatAreTooLarge) {
  start({.max_headers = 1'000});
  EXPECT_EQ(ask("GET /hello HTTP/1.1\r\nX: " + std::string(2'000, 'h') + "\r\n\r\n").status.substr(0, 12),
            "HTTP/1.1 400");
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  start({});
  for (const char* text :
       {"\r\n\r\n\r\n", "version\r\n", "GET\r\n\r\n", "GET /hello HTTP/1.1\r\nno colon\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n"}) {
    Connection connection(address_);
    ASSERT_TRUE(connection.send(text));
    connection.finish_sending();
    EXPECT_NE(connection.wait_for_end(kLong), Peer::open) << text;
  }
  EXPECT_EQ(ask("GET /hello HTTP/1.1\r\n\r\n").status, "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, ClosesAConnectionThatSaysNothing) {
  start({.timeout = 50ms});
  Connection connection(address_);
  EXPECT_EQ(connection.wait_for_end(kLong), Peer::closed);
  EXPECT_EQ(connections(), 0U);
}

TEST_F(HttpServerTest, ClosesAConnectionThatNeverEndsItsRequestThoughItGoesOnSending) {
  start({.timeout = 200ms});
  Connection connection(address_);
  ASSERT_TRUE(connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"));
  Peer peer = Peer::open;
  for (int i = 0; i < 2'000 && peer == Peer::open; ++i) {
    connection.send("x");
    peer = connection.wait_for_end(10ms);
  }
  EXPECT_NE(peer, Peer::open);
}

TEST_F(HttpServerTest, ClosesAConnectionThatDoesNotReadItsResponse) {
  start({.timeout = 200ms});
  Connection connection(address_);
  connection.shrink_buffers(4096);
  ASSERT_TRUE(connection.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(connection.read_some(kLong));
  Connection other(address_);  // closed as well, and later: by then the first one's time is over
  EXPECT_EQ(other.wait_for_end(kLong), Peer::closed);
  EXPECT_EQ(connections(), 0U);
}

TEST_F(HttpServerTest, SendsALargeResponseWhole) {
  start({});
  EXPECT_EQ(ask("GET /big HTTP/1.1\r\nHost: x\r\n\r\n").body.size(), kBig);
}

TEST_F(HttpServerTest, MoreConnectionsThanAllowedWaitForOneToEnd) {
  start({.timeout = 60s, .max_connections = 2});
  const std::string request = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  auto silent = std::make_unique<Connection>(address_);
  Connection second(address_);
  ASSERT_TRUE(second.send(request));
  EXPECT_EQ(read_answer(second).body, "GET /hello?");
  Connection third(address_);
  ASSERT_TRUE(third.send(request));
  EXPECT_FALSE(third.read_some(100ms));
  EXPECT_EQ(connections(), 2U);
  silent.reset();
  EXPECT_EQ(read_answer(third).body, "GET /hello?");
  EXPECT_EQ(connections(), 2U);
}

TEST_F(HttpServerTest, ManyConnectionsAtOnceAreAllServedAndCounted) {
  start({.max_connections = 4});
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int round = 0; round < 25; ++round) {
        if (round % 5 == 0) Connection unused(address_);
        good +=
            ask("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").body == "GET /hello?" ? 1 : 0;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 200);
  for (int i = 0; i < 1'000 && connections() > 0; ++i) std::this_thread::yield();
  EXPECT_EQ(connections(), 0U);
}

TEST_F(HttpServerTest, OutlivesAWantOfDescriptors) {
  start({});
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit before = limit;
  limit.rlim_cur = 200;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::vector<int> taken;
  for (int fd = dup(0); fd >= 0; fd = dup(0)) taken.push_back(fd);
  ASSERT_FALSE(taken.empty());
  close(taken.back());
  taken.pop_back();
  Connection connection(address_);  // with the last descriptor: there is none to accept it with
  ASSERT_TRUE(connection.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_FALSE(connection.read_some(50ms));
  for (const int fd : taken) close(fd);
  EXPECT_EQ(read_answer(connection).body, "GET /hello?");
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(HttpServerTest, ListensOnAUnixSocketAndRemovesIt) {
  char folder[] = "/tmp/http_server_test.XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/http.sock";
  start({}, path);
  EXPECT_EQ(address_, path);
  EXPECT_EQ(ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").body, "GET /hello?");
  stop();
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  rmdir(folder);
}

TEST_F(HttpServerTest, TellsWhyItCanNotListen) {
  start({});
  EventLoop other;
  HttpServer second(other, {});
  const auto bound = second.listen(*parse_address(address_));
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().message.find(address_), std::string::npos) << bound.error().message;
}

TEST_F(HttpServerTest, EndsWithConnectionsInEveryState) {
  start({});
  Connection silent(address_);
  Connection idle(address_);
  ASSERT_TRUE(idle.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  read_answer(idle);
  Connection half(address_);
  ASSERT_TRUE(half.send("POST /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc"));
  Connection reading(address_);
  ASSERT_TRUE(reading.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(reading.read_some(kLong));
  stop();
  for (Connection* connection : {&silent, &idle, &half, &reading}) {
    EXPECT_NE(connection->wait_for_end(kLong), Peer::open);
  }
}

}  // namespace
}  // namespace mctenant::net
