#include "protocol/metadump.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "support/memcached_process.h"

namespace mctenant::protocol {
namespace {

constexpr const char* kLine = "key=a%3Ak exp=1795410993 la=1795410893 cas=2 fetch=yes cls=1 size=70";

DumpLine kind_of(std::string_view line) {
  // An exact copy on the heap, so that the address sanitizer sees a read past its end.
  const std::vector<char> exact(line.begin(), line.end());
  KeyBuffer buffer;
  DumpedItem item;
  return parse_dump_line({exact.data(), exact.size()}, buffer, item);
}

TEST(Metadump, AnItemIsRead) {
  KeyBuffer buffer;
  DumpedItem item;
  ASSERT_EQ(parse_dump_line(kLine, buffer, item), DumpLine::item);
  EXPECT_EQ(item.key, "a:k");
  EXPECT_EQ(item.expiry, 1795410993);
  EXPECT_EQ(item.last_access, 1795410893);
  EXPECT_EQ(item.cas, 2U);
  EXPECT_EQ(item.size, 70U);
  EXPECT_TRUE(item.fetched);
}

TEST(Metadump, FieldsMayComeInAnyOrderAndWithOthers) {
  KeyBuffer buffer;
  DumpedItem item;
  ASSERT_EQ(parse_dump_line("new=x size=70 word cas=18446744073709551615 exp=-1 key=k later=1", buffer, item),
            DumpLine::item);
  EXPECT_EQ(item.key, "k");
  EXPECT_EQ(item.expiry, 0);
  EXPECT_EQ(item.last_access, 0);
  EXPECT_EQ(item.cas, UINT64_MAX);
  EXPECT_FALSE(item.fetched);
}

TEST(Metadump, NothingIsLeftOfTheItemBefore) {
  KeyBuffer buffer;
  DumpedItem item;
  ASSERT_EQ(parse_dump_line(kLine, buffer, item), DumpLine::item);
  ASSERT_EQ(parse_dump_line("key=k exp=-1 cas=1 size=60", buffer, item), DumpLine::item);
  EXPECT_EQ(item.last_access, 0);
  EXPECT_FALSE(item.fetched);
}

TEST(Metadump, OtherLinesHaveTheirMeaning) {
  EXPECT_EQ(kind_of("END"), DumpLine::end);
  EXPECT_EQ(kind_of("OK"), DumpLine::started);
  EXPECT_EQ(kind_of("BUSY currently processing crawler request"), DumpLine::busy);
  EXPECT_EQ(kind_of("BUSY"), DumpLine::busy);
  for (const char* line :
       {"ERROR", "ERROR metadump not allowed", "ERROR cannot pipeline other commands before metadump",
        "CLIENT_ERROR lru crawler disabled", "BADCLASS invalid class id", "NOTSTARTED no items to crawl"}) {
    EXPECT_EQ(kind_of(line), DumpLine::refused) << line;
  }
}

TEST(Metadump, AnythingElseIsBroken) {
  for (const char* line : {"",
                           " ",
                           "END ",
                           "ENDING",
                           "OKAY",
                           "BUSYBODY",
                           "STAT pid 1",
                           "VALUE k 0 1",
                           "key",
                           "key=",
                           "key= exp=-1 cas=1 size=60",
                           "key=k",
                           "key=k exp=-1 cas=1",
                           "key=k exp=-1 size=60",
                           "key=k cas=1 size=60",
                           "exp=-1 cas=1 size=60",
                           "key=% exp=-1 cas=1 size=60",
                           "key=k exp=x cas=1 size=60",
                           "key=k exp=-1 la=x cas=1 size=60",
                           "key=k exp=-1 cas=-1 size=60",
                           "key=k exp=-1 cas=1 size=60\r",
                           "key=k exp=-1 cas=1 size=18446744073709551616"}) {
    EXPECT_EQ(kind_of(line), DumpLine::broken) << line;
  }
}

// Cut anywhere, a line is no item, or one with the beginning of the size: never another key.
TEST(Metadump, AHalfLineIsNotTakenForAnother) {
  const std::string line = kLine;
  for (size_t size = 0; size < line.size() - 1; ++size)
    EXPECT_EQ(kind_of(line.substr(0, size)), DumpLine::broken) << line.substr(0, size);
}

TEST(Metadump, ARealServersItemsAreRead) {
  const support::MemcachedProcess memcached;
  support::Connection connection(memcached.address());
  const std::vector<std::string> keys{"plain",    "a:k",       "per%cent",           "equals=sign",
                                      "\xc3\xa9", "~-_.!*'()", std::string(250, '%')};
  for (const std::string& key : keys) {
    connection.send("ms " + key + " 3 T1000 F5\r\nabc\r\n");
    ASSERT_EQ(connection.read_until("\r\n"), "HD\r\n");
  }
  std::map<std::string, DumpedItem> found;
  const std::string dump = memcached.dump();
  size_t at = 0;
  for (size_t end = dump.find('\n'); end != std::string::npos; end = dump.find('\n', at)) {
    KeyBuffer buffer;
    DumpedItem item;
    const std::string_view line = std::string_view(dump).substr(at, end - at);
    at = end + 1;
    if (line == "END\r") break;
    ASSERT_EQ(parse_dump_line(line, buffer, item), DumpLine::item) << line;
    found.emplace(item.key, item);
  }
  ASSERT_EQ(found.size(), keys.size());
  const int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  for (const std::string& key : keys) {
    const DumpedItem& item = found.at(key);
    EXPECT_EQ(item.size - found.at("plain").size + 5, key.size());
    EXPECT_NE(item.cas, 0U);
    EXPECT_NEAR(static_cast<double>(item.expiry), static_cast<double>(now + 1000), 3);
    EXPECT_NEAR(static_cast<double>(item.last_access), static_cast<double>(now), 3);
  }
}

}  // namespace
}  // namespace mctenant::protocol
