#include "protocol/text_decoder.h"

#include <gtest/gtest.h>

#include <map>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "protocol/client_decoder.h"

namespace mctenant::protocol {
namespace {

using Outcome = Decoded::Outcome;

constexpr uint64_t kItemSize = 1000;
const std::string kLongKey(251, 'k');

// What a request says, in words, so that a table of them can be read.
std::string told(const ClientRequest& made) {
  const Request& request = made.request;
  std::string text(made.row->name);
  const auto add = [&](const std::string& part) { text += " " + part; };
  if (made.fault != Status::ok) add("fault=" + std::to_string(static_cast<int>(made.fault)));
  if (!made.words.empty()) add("<" + std::string(made.words) + ">");
  if (!request.key.empty()) add("key=" + std::string(request.key));
  if (request.value.data != nullptr) add("value=" + std::string(request.value.data, request.value.size));
  if (request.flags != 0) add("flags=" + std::to_string(request.flags));
  if (request.expiry != 0) add("expiry=" + std::to_string(request.expiry));
  if (request.cas == kNoCas) {
    add("cas=none");
  } else if (request.cas != 0) {
    add("cas=" + std::to_string(request.cas));
  }
  if (request.delta != 0) add("delta=" + std::to_string(request.delta));
  if (request.create) add("create=" + std::to_string(request.initial));
  if (request.invalidate) add("invalidate");
  if (request.sets_expiry) add("sets_expiry");
  if (request.tells_expiry) add("tells_expiry");
  if (request.unsettled) add("unsettled");
  if (made.alone) add("alone");
  if (made.last) add("last");
  if (made.row->quiet) add("quiet");
  if (made.meta != nullptr && made.fault == Status::ok) {
    const MetaReturn& wanted = *made.meta;
    add("wants=" + std::string(wanted.letters.data(), wanted.count) + (wanted.value ? "v" : ""));
    if (wanted.opaque_size > 0) add(std::string(wanted.opaque_token()));
    if (wanted.base64) add("base64");
  }
  return text;
}

// A caller of the decoder that holds no more than the decoder asks for.
class Client {
 public:
  explicit Client(bool signed_in = true) { decoder_.set_signed_in(signed_in); }

  void give(std::string_view bytes) {
    held_ += bytes;
    while (!ended_ && !held_.empty()) {
      const auto result = decoder_.decode(held_);
      if (result.outcome == Outcome::incomplete) {
        ASSERT_GT(result.needed, held_.size());
        most_needed_ = std::max(most_needed_, result.needed);
        return;
      }
      ended_ = result.outcome == Outcome::broken || result.outcome == Outcome::foreign;
      if (result.outcome == Outcome::request || result.outcome == Outcome::broken)
        requests_.push_back(told(result.request));
      if (result.outcome == Outcome::foreign) requests_.emplace_back("foreign");
      if (ended_) return;
      ASSERT_GT(result.consumed, 0U);
      ASSERT_LE(result.consumed, held_.size());
      held_.erase(0, result.consumed);
    }
  }
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] size_t held() const { return held_.size(); }
  [[nodiscard]] size_t most_needed() const { return most_needed_; }

 private:
  TextDecoder decoder_{kItemSize};
  std::string held_;
  std::vector<std::string> requests_;
  bool ended_ = false;
  size_t most_needed_ = 0;
};

std::vector<std::string> decode(std::string_view bytes, bool signed_in = true) {
  Client client(signed_in);
  client.give(bytes);
  EXPECT_TRUE(client.held() == 0 || client.ended()) << bytes;
  return client.requests();
}

struct Sample {
  std::string bytes;
  std::vector<std::string> requests;
};

// Each was tried with a memcached 1.6.18; what it answers to these the encoder's tests and the integration
// tests show.
const std::vector<Sample>& text_samples() {
  static const std::string kBadFormat = "fault=4 <CLIENT_ERROR bad command line format>";
  static const std::vector<Sample> all{
      {"get a\r\n", {"get key=a alone last"}},
      {"get a\n", {"get key=a alone last"}},
      {"  get   a  \r\n", {"get key=a alone last"}},
      {"get a b  c \r\n", {"get key=a", "get key=b", "get key=c last"}},
      {"gets a a\r\n", {"gets key=a", "gets key=a last"}},
      {"gat 0 a\r\n", {"gat key=a alone last"}},
      {"gat -1 a b\r\n", {"gat key=a expiry=-1", "gat key=b expiry=-1 last"}},
      {"gats 30 a\r\n", {"gats key=a expiry=30 alone last"}},
      {"gat 30\r\n", {"END"}},
      {"gat x a\r\n", {"refused fault=4 <CLIENT_ERROR invalid exptime argument>"}},
      {"get\r\n", {"refused fault=129"}},
      {"get \r\n", {"refused fault=129"}},
      {"gat\r\n", {"refused fault=129"}},
      {"get " + kLongKey + "\r\n", {"refused " + kBadFormat}},
      {"get a b " + kLongKey + " c\r\n", {"refused " + kBadFormat}},
      {std::string("get a\0b\r\n", 9), {"get key=a alone last"}},
      {"get " + kLongKey.substr(1) + "\r\n", {"get key=" + kLongKey.substr(1) + " alone last"}},

      {"set a 1 2 3\r\nabc\r\n", {"set key=a value=abc flags=1 expiry=2"}},
      {"set a 0 0 0\r\n\r\n", {"set key=a value="}},
      {"set a 0 0 4\r\na\r\nb\r\n", {"set key=a value=a\r\nb"}},
      {"set a +1 -1 +1 noreply\r\nx\r\n", {"set key=a value=x flags=1 expiry=-1 quiet"}},
      {"set a 4294967296 2147483648 1 more\r\nx\r\n", {"set key=a value=x expiry=-2147483648"}},
      {"add a 0 0 1\r\nx\r\n", {"add key=a value=x"}},
      {"replace a 0 0 1\r\nx\r\n", {"replace key=a value=x"}},
      {"append a 0 0 1\r\nx\r\n", {"append key=a value=x"}},
      {"prepend a 0 0 1\r\nx\r\n", {"prepend key=a value=x"}},
      {"cas a 0 0 1 7\r\nx\r\n", {"cas key=a value=x cas=7"}},
      {"cas a 0 0 1 0 noreply\r\nx\r\n", {"cas key=a value=x cas=none quiet"}},
      {"cas a 0 0 1\r\n", {"refused fault=129"}},
      {"cas a 0 0 1 x\r\n", {"refused " + kBadFormat}},
      {"cas a 0 0 1 -1\r\n", {"refused " + kBadFormat}},
      {"set a 0 0\r\n", {"refused fault=129"}},
      {"set a 0 0 1 2 3\r\n", {"refused fault=129"}},
      {"set a x 0 1\r\n", {"refused " + kBadFormat}},
      {"set a -1 0 1\r\n", {"refused " + kBadFormat}},
      {"set a 0 x 1\r\n", {"refused " + kBadFormat}},
      {"set a 0 0 1x\r\n", {"refused " + kBadFormat}},
      {"set a 0 0 -1\r\n", {"refused " + kBadFormat}},
      {"set a 0 0 2147483646\r\n", {"refused " + kBadFormat}},
      {"set a 0 0 99999999999999999999\r\n", {"refused " + kBadFormat}},
      {"set a 0 0 noreply\r\n", {"refused " + kBadFormat + " quiet"}},
      {"set " + kLongKey + " 0 0 1\r\nb\r\n", {"refused " + kBadFormat, "refused fault=129"}},
      {"set a 0 0 1\r\nxx\r\n", {"refused fault=4 <CLIENT_ERROR bad data chunk>", "refused fault=129"}},
      {"set a 0 0 1 noreply\r\nxxx\r\n",
       {"refused fault=4 <CLIENT_ERROR bad data chunk> quiet", "refused fault=129"}},
      {"set a 0 0 1\nx\r\n", {"set key=a value=x"}},

      {"incr a 5\r\n", {"incr key=a delta=5"}},
      {"decr a 18446744073709551615 noreply\r\n", {"decr key=a delta=18446744073709551615 quiet"}},
      {"incr a +5 foo\r\n", {"incr key=a delta=5"}},
      {"incr a -1\r\n", {"refused fault=4 <CLIENT_ERROR invalid numeric delta argument>"}},
      {"incr a 18446744073709551616\r\n", {"refused fault=4 <CLIENT_ERROR invalid numeric delta argument>"}},
      {"incr a\r\n", {"refused fault=129"}},
      {"incr " + kLongKey + " 1 noreply\r\n", {"refused " + kBadFormat + " quiet"}},
      {"touch a 9\r\n", {"touch key=a expiry=9"}},
      {"touch a 9 noreply\r\n", {"touch key=a expiry=9 quiet"}},
      {"touch a x\r\n", {"refused fault=4 <CLIENT_ERROR invalid exptime argument>"}},
      {"touch a noreply\r\n", {"refused fault=4 <CLIENT_ERROR invalid exptime argument> quiet"}},
      {"delete a\r\n", {"delete key=a"}},
      {"delete noreply\r\n", {"delete key=noreply"}},
      {"delete a 0\r\n", {"delete key=a"}},
      {"delete a noreply\r\n", {"delete key=a quiet"}},
      {"delete a 0 noreply\r\n", {"delete key=a quiet"}},
      {"delete a 1\r\n",
       {"refused fault=4 <CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]>"}},
      {"delete a noreply 0\r\n",
       {"refused fault=4 <CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]>"}},
      {"delete\r\n", {"refused fault=129"}},
      {"delete a 0 0 0\r\n", {"refused fault=129"}},

      {"flush_all\r\n", {"flush_all"}},
      {"flush_all 10\r\n", {"flush_all expiry=10"}},
      {"flush_all 10 noreply\r\n", {"flush_all expiry=10 quiet"}},
      {"flush_all noreply\r\n", {"flush_all quiet"}},
      {"flush_all -1\r\n", {"flush_all expiry=-1"}},
      {"flush_all x\r\n", {"refused fault=4 <CLIENT_ERROR invalid exptime argument>"}},
      {"flush_all 0 0 0\r\n", {"refused fault=129"}},
      {"verbosity 1\r\n", {"verbosity"}},
      {"verbosity 1 noreply\r\n", {"verbosity quiet"}},
      {"verbosity\r\n", {"refused fault=129"}},
      {"verbosity x\r\n", {"refused " + kBadFormat}},
      {"stats\r\n", {"stats"}},
      {"stats settings more\r\n", {"stats key=settings"}},
      {"version of yours\r\n", {"version"}},
      {"quit\r\n", {"quit"}},
      {"mn\r\n", {"mn"}},

      {"\r\n", {"refused fault=129"}},
      {"\n", {"refused fault=129"}},
      {"GET a\r\n", {"refused fault=129"}},
      {"geta b\r\n", {"refused fault=129"}},
      {"mx a\r\n", {"refused fault=129"}},
      {"shutdown\r\n", {"refused fault=4 <CLIENT_ERROR command not allowed>"}},
      {"lru_crawler metadump all\r\n", {"refused fault=4 <CLIENT_ERROR command not allowed>"}},
      {"GET / HTTP/1.1\r\n", {"foreign"}},
      {"POST /get HTTP/1.0\r\n", {"foreign"}},
  };
  return all;
}

const std::vector<Sample>& meta_samples() {
  static const auto fault = [](const std::string& words) {
    return "refused fault=4 <CLIENT_ERROR " + words + ">";
  };
  static const std::vector<Sample> all{
      {"mg a\r\n", {"mg key=a wants="}},
      {"mg a v\r\n", {"mg key=a wants=v"}},
      {"mg a s t f c h l k v\r\n", {"mg key=a wants=stfchlkv"}},
      {"mg a q k O12\r\n", {"mg key=a quiet wants=kO O12"}},
      {"mg YQ== b k\r\n", {"mg key=a wants=k base64"}},
      {"mg AAH/ b\r\n", {"mg key=" + std::string("\0\1\xff", 3) + " wants= base64"}},
      {"mg a u v\r\n", {"mg key=a tells_expiry wants=v"}},
      {"mg a T30 v\r\n", {"mg key=a expiry=30 wants=v"}},
      {"mg a N30 v t\r\n", {"mg key=a create=0 tells_expiry wants=tv"}},
      {"mg a N30 v\r\n", {"mg key=a create=0 tells_expiry wants=v"}},
      {"mg a t N30\r\n", {"mg key=a create=0 unsettled wants=t"}},
      {"mg a R30 P1 L2\r\n", {"mg key=a wants="}},
      {"mg\r\n", {"refused fault=129"}},
      {"mg " + kLongKey + "\r\n", {fault("bad command line format")}},
      {"mg a v v\r\n", {fault("duplicate flag")}},
      {"mg a \x80\r\n", {fault("duplicate flag")}},
      {"mg a E5\r\n", {fault("invalid flag")}},
      {"mg a 1\r\n", {fault("invalid flag")}},
      {"mg a N\r\n", {fault("bad token in command line format")}},
      {"mg a Rx\r\n", {fault("bad token in command line format")}},
      {"mg a Fx\r\n", {fault("bad command line format")}},
      {"mg a Fx Cx\r\n", {fault("bad token in command line format")}},
      {"mg a Cx Fx\r\n", {fault("bad token in command line format")}},
      {"mg a T" + std::string(30, '0') + "5\r\n", {fault("bad token in command line format")}},
      {"mg a b\r\n", {fault("error decoding key")}},
      {"mg **** b Nx\r\n", {fault("bad token in command line format")}},
      {"mg a O" + std::string(31, 'x') + "\r\n", {"mg key=a wants=O O" + std::string(31, 'x')}},
      {"mg a O" + std::string(32, 'x') + "\r\n", {fault("opaque token too long")}},
      {"mg a v f c h l s t u k q R1 T9 N9 O1 P2 L3 F1\r\n",
       {"mg key=a expiry=9 create=0 unsettled quiet wants=fchlstkOv O1"}},
      {"mg a v f c h l s t u k q R1 T9 N9 O1 P2 L3 F1 C1\r\n", {fault("options flags are too long")}},

      {"ms a 1 c k O1\r\nx\r\n", {"ms key=a value=x delta=0 wants=ckO O1"}},
      {"ms a 1 T30 F5 q\r\nx\r\n", {"ms key=a value=x flags=5 expiry=30 quiet wants="}},
      {"ms a 1 ME C5\r\nx\r\n", {"ms key=a value=x wants="}},
      {"ms a 1 MR C5\r\nx\r\n", {"ms key=a value=x cas=5 wants="}},
      {"ms a 1 MA C5 T9 F9\r\nx\r\n", {"ms key=a value=x cas=5 wants="}},
      {"ms a 1 MP C0\r\nx\r\n", {"ms key=a value=x wants="}},
      {"ms a 1 MS C0\r\nx\r\n", {"ms key=a value=x cas=none wants="}},
      {"ms a 1 C5 I\r\nx\r\n", {"ms key=a value=x cas=5 invalidate wants="}},
      {"ms a 1 I\r\nx\r\n", {"ms key=a value=x wants="}},
      {"ms a 1 MA C5 I\r\nx\r\n", {"ms key=a value=x cas=5 wants="}},
      {"ms a 0\r\n\r\n", {"ms key=a value= wants="}},
      {"ms\r\n", {"refused fault=129"}},
      {"ms a\r\n", {fault("bad command line format")}},
      {"ms a x\r\n", {fault("bad command line format")}},
      {"ms a -1\r\n", {fault("bad command line format")}},
      {"ms a S1\r\n", {fault("bad command line format")}},
      {"ms a 1 MX\r\nx\r\nmn\r\n", {fault("invalid mode for ms M token"), "mn"}},
      {"ms a 1 M\r\nx\r\nmn\r\n", {fault("incorrect length for M token"), "mn"}},
      {"ms a 2 Z\r\nxx\r\nmn\r\n", {fault("invalid flag"), "mn"}},
      {"ms a 1 b\r\nx\r\nmn\r\n", {fault("error decoding key"), "mn"}},
      {"ms a 1 O" + std::string(32, 'x') + "\r\nx\r\nmn\r\n", {fault("opaque token too long"), "mn"}},
      {"ms a 1 MX O" + std::string(32, 'x') + "\r\nx\r\nmn\r\n",
       {fault("invalid mode for ms M token"), "mn"}},
      {"ms a 1 q\r\nxx\r\n", {fault("bad data chunk"), "refused fault=129"}},
      {"ms a 1 v f c h l s t u k q R1 T9 N9 O1 P2 L3 F1\r\n", {fault("options flags too long")}},

      {"md a q\r\n", {"md key=a quiet wants="}},
      {"md a C5 O1 k\r\n", {"md key=a cas=5 wants=Ok O1"}},
      {"md a C0\r\n", {"md key=a cas=none wants="}},
      {"md a I T30\r\n", {"md key=a expiry=30 invalidate sets_expiry unsettled wants="}},
      {"md a T30\r\n", {"md key=a wants="}},
      {"md a x\r\n", {fault("invalid or duplicate flag")}},
      {"md **** b\r\n", {fault("invalid or duplicate flag")}},
      {"md\r\n", {"refused fault=129"}},

      {"ma a\r\n", {"ma key=a delta=1 wants="}},
      {"ma a D5 v c t q\r\n", {"ma key=a delta=5 quiet wants=ctv"}},
      {"ma a N30 J7\r\n", {"ma key=a expiry=30 delta=1 create=7 wants="}},
      {"ma a T30\r\n", {"ma key=a delta=1 tells_expiry wants="}},
      {"ma a t T30\r\n", {"ma key=a delta=1 unsettled wants=t"}},
      {"ma a MX\r\n", {fault("invalid mode for ma M token")}},
      {"ma a M\r\n", {fault("invalid or duplicate flag")}},
      {"ma a Dx\r\n", {fault("invalid or duplicate flag")}},
      {"ma a C0\r\n", {"ma key=a delta=1 wants="}},

      {"me a\r\n", {"me key=a wants="}},
      {"me YQ== b\r\n", {"me key=a wants= base64"}},
      {"me a x x\r\n", {"me key=a wants="}},
      {"me\r\n", {fault("bad command line format")}},
      {"me a b\r\n", {fault("bad command line format")}},
  };
  return all;
}

std::vector<Sample> all_samples() {
  std::vector<Sample> all = text_samples();
  for (Sample sample : meta_samples()) {
    for (std::string& request : sample.requests) {
      const size_t at = request.find(" delta=0");
      if (at != std::string::npos) request.erase(at, 8);
    }
    all.push_back(std::move(sample));
  }
  return all;
}

TEST(TextDecoder, ReadsEveryCommandAsMemcachedDoes) {
  for (const Sample& sample : all_samples()) EXPECT_EQ(decode(sample.bytes), sample.requests) << sample.bytes;
}

TEST(TextDecoder, TheModesOfMetaCommandsAreCommands) {
  const std::map<std::string, Command> commands{{"ms a 1\r\nx\r\n", Command::set},
                                                {"ms a 1 ME\r\nx\r\n", Command::add},
                                                {"ms a 1 MR\r\nx\r\n", Command::replace},
                                                {"ms a 1 MA\r\nx\r\n", Command::append},
                                                {"ms a 1 MP\r\nx\r\n", Command::prepend},
                                                {"ma a\r\n", Command::increment},
                                                {"ma a M+\r\n", Command::increment},
                                                {"ma a MD\r\n", Command::decrement},
                                                {"ma a M-\r\n", Command::decrement},
                                                {"mg a\r\n", Command::meta_get},
                                                {"mg a R9\r\n", Command::meta_get},
                                                {"mg a T9\r\n", Command::meta_get_and_touch},
                                                {"md a\r\n", Command::remove},
                                                {"mg a N9\r\n", Command::meta_get_and_touch}};
  for (const auto& [bytes, command] : commands) {
    TextDecoder decoder(kItemSize);
    decoder.set_signed_in(true);
    const auto result = decoder.decode(bytes);
    ASSERT_EQ(result.outcome, Outcome::request) << bytes;
    EXPECT_EQ(result.request.request.command, command) << bytes;
    EXPECT_EQ(result.request.row->command, command) << bytes;
  }
}

TEST(TextDecoder, RequestsAreTheSameForEveryCutAndByteByByte) {
  for (const Sample& sample : all_samples()) {
    const std::string bytes = sample.bytes + "mg behind\r\n";
    const bool ends = sample.requests.back() == "foreign";
    std::vector<std::string> expected = sample.requests;
    if (!ends) expected.emplace_back("mg key=behind wants=");
    for (size_t cut = 0; cut <= bytes.size(); ++cut) {
      Client client;
      client.give(std::string_view(bytes).substr(0, cut));
      client.give(std::string_view(bytes).substr(cut));
      if (!sample.bytes.ends_with("noreply\r\n") &&
          sample.requests.back().find("fault") == std::string::npos) {
        ASSERT_EQ(client.requests(), expected) << bytes << cut;
      }
    }
    Client whole;
    whole.give(bytes);
    Client slow;
    for (const char& byte : bytes) slow.give({&byte, 1});
    ASSERT_EQ(slow.requests(), whole.requests()) << bytes;
  }
}

TEST(TextDecoder, RequestsAreTheSameForRandomCutsOfALongConversation) {
  std::string bytes;
  for (const Sample& sample : all_samples()) {
    if (sample.requests.back() != "foreign") bytes += sample.bytes;
  }
  const auto whole = decode(bytes);
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::minstd_rand random(seed);
    Client client;
    std::string_view left = bytes;
    while (!left.empty()) {
      const size_t size = std::min<size_t>(left.size(), 1 + random() % (1U << (3 + seed % 10)));
      client.give(left.substr(0, size));
      left.remove_prefix(size);
    }
    ASSERT_EQ(client.requests(), whole) << "seed " << seed;
  }
}

TEST(TextDecoder, KeyAndValueTogetherMayHaveTheItemSize) {
  const std::string fits(kItemSize - 3, 'x');
  EXPECT_EQ(decode("set key 0 0 997\r\n" + fits + "\r\n"),
            std::vector<std::string>{"set key=key value=" + fits});
  EXPECT_EQ(decode("set key 0 0 998 noreply\r\n" + fits + "x\r\n"),
            std::vector<std::string>{"set fault=3 key=key quiet"});
  EXPECT_EQ(decode("ms a2V5 998 b\r\n" + fits + "x\r\nmn\r\n"),
            (std::vector<std::string>{"ms fault=3 key=key", "mn"}));
}

TEST(TextDecoder, OfWhatIsTooLargeOnlyTheKeyIsHeld) {
  Client client;
  client.give("set key 0 0 1000000\r\n");
  const std::string piece(5000, 'x');
  for (int i = 0; i < 200; ++i) {
    client.give(piece);
    ASSERT_EQ(client.held(), 0U);
  }
  EXPECT_TRUE(client.requests().empty());
  client.give("\r\n");
  EXPECT_EQ(client.requests(), std::vector<std::string>{"set fault=3 key=key"});
}

TEST(TextDecoder, ALineOfKeysMayBeLongAndNoOther) {
  std::string keys = "get";
  std::vector<std::string> expected;
  for (int i = 0; i < 3000; ++i) {
    keys += " key" + std::to_string(i);
    expected.push_back("get key=key" + std::to_string(i) + (i == 2999 ? " last" : ""));
  }
  EXPECT_EQ(decode(keys + "\r\n"), expected);
  Client slow;
  for (size_t at = 0; at < keys.size(); at += 100) slow.give(std::string_view(keys).substr(at, 100));
  slow.give("\r\n");
  EXPECT_EQ(slow.requests(), expected);
  const std::vector<std::string> refused{"refused fault=4 <CLIENT_ERROR line too long>"};
  for (const std::string& begin : {std::string("incr key "), std::string("bogus "), std::string()}) {
    Client client;
    client.give(begin + std::string(TextDecoder::kMaxLine + 1, '1'));
    EXPECT_TRUE(client.ended()) << begin;
    EXPECT_EQ(client.requests(), refused) << begin;
    Client at_once;
    at_once.give(begin + std::string(TextDecoder::kMaxLine + 1, '1') + "\r\n");
    EXPECT_EQ(at_once.requests(), refused) << begin << ", with its end";
  }
  Client endless;
  endless.give("get ");
  const std::string more(10'000, 'k');
  for (size_t sent = 0; sent <= TextDecoder::kMaxKeysLine && !endless.ended(); sent += more.size())
    endless.give(more);
  EXPECT_EQ(endless.requests(), refused);
}

TEST(TextDecoder, BeforeSignInOnlyASetComesThrough) {
  const std::string strange = "refused fault=32";
  for (const Sample& sample : text_samples()) {
    if (sample.bytes.starts_with("set ") || sample.bytes.find('\n') != sample.bytes.size() - 1 ||
        sample.requests.back() == "foreign") {
      continue;
    }
    EXPECT_EQ(decode(sample.bytes, false), std::vector<std::string>{strange}) << sample.bytes;
  }
  EXPECT_EQ(decode("set any 0 0 9\r\nname pass\r\n", false),
            std::vector<std::string>{"set key=any value=name pass"});
  EXPECT_EQ(decode("set name x y 4 noreply\r\npass\r\n", false),
            std::vector<std::string>{"set key=name value=pass"});
  EXPECT_EQ(decode("set a 0 0\r\n", false), std::vector<std::string>{strange});
  EXPECT_EQ(decode("set a 0 0 x\r\n", false), std::vector<std::string>{strange});
  EXPECT_EQ(decode("set a 0 0 3\r\nabcde", false),
            std::vector<std::string>{strange + " <CLIENT_ERROR bad command line termination>"});
  EXPECT_EQ(decode("set a 0 0 0\r\n\r\n", false),
            std::vector<std::string>{strange + " <CLIENT_ERROR bad authentication token format>"});
  EXPECT_EQ(decode("GET / HTTP/1.1\r\n", false), std::vector<std::string>{"foreign"});
}

TEST(TextDecoder, LittleOfAStrangerIsHeld) {
  Client client(false);
  client.give("set a 0 0 1000000\r\n" + std::string(1'000'000, 'x'));
  EXPECT_EQ(client.held(), 0U);
  client.give("\r\n");
  EXPECT_EQ(client.requests(), std::vector<std::string>{"set fault=32"});
  client.give("get " + std::string(TextDecoder::kMaxLine, 'k'));
  EXPECT_TRUE(client.ended());
  EXPECT_LE(client.most_needed(), 2 * TextDecoder::kMaxLine);
  Client largest(false);
  largest.give("set a 0 0 1920\r\n");
  EXPECT_LE(largest.most_needed(), TextDecoder::kMaxLine + TextDecoder::kMaxSignIn);
}

TEST(TextDecoder, ARequestLeftUnconsumedComesOutAgain) {
  TextDecoder decoder(kItemSize);
  decoder.set_signed_in(true);
  for (int i = 0; i < 3; ++i) {
    const auto result = decoder.decode("flush_all 5\r\nget a\r\n");
    ASSERT_EQ(result.outcome, Outcome::request);
    EXPECT_EQ(told(result.request), "flush_all expiry=5");
  }
}

TEST(ClientDecoder, TheFirstByteSaysWhatIsSpoken) {
  ClientDecoder text(kItemSize);
  text.set_signed_in(true);
  EXPECT_EQ(text.decode("get a\r\n").request.row->dialect, Dialect::text);
  EXPECT_EQ(text.decode("mn\r\n").request.row->dialect, Dialect::meta);
  EXPECT_EQ(text.decode(std::string(24, '\x80') + "\n").outcome, Outcome::request);
  ClientDecoder binary(kItemSize);
  std::string noop(24, '\0');
  noop[0] = static_cast<char>(kBinaryRequestMagic);
  noop[1] = 0x0a;
  EXPECT_EQ(binary.decode(noop).request.row->dialect, Dialect::binary);
  EXPECT_EQ(binary.decode("get a\r\n").outcome, Outcome::broken);
}

}  // namespace
}  // namespace mctenant::protocol
