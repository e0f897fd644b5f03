#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/address.h"

namespace mctenant::upstream {

// What all threads know of one server: workers that talk to it, pools that share it, and whoever counts what
// it stores. Thread-safe.
class ServerState {
 public:
  ServerState() = default;
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;

  // The number of the server's process, told by its pid and when it started (seconds since 1970, give or take
  // one). The same process has the same number; one not seen before gets a new one, larger than any given in
  // this program, and puts the accounting in doubt. A late answer of the process before gets that one's
  // number. From 1; after 65535 they begin again, with 1.
  uint16_t identify(int64_t pid, int64_t started);
  // The latest; 0 if the server was never reached.
  [[nodiscard]] uint16_t incarnation() const { return incarnation_.load(std::memory_order_acquire); }

  // Every number given to one of the server's processes.
  [[nodiscard]] std::vector<uint16_t> incarnations() const;

  // The latest crawl begun; 0 before the first.
  [[nodiscard]] uint8_t crawl() const { return crawl_.load(std::memory_order_acquire); }
  // Numbers the next crawl: 1 to 255, then 1 again. What is read of crawl() from now on is at least that.
  uint8_t begin_crawl();

  // A crawl of the server is under way or due, and will tell what replies leave open. True until it is known
  // that none is.
  [[nodiscard]] bool crawling() const { return crawling_.load(std::memory_order_acquire); }
  void set_crawling(bool crawling) { crawling_.store(crawling, std::memory_order_release); }

  // What is known of the server's items is not sure any more: they want to be counted again. Counts up.
  void doubt() { doubts_.fetch_add(1, std::memory_order_acq_rel); }
  [[nodiscard]] uint64_t doubts() const { return doubts_.load(std::memory_order_acquire); }

  // The memory that the server has for items (its -m), in bytes; 0 if it was never reached.
  [[nodiscard]] uint64_t limit_maxbytes() const { return limit_maxbytes_.load(std::memory_order_relaxed); }
  void set_limit_maxbytes(uint64_t bytes) { limit_maxbytes_.store(bytes, std::memory_order_relaxed); }

 private:
  struct Process {
    int64_t pid = 0;
    int64_t started = 0;
    uint16_t number = 0;  // 0: none
  };

  mutable std::mutex mutex_;
  std::array<Process, 4> processes_;    // the latest first; guarded by mutex_
  std::vector<uint16_t> incarnations_;  // guarded by mutex_
  std::atomic<uint16_t> incarnation_{0};
  std::atomic<uint8_t> crawl_{0};
  std::atomic<bool> crawling_{true};
  std::atomic<uint64_t> doubts_{0};
  std::atomic<uint64_t> limit_maxbytes_{0};
};

// The states of all servers, by address. Thread-safe.
class ServerStates {
 public:
  // Made when it is asked for the first time; the reference is good as long as this object.
  [[nodiscard]] ServerState& at(const net::Address& address);

 private:
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<ServerState>, std::less<>> states_;  // guarded by mutex_
};

}  // namespace mctenant::upstream
