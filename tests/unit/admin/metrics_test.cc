#include "admin/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "unit/admin/prometheus_text.h"

namespace mctenant::admin {
namespace {

TEST(MetricsWriter, WritesNothingForNoFigures) { EXPECT_EQ(MetricsWriter().text(), ""); }

TEST(MetricsWriter, WritesHelpAndTypeBeforeTheFigures) {
  MetricsWriter out;
  out.counter("mctenant_hits_total", "Hits.", {{"tenant", "acme"}, {"pool", "default"}}, 7U);
  out.gauge("mctenant_open", "Open connections.", 3);
  EXPECT_EQ(out.text(),
            "# HELP mctenant_hits_total Hits.\n"
            "# TYPE mctenant_hits_total counter\n"
            "mctenant_hits_total{tenant=\"acme\",pool=\"default\"} 7\n"
            "# HELP mctenant_open Open connections.\n"
            "# TYPE mctenant_open gauge\n"
            "mctenant_open 3\n");
}

TEST(MetricsWriter, KeepsAFamilyTogetherHoweverItsFiguresCome) {
  MetricsWriter out;
  for (const char* tenant : {"a", "b", "c"}) {
    out.counter("mctenant_hits_total", "Hits.", {{"tenant", tenant}}, 1);
    out.gauge("mctenant_stored_bytes", "Bytes.", {{"tenant", tenant}}, 2);
  }
  const auto text = PrometheusParser::parse(out.text());
  EXPECT_EQ(text.families.size(), 2U);
  EXPECT_EQ(text.families.at("mctenant_hits_total").type, "counter");
  EXPECT_EQ(text.families.at("mctenant_hits_total").values.size(), 3U);
  EXPECT_EQ(text.families.at("mctenant_stored_bytes").type, "gauge");
  EXPECT_EQ(text.value("mctenant_stored_bytes", {{"tenant", "c"}}), 2);
}

TEST(MetricsWriter, EscapesSoThatAnyTextComesBack) {
  for (const std::string& text : {std::string("a\"b"), std::string("a\\"), std::string("\\n\n\\\""),
                                  std::string(), std::string("x} 1\nmctenant_fake 2"),
                                  std::string("ünïcode \xf0\x9f\x90\x98"), std::string("a\0b", 3)}) {
    MetricsWriter out;
    out.gauge("mctenant_open", "Help: " + text, {{"tenant", text}}, 1);
    const auto page = PrometheusParser::parse(out.text());
    EXPECT_EQ(page.families.at("mctenant_open").help, "Help: " + text);
    EXPECT_EQ(page.value("mctenant_open", {{"tenant", text}}), 1);
    EXPECT_EQ(page.families.size(), 1U);
  }
}

TEST(MetricsWriter, ShowsBytesThatAreNotUtf8AsQuestionMarks) {
  const std::pair<std::string, std::string> cases[] = {
      {"\xff", "?"},
      {"a\xc3", "a?"},               // cut short
      {"\xc0\x80", "??"},            // overlong
      {"\xe0\x80\x80", "???"},       // overlong
      {"\xed\xa0\x80", "???"},       // a surrogate
      {"\xf4\x90\x80\x80", "????"},  // beyond U+10FFFF
      {"\xc3\xbc\x80z", "\xc3\xbc?z"},
  };
  for (const auto& [bytes, shown] : cases) {
    MetricsWriter out;
    out.gauge("mctenant_open", "Open.", {{"tenant", bytes}}, 1);
    EXPECT_EQ(PrometheusParser::parse(out.text()).value("mctenant_open", {{"tenant", shown}}), 1)
        << out.text();
  }
}

TEST(MetricsWriter, WritesNumbersExactly) {
  MetricsWriter out;
  out.counter("mctenant_large_total", "Large.", std::numeric_limits<uint64_t>::max());
  out.gauge("mctenant_negative", "Negative.", -5);
  out.gauge("mctenant_yes", "A truth.", true);
  out.gauge("mctenant_no", "No truth.", false);
  out.counter("mctenant_cpu_seconds_total", "Seconds.", 0.1);
  out.gauge("mctenant_small_seconds", "Small.", 1e-300);
  const std::string text = out.text();
  EXPECT_NE(text.find("\nmctenant_large_total 18446744073709551615\n"), std::string::npos);
  EXPECT_NE(text.find("\nmctenant_negative -5\n"), std::string::npos);
  EXPECT_NE(text.find("\nmctenant_yes 1\n"), std::string::npos);
  EXPECT_NE(text.find("\nmctenant_no 0\n"), std::string::npos);
  EXPECT_NE(text.find("\nmctenant_cpu_seconds_total 0.1\n"), std::string::npos);
  EXPECT_EQ(PrometheusParser::parse(text).value("mctenant_small_seconds"), 1e-300);
}

TEST(MetricsWriter, WritesWhatIsNoNumberAsPrometheusSpellsIt) {
  MetricsWriter out;
  out.gauge("mctenant_up", "Up.", std::numeric_limits<double>::infinity());
  out.gauge("mctenant_down", "Down.", -std::numeric_limits<double>::infinity());
  out.gauge("mctenant_none", "None.", std::nan(""));
  const std::string text = out.text();
  EXPECT_NE(text.find("\nmctenant_up +Inf\n"), std::string::npos);
  EXPECT_NE(text.find("\nmctenant_down -Inf\n"), std::string::npos);
  EXPECT_NE(text.find("\nmctenant_none NaN\n"), std::string::npos);
}

TEST(PrometheusParser, RefusesWhatBreaksTheFormat) {
  const std::string family = "# HELP a A.\n# TYPE a gauge\n";
  EXPECT_NO_THROW(PrometheusParser::parse(family + "a 1\n"));
  for (const std::string& text :
       {family + "a 1", family + "a 1\na 2\n", family + "b 1\n", family + "a{x=\"\\t\"} 1\n",
        family + "a{x=\"1} 1\n", family + "a{x=\"1\",x=\"2\"} 1\n", family + "a 1 \n", family + "a  1 2 x\n",
        family + "a{} 1\n", family + family, std::string("a 1\n"), std::string("# HELP a A.\na 1\n"),
        family + "\n", family + "1a 1\n"}) {
    EXPECT_ANY_THROW(PrometheusParser::parse(text)) << text;
  }
}

}  // namespace
}  // namespace mctenant::admin
