#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/counter.h"
#include "net/event_loop.h"
#include "net/timer.h"
#include "session/accounting.h"
#include "tenant/namespace.h"
#include "upstream/server_connection.h"
#include "upstream/server_state.h"

namespace mctenant::server {

// Deletes in the background, no more than so many items a second, what nobody can reach any more (items of
// old generations and removed tenants), and the coldest items of tenants that are over their quota since it
// was lowered. On the bookkeeper's thread.
class Janitor {
 public:
  struct Figures {
    base::Counter deleted;  // each once: a crawl and a flush may both have found it
    base::Counter evicted;  // of tenants over their quota
    base::Counter pending;  // items that wait to be deleted, or for the server's answer
    base::Counter dropped;  // that could not wait, or whose server was away: a later crawl finds them again
  };

  // All must outlive it.
  Janitor(net::EventLoop& loop, session::Accounting& accounting, std::string key_namespace);

  void set_rate(uint32_t items_a_second) { rate_ = items_a_second; }
  // The tenants whose ledgers are looked after from now on.
  void set_accounts(std::vector<session::Account> accounts) { accounts_ = std::move(accounts); }
  // An item on that server that is to go.
  void remove(upstream::Server& server, upstream::ServerState& state, std::string_view server_key);

  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  class Removal;
  struct Waiting {
    upstream::Server* server;
    upstream::ServerState* state;
    std::string key;
  };

  void turn();
  [[nodiscard]] size_t evict(size_t most);
  [[nodiscard]] size_t remove_waiting(size_t most);
  [[nodiscard]] size_t remove_retired(size_t most);
  void send(upstream::Server& server, std::string_view server_key);

  net::EventLoop& loop_;
  session::Accounting& accounting_;
  const std::string key_namespace_;
  uint32_t rate_ = 20'000;
  std::vector<session::Account> accounts_;
  std::deque<Waiting> waiting_;
  size_t under_way_ = 0;  // deletes without an answer
  base::TimePoint last_turn_{};
  double credit_ = 0;  // items that may be deleted now
  net::Timer timer_;
  Figures figures_;
};

}  // namespace mctenant::server
