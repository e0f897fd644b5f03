#include "upstream/server_state.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace mctenant::upstream {
namespace {

constexpr int64_t kStart = 1'795'000'000;

TEST(ServerState, BeforeItIsReachedNothingIsKnown) {
  const ServerState state;
  EXPECT_EQ(state.incarnation(), 0);
  EXPECT_EQ(state.crawl(), 0);
  EXPECT_EQ(state.doubts(), 0U);
  EXPECT_EQ(state.limit_maxbytes(), 0U);
}

TEST(ServerState, TheSameProcessHasTheSameNumber) {
  ServerState state;
  const uint16_t number = state.identify(7, kStart);
  EXPECT_NE(number, 0);
  for (const int64_t drift : {0, 1, -1}) EXPECT_EQ(state.identify(7, kStart + drift), number) << drift;
  EXPECT_EQ(state.incarnation(), number);
  EXPECT_EQ(state.doubts(), 1U);
}

TEST(ServerState, ANewProcessHasALargerNumberAndPutsTheAccountingInDoubt) {
  ServerState state;
  uint16_t last = state.identify(7, kStart);
  for (const auto& [pid, started] : std::vector<std::pair<int64_t, int64_t>>{
           {8, kStart}, {8, kStart + 2}, {1, kStart + 9}, {1, kStart + 11}}) {
    const uint64_t doubts = state.doubts();
    const uint16_t number = state.identify(pid, started);
    EXPECT_GT(number, last) << pid << " " << started;
    EXPECT_EQ(state.incarnation(), number);
    EXPECT_EQ(state.doubts(), doubts + 1);
    last = number;
  }
}

TEST(ServerState, ALateAnswerOfTheProcessBeforeChangesNothing) {
  ServerState state;
  const uint16_t before = state.identify(7, kStart);
  const uint16_t now = state.identify(8, kStart + 100);
  EXPECT_EQ(state.identify(7, kStart), before);
  EXPECT_EQ(state.incarnation(), now);
  EXPECT_EQ(state.identify(8, kStart + 100), now);
  EXPECT_EQ(state.doubts(), 2U);
}

TEST(ServerState, TwoServersNeverShareANumber) {
  ServerState one;
  ServerState two;
  EXPECT_NE(one.identify(7, kStart), two.identify(7, kStart));
}

TEST(ServerState, ManyThreadsAgreeOnTheProcess) {
  ServerState state;
  std::vector<uint16_t> numbers(8);
  {
    std::vector<std::jthread> threads;
    for (uint16_t& number : numbers) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) number = state.identify(7, kStart);
      });
    }
  }
  EXPECT_EQ(std::set<uint16_t>(numbers.begin(), numbers.end()).size(), 1U);
  EXPECT_EQ(state.doubts(), 1U);
}

TEST(ServerState, CrawlsAreNumberedAndNeverZero) {
  ServerState state;
  for (int crawl = 1; crawl <= 600; ++crawl) {
    const uint8_t number = state.begin_crawl();
    EXPECT_EQ(number, (crawl - 1) % 255 + 1);
    EXPECT_EQ(state.crawl(), number);
  }
}

TEST(ServerStates, OneForEachAddressForGood) {
  ServerStates states;
  const net::Address one{net::Address::Kind::inet, "127.0.0.1", 11211};
  const net::Address two{net::Address::Kind::inet, "127.0.0.1", 11212};
  const net::Address three{net::Address::Kind::unix_socket, "/run/mc.sock", 0};
  ServerState& first = states.at(one);
  EXPECT_NE(&first, &states.at(two));
  EXPECT_NE(&first, &states.at(three));
  for (uint16_t port = 1; port < 500; ++port) (void)states.at({net::Address::Kind::inet, "127.0.0.1", port});
  EXPECT_EQ(&first, &states.at(one));
}

}  // namespace
}  // namespace mctenant::upstream
