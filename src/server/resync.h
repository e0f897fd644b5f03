#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/counter.h"
#include "net/event_loop.h"
#include "server/janitor.h"
#include "server/known_tenants.h"
#include "session/accounting.h"
#include "upstream/crawl.h"
#include "upstream/eviction_watch.h"

namespace mctenant::server {

// What the work on one server needs of the bookkeeper. All of it outlives the work.
struct Desk {
  net::EventLoop& loop;
  net::Resolver& resolver;
  const KnownTenants& tenants;
  session::Accounting& accounting;
  Janitor& janitor;
};

struct ResyncOptions {
  // After a connection was lost, requests that it left in the server's buffers may still be carried out: a
  // crawl waits that out.
  base::Duration grace = std::chrono::seconds(1);
  // Between a crawl's end and the next one's beginning, unless the server was started anew.
  base::Duration interval = std::chrono::seconds(10);
  // After a crawl that failed.
  base::Duration retry = std::chrono::seconds(5);
};

// Keeps the ledgers in step with one server where replies can't: crawls it whenever its accounting is in
// doubt (at the start, after a restart, after a connection was lost with requests on it, after an eviction
// may have been missed), and follows what it evicts.
//
//            in doubt             END             all looked at
//   settled ─────────► crawling ───────► sweeping ────────────► settled
//                          └── failed: again after a while ──┘
//
// What the crawl meets is merged by version, beside traffic. What it did not meet is gone, and swept out.
// On the bookkeeper's thread.
class Resync final : private upstream::Crawl::Handler, private upstream::EvictionWatch::Handler {
 public:
  // What any thread may read.
  struct Figures {
    base::Counter running;  // 1 or 0
    base::Counter done;
    base::Counter failed;
    base::Counter items;     // met by the crawl under way, or the last one
    base::Counter removed;   // of these, handed to the janitor
    base::Counter foreign;   // of these, not ours
    base::Counter finished;  // Unix seconds
  };

  // `server` is the bookkeeper's connection to it.
  Resync(const Desk& desk, const upstream::PoolOptions& pool, upstream::ServerConnection& server,
         upstream::ServerState& state, const ResyncOptions& options = {});
  virtual ~Resync();

  // Looks whether a crawl is due.
  void look();
  // The accounting is in doubt.
  [[nodiscard]] bool due() const { return state_.doubts() != settled_doubts_; }
  // Crawling or sweeping: removals must not be forgotten.
  [[nodiscard]] bool running() const { return crawl_ != nullptr || sweeping_; }

  [[nodiscard]] const net::Address& address() const { return server_.address(); }
  [[nodiscard]] const upstream::ServerState& state() const { return state_; }
  [[nodiscard]] const Figures& figures() const { return figures_; }
  [[nodiscard]] const upstream::EvictionWatch::Figures& watch_figures() const { return watch_->figures(); }

 private:
  void begin();
  void sweep();
  void ask(const session::Account& account);
  void end(bool done);
  [[nodiscard]] bool here(const KnownTenants::Found& found, std::string_view server_key) const;
  void merge(const KnownTenants::Found& found, const protocol::DumpedItem& item);
  void tell_progress();

  void on_begun(uint16_t incarnation, uint8_t number) override;
  void on_item(const protocol::DumpedItem& item) override;
  void on_finished(const upstream::Crawl::Outcome& outcome) override;
  void on_evicted(std::string_view key, uint64_t size) override;
  void on_gap() override;

  const Desk desk_;
  const upstream::PoolOptions& pool_;
  upstream::ServerConnection& server_;
  upstream::ServerState& state_;
  const ResyncOptions options_;
  std::unique_ptr<upstream::EvictionWatch> watch_;
  std::unique_ptr<upstream::Crawl> crawl_;
  bool sweeping_ = false;
  bool failing_ = false;
  uint64_t settled_doubts_ = 0;  // those that the last crawl has settled
  uint64_t seen_doubts_ = 0;     // at the last look
  uint64_t begun_doubts_ = 0;    // when the crawl under way began
  uint16_t crawled_incarnation_ = 0;
  base::TimePoint not_before_{};
  base::TimePoint ready_since_{};
  base::TimePoint last_end_{};

  // Of the crawl under way.
  uint16_t incarnation_ = 0;
  uint8_t number_ = 0;
  std::unordered_map<quota::Ledger*, quota::Ledger::Moment> moments_;
  std::vector<session::Account> to_sweep_;
  quota::Ledger::Cursor cursor_;
  std::vector<quota::OpenQuestion> questions_;
  base::TimePoint begun_{};
  base::TimePoint told_{};
  Figures figures_;
  std::shared_ptr<const bool> alive_ =
      std::make_shared<bool>();  // gone with this: no turn of a sweep comes after it
};

}  // namespace mctenant::server
