#pragma once

#include <cstdint>
#include <string>

#include "protocol/metadump.h"
#include "upstream/back_off.h"
#include "upstream/dialogue.h"
#include "upstream/server_state.h"

namespace mctenant::upstream {

struct CrawlOptions {
  // A server that crawls for somebody else, or for itself, is asked again after a while of these bounds …
  base::Duration busy_min = std::chrono::milliseconds(100);
  base::Duration busy_max = std::chrono::milliseconds(1000);
  // … for so long.
  base::Duration patience = std::chrono::seconds(30);
  // A server may say nothing while it walks empty buckets, or until its hash table has grown.
  base::Duration silence = std::chrono::seconds(60);
};

// One walk over all items of a server, on a connection of its own.
//
//   start() ─► connecting ─► asking ─► walking ─► finished
//                   │         │  ▲        │           ▲
//                   │      BUSY  back-off │           │
//                   └─────────┴───────────┴── failure ┘
//
// A key that is stored from before the walk to its end is told exactly once, as it is at some moment of the
// walk; one that comes or goes meanwhile is told once or not. A server that walks for us holds a lock while
// we don't read, on which its threads for clients wait in the end: so what the handler does must be quick,
// and nothing pauses the walk. Belongs to its loop's thread; goes through EventLoop::discard().
class Crawl final : public net::Discardable, private Dialogue::Handler {
 public:
  struct Outcome {
    enum class Kind : uint8_t {
      done,    // all items were told
      busy,    // the server crawls for somebody else all the time
      failed,  // for `reason`; perhaps after some items
    };
    Kind kind = Kind::failed;
    uint64_t items = 0;  // told to the handler
    std::string reason;
  };

  class Handler {
   public:
    // The walk is about to begin, over what the process `incarnation` stores; `number` is its
    // ServerState::begin_crawl(). Once, or not at all.
    virtual void on_begun(uint16_t incarnation, uint8_t number) = 0;
    // Valid during the call.
    virtual void on_item(const protocol::DumpedItem& item) = 0;
    // The last call, once. The crawl may be discarded here.
    virtual void on_finished(const Outcome& outcome) = 0;

   protected:
    ~Handler() = default;
  };

  // All must outlive the crawl. Of `pool` the timeouts are used.
  Crawl(net::EventLoop& loop, net::Resolver& resolver, const PoolOptions& pool, const net::Address& address,
        ServerState& state, Handler& handler, const CrawlOptions& options = {});

  void start();
  // Nothing is told any more, not even the end.
  void cancel();

 private:
  void ask();
  void be_patient();
  void watch_silence();
  void close();
  void finish(Outcome::Kind kind, std::string reason);

  void on_checked(const ServerInfo& info) override;
  void on_line(std::string_view line) override;
  void on_ended(const std::string& reason) override;

  net::EventLoop& loop_;
  ServerState& state_;
  Handler& handler_;
  const CrawlOptions options_;
  Dialogue dialogue_;
  BackOff back_off_;
  net::Timer retry_;
  net::Timer silence_;
  base::TimePoint begun_{};
  base::TimePoint asked_{};
  uint64_t items_ = 0;
  bool finished_ = false;
};

}  // namespace mctenant::upstream
