#include "admin/admin_server.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/connection.h"
#include "unit/admin/prometheus_text.h"

namespace mctenant::admin {
namespace {

constexpr auto kLong = support::Milliseconds(20'000);

// Figures that a test sets before the server's thread starts.
class FixedFigures final : public Figures {
 public:
  std::vector<std::string> reasons;
  bool broken = false;

  [[nodiscard]] std::vector<std::string> not_ready() override { return reasons; }
  void write(MetricsWriter& out) override {
    if (broken) throw std::runtime_error("figures broken on purpose");
    out.counter("mctenant_tenant_hits_total", "Hits.", {{"tenant", "acme"}}, 42);
  }
};

class AdminServerTest : public testing::Test {
 protected:
  ~AdminServerTest() override {
    if (thread_.joinable()) {
      loop_.stop();
      thread_.join();
    }
  }

  void start(const std::string& token) {
    auto opened = AdminServer::open(loop_, {*net::parse_address("127.0.0.1:0"), token}, figures_);
    if (!opened) throw std::runtime_error(opened.error().message);
    server_ = std::move(*opened);
    thread_ = std::thread([this] { loop_.run(); });
  }

  // The whole answer.
  std::string ask(const std::string& line, const std::string& headers = "") {
    support::Connection connection(server_->address().text());
    EXPECT_TRUE(connection.send(line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n"));
    while (connection.read_some(kLong)) {
    }
    return std::string(connection.unread());
  }

  static std::string status(const std::string& answer) { return answer.substr(9, 3); }
  static std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  FixedFigures figures_;
  net::EventLoop loop_;
  std::unique_ptr<AdminServer> server_;
  std::thread thread_;
};

TEST_F(AdminServerTest, HealthIsOkEvenWhenNotReady) {
  figures_.reasons = {"the store is closed"};
  start("");
  const std::string answer = ask("GET /healthz");
  EXPECT_EQ(status(answer), "200");
  EXPECT_EQ(body(answer), "ok\n");
  EXPECT_NE(answer.find("Cache-Control: no-store\r\n"), std::string::npos);
}

TEST_F(AdminServerTest, IsReadyWithoutReasonsAgainstIt) {
  start("");
  const std::string answer = ask("GET /readyz");
  EXPECT_EQ(status(answer), "200");
  EXPECT_EQ(body(answer), "ready\n");
}

TEST_F(AdminServerTest, TellsEveryReasonWhyItIsNotReady) {
  figures_.reasons = {"pool default: no server answers", "the store is closed"};
  start("");
  const std::string answer = ask("GET /readyz");
  EXPECT_EQ(status(answer), "503");
  EXPECT_EQ(body(answer), "pool default: no server answers\nthe store is closed\n");
}

TEST_F(AdminServerTest, ShowsFiguresAsPrometheusReadsThem) {
  start("");
  const std::string answer = ask("GET /metrics");
  EXPECT_EQ(status(answer), "200");
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos);
  const auto text = PrometheusParser::parse(body(answer));
  EXPECT_EQ(text.value("mctenant_tenant_hits_total", {{"tenant", "acme"}}), 42);
  EXPECT_EQ(text.value("mctenant_build_info", {{"version", MCTENANT_VERSION}}), 1);
  EXPECT_EQ(text.value("mctenant_ready"), 1);
}

TEST_F(AdminServerTest, ShowsInTheFiguresThatItIsNotReady) {
  figures_.reasons = {"the store is closed"};
  start("");
  EXPECT_EQ(PrometheusParser::parse(body(ask("GET /metrics"))).value("mctenant_ready"), 0);
}

TEST_F(AdminServerTest, FiguresAskForTheToken) {
  start("sesame-1");
  for (const char* header : {"", "Authorization: Bearer sesame-2\r\n", "Authorization: Bearer sesame-\r\n",
                             "Authorization: Bearer \r\n", "Authorization: Bearer sesame-11\r\n",
                             "Authorization: sesame-1\r\n", "Authorization: Basic sesame-1\r\n",
                             "Authorization: Bearersesame-1\r\n", "X-Authorization: Bearer sesame-1\r\n"}) {
    const std::string answer = ask("GET /metrics", header);
    EXPECT_EQ(status(answer), "401") << header;
    EXPECT_NE(answer.find("WWW-Authenticate: Bearer realm=\"mctenant\"\r\n"), std::string::npos);
    EXPECT_EQ(answer.find("mctenant_tenant_hits_total"), std::string::npos);
    EXPECT_EQ(answer.find("sesame"), std::string::npos);
  }
  EXPECT_EQ(status(ask("HEAD /metrics")), "401");
  EXPECT_EQ(status(ask("GET /metrics", "Authorization: Bearer sesame-1\r\n")), "200");
  EXPECT_EQ(status(ask("GET /metrics", "authorization: bearer sesame-1\r\n")), "200");
}

TEST_F(AdminServerTest, ATokenInTheQueryOpensNothing) {
  start("sesame-1");
  EXPECT_EQ(status(ask("GET /metrics?token=sesame-1&access_token=sesame-1")), "401");
}

TEST_F(AdminServerTest, HealthAndReadinessAndIndexAskForNoToken) {
  start("sesame-1");
  for (const char* path : {"/", "/healthz", "/readyz"})
    EXPECT_EQ(status(ask(std::string("GET ") + path)), "200");
}

TEST_F(AdminServerTest, IndexListsWhatThereIs) {
  start("");
  const std::string index = body(ask("GET /"));
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    EXPECT_NE(index.find(path), std::string::npos) << path;
    EXPECT_EQ(status(ask(std::string("GET ") + path)), "200");
  }
}

TEST_F(AdminServerTest, ChangesNothingByWritingMethods) {
  start("");
  for (const char* method : {"POST", "PUT", "DELETE"})
    EXPECT_EQ(status(ask(std::string(method) + " /readyz")), "405");
  EXPECT_EQ(status(ask("GET /secret")), "404");
}

TEST_F(AdminServerTest, BrokenFiguresDoNotEndTheServer) {
  figures_.broken = true;
  start("");
  EXPECT_EQ(status(ask("GET /metrics")), "500");
  EXPECT_EQ(status(ask("GET /healthz")), "200");
}

TEST(AdminServer, TellsWhyItCanNotListen) {
  net::EventLoop loop;
  FixedFigures figures;
  const auto first = AdminServer::open(loop, {*net::parse_address("127.0.0.1:0"), ""}, figures);
  ASSERT_TRUE(first);
  const auto second = AdminServer::open(loop, {(*first)->address(), ""}, figures);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message.find("admin: "), 0U) << second.error().message;
}

}  // namespace
}  // namespace mctenant::admin
