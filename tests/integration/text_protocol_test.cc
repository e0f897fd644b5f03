// The text and meta protocols: signing in, and the same conversations held with a memcached directly and,
// signed in, with mctenant, which must give the same bytes.
//
// What may differ, and why:
//   CAS values        each server counts its own; compared is which of them are equal in a conversation
//   version, stats    each tells its own
//   a key behind k that was asked for in base64 comes back so: memcached asks how it was stored instead
//   me                the time since the last access, and the slab class of a longer key

#include <map>
#include <regex>

#include "integration/world.h"
#include "support/text_client.h"

namespace mctenant::integration {
namespace {

const std::string kLongKey(251, 'k');

class TextProtocol : public SharedWorld {
 protected:
  static TextClient sign_in_text(const std::string& tenant) {
    return {world().mctenant.address(), tenant, world().mctenant.password(tenant)};
  }
};

TEST_F(TextProtocol, BothFormsOfSignInAreTaken) {
  TextClient own(world().mctenant.address());
  EXPECT_EQ(own.offer("any", "alice alice's password"), "STORED\r\n");
  EXPECT_EQ(own.talk("get " + key("a") + "\r\n"), "END\r\n");
  TextClient memcachiers(world().mctenant.address());
  EXPECT_EQ(memcachiers.offer("alice", "alice's password"), "STORED\r\n");
  EXPECT_EQ(memcachiers.talk("get " + key("a") + "\r\n"), "END\r\n");
}

TEST_F(TextProtocol, AWrongSignInMayBeFollowedByARightOne) {
  TextClient client(world().mctenant.address());
  EXPECT_EQ(client.offer("any", "alice wrong"), "CLIENT_ERROR authentication failure\r\n");
  EXPECT_EQ(client.offer("nobody", "alice's password"), "CLIENT_ERROR authentication failure\r\n");
  client.connection().send("get a\r\n");
  EXPECT_EQ(client.connection().read_until("\r\n"), "CLIENT_ERROR unauthenticated\r\n");
  EXPECT_EQ(client.offer("any", "alice alice's password"), "STORED\r\n");
}

TEST_F(TextProtocol, AllProtocolsSeeTheSameItems) {
  TextClient client = sign_in_text("alice");
  const std::string name = key("shared");
  alice_.store(name, "from binary", 7);
  EXPECT_EQ(client.talk("get " + name + "\r\n"), "VALUE " + name + " 7 11\r\nfrom binary\r\nEND\r\n");
  EXPECT_EQ(client.talk("ms " + name + " 4\r\nmeta\r\n"), "HD\r\n");
  EXPECT_EQ(alice_.fetch(name), "meta");
  TextClient bob = sign_in_text("bob");
  EXPECT_EQ(bob.talk("get " + name + "\r\nmg " + name + " v\r\n"), "END\r\nEN\r\n");
}

TEST_F(TextProtocol, ManyKeysOfTwoServersComeInTheirOrder) {
  TextClient client = sign_in_text("alice");
  std::string stores;
  std::string line = "get";
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string name = key(std::to_string(i));
    if (i % 3 != 0) {
      stores += "set " + name + " 0 0 " + std::to_string(name.size()) + " noreply\r\n" + name + "\r\n";
      expected += "VALUE " + name + " 0 " + std::to_string(name.size()) + "\r\n" + name + "\r\n";
    }
    line += " " + name;
  }
  EXPECT_EQ(client.talk(stores), "");
  EXPECT_EQ(client.talk(line + "\r\n"), expected + "END\r\n");
}

TEST_F(TextProtocol, ABrowsersRequestClosesTheConnectionUnanswered) {
  TextClient client = sign_in_text("alice");
  const std::string name = key("forged");
  client.connection().send("POST / HTTP/1.1\r\nHost: x\r\n\r\nset " + name + " 0 0 1\r\nx\r\n");
  EXPECT_NE(client.connection().wait_for_end(5s), Peer::open);
  EXPECT_EQ(client.connection().unread(), "");
  EXPECT_FALSE(alice_.fetch(name));
}

TEST_F(TextProtocol, AFlushIsTheTenantsOwn) {
  World own;
  TextClient alice(own.mctenant.address(), "alice", own.mctenant.password("alice"));
  TextClient bob(own.mctenant.address(), "bob", own.mctenant.password("bob"));
  EXPECT_EQ(alice.talk("set a 0 0 1\r\nx\r\n") + bob.talk("set a 0 0 1\r\ny\r\n"), "STORED\r\nSTORED\r\n");
  EXPECT_EQ(alice.talk("flush_all\r\nget a\r\n"), "OK\r\nEND\r\n");
  EXPECT_EQ(bob.talk("get a\r\n"), "VALUE a 0 1\r\ny\r\nEND\r\n");
  const std::string stats = alice.talk("stats\r\n");
  EXPECT_NE(stats.find("STAT curr_items 0\r\n"), std::string::npos) << stats;
  EXPECT_NE(stats.find("STAT cmd_flush 1\r\n"), std::string::npos);
}

TEST_F(TextProtocol, TheLargestItemPassesAndOneMoreByteDoesNot) {
  TextClient client = sign_in_text("alice");
  const std::string name = key("large");
  const auto store = [&](size_t size) {
    return client.talk("set " + name + " 0 0 " + std::to_string(size) + "\r\n" + std::string(size, 'v') +
                       "\r\n");
  };
  EXPECT_EQ(store((1 << 20) - name.size()), "STORED\r\n");
  const std::string got = client.talk("get " + name + "\r\n");
  EXPECT_EQ(got.size(), 7 + name.size() + 9 + 2 + (1 << 20) - name.size() + 2 + 5);
  EXPECT_TRUE(got.ends_with("vv\r\nEND\r\n"));
  EXPECT_EQ(store((1 << 20) - name.size() + 1), "SERVER_ERROR object too large for cache\r\n");
  EXPECT_EQ(client.talk("get " + name + "\r\n"), "END\r\n");
}

// Stale-while-revalidate, with pauses in which mctenant may ask the server for its ledger.
TEST_F(TextProtocol, TheFirstClientToReadAStaleItemWins) {
  TextClient client = sign_in_text("alice");
  TextClient other = sign_in_text("alice");
  const std::string name = key("stale");
  EXPECT_EQ(client.talk("ms " + name + " 3 T1000\r\nold\r\n"), "HD\r\n");
  EXPECT_EQ(client.talk("mg " + name + " h\r\n"), "HD h0\r\n");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(client.talk("md " + name + " I T300\r\n"), "HD\r\n");
    EXPECT_EQ(other.talk("mg " + name + " v t\r\n"), "VA 3 t300 X W\r\nold\r\n");
    EXPECT_EQ(client.talk("mg " + name + " v t\r\n"), "VA 3 t300 Z X\r\nold\r\n");
  }
  EXPECT_EQ(other.talk("ms " + name + " 3\r\nnew\r\n"), "HD\r\n");
  EXPECT_EQ(client.talk("mg " + name + " v\r\n"), "VA 3\r\nnew\r\n");
  const std::string missing = key("missing");
  EXPECT_EQ(client.talk("mg " + missing + " t N30 h\r\n"), "HD t-1 h0 W\r\n");
  EXPECT_EQ(other.talk("mg " + missing + " t N30 h\r\n"), "HD t30 h1 Z\r\n");
}

// ---- beside a memcached

// K, L and N stand for keys of the test's own, and @ for 3,000,000 bytes.
const std::vector<std::string>& conversations() {
  static const std::string kLong(kLongKey);
  static const std::vector<std::string> all{
      "get K\r\nset K 0 0 1\r\nx\r\nget K\r\ngets K\r\nget L K N K\r\n",
      "set K 4294967295 0 0\r\n\r\nget K\n  get   K  \r\ngat 0 K\r\ngats 100 K L\r\ngat 0\r\ngat x "
      "K\r\nget\r\ngat\r\n",
      // With more before it in the same read, memcached loses the replies to that, too.
      "get " + kLong + "\r\n",
      "get K L " + kLong + " N\r\n",
      "set " + kLong + " 0 0 1\r\nx\r\ndelete " + kLong + "\r\n",
      "set K\r\nset K 0 0\r\nset K 0 0 1\nxx\r\nset K 0 0 -1\r\nset K 0 0 x\r\nset K x 0 1\r\nset K -1 0 "
      "1\r\nb\r\n",
      "set K 4294967296 0 1\r\nb\r\nget K\r\nset K 0 1x 1\r\nset K 0 0 1 foo\r\nb\r\nset K 0 0 1 foo "
      "noreply\r\nb\r\n",
      "set K 0 0 1 noreply\r\nbb\r\nget K\r\nset K 0 -1 1\r\nb\r\nget K\r\nset K 0 2147483648 1\r\nb\r\nget "
      "K\r\n",
      "set K 0 0 2147483646\r\nget K\r\nset K 0 0 noreply\r\n",
      "cas K 0 0 1\r\ncas K 0 0 1 1\r\nx\r\ncas K 0 0 1 0\r\nx\r\ncas K 0 0 1 x\r\nset K 0 0 1\r\nx\r\ncas K "
      "0 0 1 0\r\n"
      "y\r\ncas K 0 0 1 999999999999\r\ny\r\ncas K 0 0 1 999999999998 noreply\r\ny\r\nget K\r\n",
      "add K 0 0 1\r\nx\r\nadd K 0 0 1\r\ny\r\nreplace K 5 0 1\r\nz\r\nreplace L 0 0 1\r\nx\r\nappend K 0 0 "
      "2\r\nab\r\n"
      "prepend K 9 9 1\r\np\r\nappend L 0 0 1\r\nx\r\nget K L\r\n",
      "incr K\r\nincr K 1\r\nset K 0 0 1\r\n5\r\nincr K 18446744073709551615\r\nincr K "
      "18446744073709551616\r\nincr K -1\r\n"
      "incr K x\r\ndecr K 100\r\nincr K 1 noreply\r\nincr K 1 foo\r\nincr K +1\r\nincr K 01\r\nget K\r\n",
      "set K 0 0 1\r\nx\r\nincr K 1\r\ndecr K 1\r\nincr K 1 noreply\r\n",
      "delete\r\ndelete K\r\ndelete K 0\r\ndelete K 1\r\ndelete K noreply\r\ndelete K 0 noreply\r\ndelete K "
      "noreply 0\r\n"
      "delete K 0 0 0\r\nset K 0 0 1\r\nx\r\ndelete K\r\nget K\r\n",
      "touch\r\ntouch K\r\ntouch K x\r\ntouch K 0\r\nset K 0 0 1\r\nx\r\ntouch K 100\r\ntouch K 0 "
      "noreply\r\ntouch K 0 0 0\r\n"
      "touch K -1\r\nget K\r\n",
      "verbosity\r\nverbosity x\r\nverbosity 0\r\nverbosity 0 noreply\r\nstats nonsense\r\nflush_all x\r\n"
      "flush_all 0 0 0\r\n\r\n\n \r\nGET K\r\nmx K\r\nm\r\ng\r\nbogus noreply\r\n",
      "mg\r\nmg K\r\nmg K q\r\nmg K k O1\r\nset K 3 0 1\r\n5\r\nmg K\r\nmg K v\r\nmg K v v\r\nmg K s t f c h "
      "k\r\n"
      "mg K k O123 s\r\nmg K E5\r\nmg K x\r\nmg K 1\r\nmg K \x80\r\nmg K Nx\r\nmg K N\r\nmg K O\r\n",
      "set K 3 0 1\r\n5\r\nmg K Oxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nmg K "
      "Oxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nmg " +
          kLong + "\r\nmg K P123 Lfoo v\r\nmg K T300 t\r\nmg K t T600\r\nmg K t\r\nmg K T-1\r\nmg K t\r\n",
      "mg K N300 v t c s f\r\nmg K N300 v t s f\r\nmg K v\r\nmg L t N300\r\nmg L t N300 v\r\nmg N T200 N300 "
      "t\r\n",
      "mg K N300 T200 t\r\nmg K R400\r\nmg K R400\r\nms K 1 T100\r\nx\r\nmg K R200 v\r\nmg K R200 v\r\nmg K "
      "R50 v\r\n",
      "mg YQ b k v\r\nmg **** b k\r\nmg YQ== b b\r\nmg **** b Nx\r\nmg **** Nx b\r\nmg K Fx v\r\nmg K Cx "
      "Fx\r\nmg K Fx Cx\r\n",
      "mg K Ixyz qzz vfoo\r\nmg K v f c h s t u k q R1 N900 O1 P2 L3 F1\r\nmg K v f c h l s t u k q R1 T9 N9 "
      "O1 P2 L3 F1 C1\r\n",
      "ms\r\nms K\r\nms K x\r\nms K 1 c\r\nb\r\nms K 1 c\nb\r\nms K 1 c q\r\nb\r\nms K 1 k O1 c\r\nx\r\nms K "
      "1 MX\r\nx\r\n"
      "ms K 1 M\r\nx\r\nms K 1 Mse\r\nx\r\nms K 1 Me\r\nx\r\nms K 1 ME\r\nx\r\nms K 1 ME C99 c\r\nx\r\n",
      "ms L 1 ME C99 c\r\nx\r\nmg L c\r\nms K 1 MR\r\nx\r\nms K 1 MA\r\nx\r\nms K 1 C1 c\r\nx\r\nms K 1 MR "
      "C1 c\r\nx\r\n",
      "ms K 1\r\nx\r\nms K 1 C999999999999 c k O1\r\nx\r\nms K 1 C999999999999 q\r\nx\r\nms K 1 C0 c\r\nx\r\n"
      "ms K 1 C0 I c\r\nx\r\nms K 1 C1 I c\r\ny\r\nmg K v c\r\nmg K v\r\nms K 1 C999999999999 I c\r\nx\r\n",
      "ms K 1\r\nx\r\nms K 1 MA C999999999999 I c\r\nx\r\nms K 1 MA C0\r\nx\r\nms K 1 MP\r\ny\r\nms K 1 MR "
      "C0 c\r\nx\r\nmg K v\r\n",
      "ms K 1 C1 C2\r\nx\r\nms K 2 Z\r\nxx\r\nms K -1\r\nms K 1\r\nxx\r\nms K 1 q\r\nxx\r\nms " + kLong +
          " 1\r\nx\r\nms K 1 Oxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nx\r\nms **** 1 b\r\nx\r\nms K S1\r\nx\r\n",
      "ms K 0\r\n\r\nmg K v s\r\nms K 1 T300 F5\r\nx\r\nms K 1 MA T99 F7\r\ny\r\nmg K t f v\r\nms K 1 "
      "Fx\r\nx\r\n"
      "ms K 1 F4294967296\r\nx\r\nmg K f\r\nms K 1 v s t f h l\r\nx\r\nms K 1 N30 MA\r\nx\r\n",
      "ms K 1 v f c h l s t u k q R1 T9 N9 O1 P2 L3 F1\r\nx\r\n",
      "ms K 1\r\n1\r\nms K 3000000 ME q\r\n@\r\nmg K v\r\n",
      "ms K 1\r\n1\r\nset K 0 0 3000000 noreply\r\n@\r\nmg K v\r\n",
      "ms K 1\r\n1\r\ncas K 0 0 3000000 1\r\n@\r\nmg K v\r\n",
      "md\r\nmd K\r\nmd K q\r\nms K 1\r\n1\r\nmd K q k O1\r\nmd K k O1\r\nmd K x\r\nmd K k k\r\nmd **** "
      "b\r\nmd K Tx\r\n"
      "md K Oxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nmd " +
          kLong + "\r\n",
      "ms K 1 T500\r\n1\r\nmd K C999999999999 O1\r\nmd K C0\r\nmd K I T300 c t s\r\nmg K t\r\nmg K\r\nmd K "
      "I\r\nmg K t\r\n"
      "mg K R300 t\r\nms K 1\r\nx\r\nmg K v t\r\n",
      "ma\r\nma K\r\nma K q\r\nma K N0\r\nma K v\r\nma K v c t k O5\r\nma K D10 v\r\nma K MD v\r\nma K M- v "
      "D100\r\n"
      "ma K Mi v\r\nma K M+ v\r\nma K MX\r\nma K M\r\nma K MII\r\nma K Dx\r\nma K Jx N0\r\n",
      "ma K J13 N300 v t\r\nma K J13 t N300 v\r\nma K t T999 v\r\nma K t v\r\nma K C999999999999 v\r\nma K "
      "C0 v\r\nma K q v\r\n"
      "ma K q\r\nma K C999999999999 q\r\nma L N0 C5 v\r\nma N T300 N600 t\r\nma K h l f s R5 u v\r\n",
      "set K 0 0 1\r\nx\r\nma K\r\nma K q\r\nma L J5 v O1 k\r\nma " + kLong + "\r\n",
      "me\r\nme K\r\nme " + kLong +
          "\r\nme **** b\r\nms K 1 T1000 F3\r\n1\r\nme K\r\nmg K\r\nme K\r\nme K q\r\n",
      "ms K 2 q\r\nab\r\nms L 1 q\r\ny\r\nmg N q v\r\nmg L q v k\r\nmd N q\r\nmd K q\r\nmg K v\r\n",
      "ms QWJj 1 b k c\r\nx\r\nmg QWJj b k v\r\nget Abc\r\nmd QWJj b k\r\nmg AAH/ b k\r\nms AAH/ 2 b "
      "k\r\nxy\r\n"
      "mg AAH/ b k v\r\nma AAH/ b k\r\nmd AAH/ b k\r\n",
  };
  return all;
}

// Names the keys of one conversation; all have one length.
std::string with_keys(const std::string& text, int number) {
  std::string named = text;
  for (const char* letter : {"K", "L", "N"}) {
    named = std::regex_replace(named, std::regex(std::string(" ") + letter + "(?=[ \r\n])"),
                               std::string(" ") + letter + "_" + std::to_string(100 + number));
  }
  if (const size_t at = named.find('@'); at != std::string::npos) named.replace(at, 1, 3'000'000, 'z');
  return named;
}

// CAS values become numbers in the order in which they were seen.
// Those of two servers have nothing to do with each other.
std::string comparable(const std::string& received, size_t servers = 1) {
  static const std::regex cas("( c| cas=|VALUE [^ \r]+ [0-9]+ [0-9]+ )([0-9]+)");
  std::map<std::string, size_t> seen{{"0", 0}};
  std::string text;
  auto at = received.cbegin();
  for (std::smatch match; std::regex_search(at, received.cend(), match, cas); at = match[0].second) {
    text.append(at, match[1].second);
    const size_t known = seen.emplace(match[2], seen.size()).first->second;
    text += servers > 1 && known > 0 ? "#" : "#" + std::to_string(known);
  }
  text.append(at, received.cend());
  return std::regex_replace(text, std::regex("la=[0-9]+"), "la=?");
}

TEST_F(TextProtocol, ConversationsAreThoseOfAMemcached) {
  const MemcachedProcess memcached;
  TextClient direct(memcached.address());
  TextClient through = sign_in_text("bob");
  int number = 0;
  for (const std::string& conversation : conversations()) {
    const std::string bytes = with_keys(conversation, number++);
    const std::string expected = comparable(direct.talk(bytes));
    ASSERT_EQ(comparable(through.talk(bytes)), expected) << bytes.substr(0, 600);
  }
  EXPECT_EQ(direct.connection().peer(), Peer::open);
  EXPECT_EQ(through.connection().peer(), Peer::open);
}

// What it is told of it in pieces, it does in one.
TEST_F(TextProtocol, ConversationsAreTheSameInPieces) {
  const MemcachedProcess memcached;
  TextClient direct(memcached.address());
  TextClient through = sign_in_text("alice");
  std::string all;
  int number = 100;
  for (const std::string& conversation : conversations()) {
    if (conversation.find('@') == std::string::npos && conversation.find(kLongKey) == std::string::npos)
      all += with_keys(conversation, number++);
  }
  const std::string expected = comparable(direct.talk(all), 2);
  for (size_t at = 0; at < all.size(); at += 13)
    through.connection().send(std::string_view(all).substr(at, 13));
  EXPECT_EQ(comparable(through.talk(""), 2), expected);
}

// The ledger is right after all of them.
TEST_F(TextProtocol, TheAccountIsRightAfterEveryConversation) {
  World own({.tenants = {{"alice", "alice's password"}}, .plan = R"("memory": "10MiB")"});
  TextClient client(own.mctenant.address(), "alice", own.mctenant.password("alice"));
  int number = 200;
  for (const std::string& conversation : conversations())
    (void)client.talk(with_keys(conversation, number++));
  const auto figure = [&](const std::string& name) {
    const std::string stats = client.talk("stats\r\n");
    const size_t at = stats.find("STAT " + name + " ");
    return at == std::string::npos
               ? std::string()
               : stats.substr(at + 6 + name.size(), stats.find('\r', at) - at - 6 - name.size());
  };
  uint64_t items = 0;
  uint64_t bytes = 0;
  const std::regex line("key=([^ ]+) .*size=([0-9]+)");
  for (const MemcachedProcess* server : {&own.first, &own.second}) {
    const std::string dump = server->dump();
    for (auto it = std::sregex_iterator(dump.begin(), dump.end(), line); it != std::sregex_iterator(); ++it) {
      ++items;
      bytes += std::stoull((*it)[2]);
    }
  }
  EXPECT_GT(items, 20U);
  const auto agrees = [&] {
    return figure("curr_items") == std::to_string(items) && figure("bytes") == std::to_string(bytes);
  };
  EXPECT_TRUE(wait_until(agrees, 5s))
      << figure("curr_items") << " of " << items << ", " << figure("bytes") << " of " << bytes;
}

}  // namespace
}  // namespace mctenant::integration
