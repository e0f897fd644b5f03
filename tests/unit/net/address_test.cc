#include "net/address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mctenant::net {
namespace {

using ::testing::HasSubstr;

TEST(Address, IsWrittenAsItWasRead) {
  for (const std::string text :
       {"127.0.0.1:11211", "0.0.0.0:0", "[::1]:11211", "[::]:1", "[fe80::1%eth0]:65535", "cache-1:11211",
        "cache_1.example.org:11211", "/run/mc.sock", "/a"}) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << address.error().message;
    EXPECT_EQ(address->text(), text);
  }
}

TEST(Address, HasKindHostAndPort) {
  EXPECT_EQ(*parse_address("[::1]:7"), (Address{Address::Kind::inet, "::1", 7}));
  EXPECT_EQ(*parse_address("cache-1:11211"), (Address{Address::Kind::inet, "cache-1", 11211}));
  EXPECT_EQ(*parse_address("/run/mc.sock"), (Address{Address::Kind::unix_socket, "/run/mc.sock", 0}));
}

TEST(Address, FaultSaysWhatWouldBeRight) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "is missing"},
      {"11211", "write HOST:PORT"},
      {"localhost", "write HOST:PORT"},
      {"run/mc.sock", "write HOST:PORT"},
      {":11211", "the host is missing"},
      {"*:11211", "write 0.0.0.0 or [::]"},
      {"::1:11211", "between [ and ]"},
      {"[::1]", "write HOST:PORT"},
      {"[::1]11211", "write HOST:PORT"},
      {"[::1", "write HOST:PORT"},
      {"[localhost]:1", "IPv6 address"},
      {"[fe80::1%]:1", "IPv6 address"},
      {"256.0.0.1:1", "no IPv4 address"},
      {"1.2.3:1", "no IPv4 address"},
      {"host:", "from 0 to 65535"},
      {"host:65536", "from 0 to 65535"},
      {"host:-1", "from 0 to 65535"},
      {"host:+1", "from 0 to 65535"},
      {"host: 1", "from 0 to 65535"},
      {"host:1 ", "from 0 to 65535"},
      {"ho st:1", "can't be a host name"},
      {"-host:1", "can't be a host name"},
      {".host:1", "can't be a host name"},
      {std::string("ho\0st:1", 7), "can't be a host name"},
      {std::string(254, 'a') + ":1", "can't be a host name"},
      {"/run/", "not a folder"},
      {std::string("/run\0/x", 7), "no NUL"},
      {"/" + std::string(107, 'a'), "at most 107 bytes, this one has 108"},
  };
  for (const auto& [text, part] : cases) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_THAT(address.error().message, HasSubstr(part)) << text;
  }
}

TEST(Address, FaultKeepsControlCharactersFromTheTerminal) {
  const auto address = parse_address("\x1b[31mhost:1");
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().message.find('\x1b'), std::string::npos);
}

TEST(Address, LongestUnixPathIsTaken) {
  const std::string path = "/" + std::string(106, 'a');
  const auto address = parse_address(path);
  ASSERT_TRUE(address);
  const auto resolved = resolve(*address);
  ASSERT_TRUE(resolved);
  EXPECT_STREQ(reinterpret_cast<const sockaddr_un*>(resolved->get())->sun_path, path.c_str());
}

TEST(Address, LoopbackIsToldByTheLiteralAlone) {
  for (const char* text : {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "[0:0:0:0:0:0:0:1]:1",
                           "[::ffff:127.0.0.1]:1", "/run/mc.sock"}) {
    EXPECT_TRUE(parse_address(text)->loopback()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "[::]:1", "128.0.0.1:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1",
                           "localhost:1", "127.example.org:1"}) {
    EXPECT_FALSE(parse_address(text)->loopback()) << text;
  }
}

TEST(Address, LiteralsResolveWithoutLookup) {
  const auto v4 = resolve(*parse_address("127.0.0.1:11211"));
  ASSERT_TRUE(v4);
  sockaddr_in in{};
  ASSERT_EQ(v4->length, sizeof(in));
  in = *reinterpret_cast<const sockaddr_in*>(v4->get());
  EXPECT_EQ(in.sin_family, AF_INET);
  EXPECT_EQ(ntohs(in.sin_port), 11211);
  EXPECT_EQ(ntohl(in.sin_addr.s_addr), INADDR_LOOPBACK);

  const auto v6 = resolve(*parse_address("[::1]:11212"));
  ASSERT_TRUE(v6);
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(v6->get());
  EXPECT_EQ(in6->sin6_family, AF_INET6);
  EXPECT_EQ(ntohs(in6->sin6_port), 11212);
  EXPECT_TRUE(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
}

TEST(Address, UnixSocketResolvesToItsPath) {
  const auto resolved = resolve(*parse_address("/run/mc.sock"));
  ASSERT_TRUE(resolved);
  const auto* name = reinterpret_cast<const sockaddr_un*>(resolved->get());
  EXPECT_EQ(name->sun_family, AF_UNIX);
  EXPECT_STREQ(name->sun_path, "/run/mc.sock");
  EXPECT_EQ(resolved->length, offsetof(sockaddr_un, sun_path) + sizeof("/run/mc.sock"));
}

TEST(Address, NameThatDoesNotExistIsAnErrorThatNamesIt) {
  const auto resolved = resolve(Address{Address::Kind::inet, "no-such-host.invalid", 1});
  ASSERT_FALSE(resolved);
  EXPECT_THAT(resolved.error().message, HasSubstr("no-such-host.invalid"));
}

}  // namespace
}  // namespace mctenant::net
