#include "session/first_bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace mctenant::session {
namespace {

TEST(FirstBytes, TlsShowsInTheFirst) {
  EXPECT_EQ(judge_first_byte("\x16"), FirstBytes::tls);
  EXPECT_EQ(judge_first_byte("get"), FirstBytes::client);
  EXPECT_EQ(judge_first_byte("\x80"), FirstBytes::client);
}

TEST(FirstBytes, AMethodInCapitalsIsHttpAsSoonAsItsTargetBegins) {
  for (const char* line :
       {"GET / HTTP/1.1\r\n", "POST /", "M-SEARCH *", "GET http://x/", "BREW x", "CONNECT a:1"}) {
    EXPECT_EQ(judge_first_line(line), FirstBytes::http) << line;
  }
  for (const char* line : {"G", "GET", "GET ", "POST"}) {
    EXPECT_EQ(judge_first_line(line), FirstBytes::undecided) << line;
  }
}

TEST(FirstBytes, AVersionAtTheEndIsHttpWhateverStandsBefore) {
  for (const char* line :
       {"set / HTTP/1.1\r\n", "get /x HTTP/1.0\n", "x y HTTP/2\r\n", "a b HTTP/1.1 \r\nmore"}) {
    EXPECT_EQ(judge_first_line(line), FirstBytes::http) << line;
    EXPECT_EQ(judge_first_line(std::string(line).substr(0, 5)), FirstBytes::undecided) << line;
  }
}

TEST(FirstBytes, CommandsOfMemcachedAreNot) {
  for (const char* line :
       {"get a\r\n", "get /a\n", "set a 0 0 4\r\nHTTP", "mg HTTP/1.1key v\r\n", "version\r\n", "\r\n",
        "stats\r\nGET / HTTP/1.1\r\n", "VERSION\r\n", "GET \r\n", "gets HTTP a\r\n"}) {
    EXPECT_EQ(judge_first_line(line), FirstBytes::client) << line;
  }
  EXPECT_EQ(judge_first_line(std::string("\x80\x00", 2)), FirstBytes::client);
  EXPECT_EQ(judge_first_line("\x80GET / HTTP/1.1\r\n"), FirstBytes::client);
}

TEST(FirstBytes, ALineWithoutAnEndIsNotWaitedForForEver) {
  EXPECT_EQ(judge_first_line("get " + std::string(kLongestFirstLine - 4, 'k')), FirstBytes::undecided);
  EXPECT_EQ(judge_first_line("get " + std::string(kLongestFirstLine, 'k')), FirstBytes::http);
}

}  // namespace
}  // namespace mctenant::session
