#include "protocol/watch_line.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "support/memcached_process.h"

namespace mctenant::protocol {
namespace {

constexpr const char* kLine =
    "ts=1795564541.57728 gid=2 type=eviction key=k%25%3A000100 fetch=no ttl=-1 la=1 clsid=39 size=600000";

WatchLine kind_of(std::string_view line) {
  const std::vector<char> exact(line.begin(), line.end());
  KeyBuffer buffer;
  EvictedItem item;
  return parse_watch_line({exact.data(), exact.size()}, buffer, item);
}

TEST(WatchLine, AnEvictionIsRead) {
  KeyBuffer buffer;
  EvictedItem item;
  ASSERT_EQ(parse_watch_line(kLine, buffer, item), WatchLine::evicted);
  EXPECT_EQ(item.key, "k%:000100");
  EXPECT_EQ(item.size, 600'000U);
  ASSERT_EQ(parse_watch_line("ts=1 new=1 key=k word type=eviction", buffer, item), WatchLine::evicted);
  EXPECT_EQ(item.key, "k");
  EXPECT_EQ(item.size, 0U);
}

TEST(WatchLine, OtherLinesHaveTheirMeaning) {
  EXPECT_EQ(kind_of("OK"), WatchLine::started);
  EXPECT_EQ(kind_of("skipped=166854"), WatchLine::skipped);
  EXPECT_EQ(kind_of("[skipped: 7]"), WatchLine::skipped);
  EXPECT_EQ(
      kind_of("ts=1795410893.18855 gid=3 type=item_store key=a%3Ak status=stored cmd=append ttl=0 clsid=1 "
              "cfd=24 size=4"),
      WatchLine::other);
  EXPECT_EQ(kind_of("ERROR"), WatchLine::refused);
  EXPECT_EQ(kind_of("ERROR failed to add new watcher"), WatchLine::refused);
  EXPECT_EQ(kind_of("CLIENT_ERROR watch commands not allowed"), WatchLine::refused);
}

TEST(WatchLine, AnythingElseIsBroken) {
  for (const char* line :
       {"", "OKAY", "ts=", "ts=1", "ts=1 type=eviction",
        "ts=1 type=eviction key=", "ts=1 type=eviction key=%", "ts=1 type=eviction key=k size=x",
        "ts=1 type=eviction key=k size=-1", "gid=2 type=eviction key=k", "VERSION 1.6.18"}) {
    EXPECT_EQ(kind_of(line), WatchLine::broken) << line;
  }
}

TEST(WatchLine, ARealServersEvictionsAreRead) {
  const support::MemcachedProcess memcached({.flags = {"-m", "2"}});
  support::Connection watcher(memcached.address());
  watcher.send(kWatchRequest);
  ASSERT_EQ(watcher.read_until("\r\n"), "OK\r\n");
  support::Connection writer(memcached.address());
  const std::string value(100'000, 'v');
  constexpr int kItems = 100;
  std::set<std::string> stored;
  for (int i = 0; i < kItems; ++i) {
    const std::string key = "per%cent:" + std::to_string(i);
    writer.send("ms " + key + " " + std::to_string(value.size()) + "\r\n" + value + "\r\n");
    ASSERT_EQ(writer.read_until("\r\n"), "HD\r\n");
    stored.insert(key);
  }
  const size_t left = memcached.keys().size();
  ASSERT_LT(left, stored.size());
  for (size_t evicted = stored.size() - left; evicted > 0; --evicted) {
    std::string line = watcher.read_until("\n");
    line.pop_back();
    KeyBuffer buffer;
    EvictedItem item;
    ASSERT_EQ(parse_watch_line(line, buffer, item), WatchLine::evicted) << line;
    EXPECT_EQ(stored.erase(std::string(item.key)), 1U) << item.key;
    EXPECT_EQ(item.size, value.size());
  }
}

}  // namespace
}  // namespace mctenant::protocol
