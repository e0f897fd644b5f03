#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/counter.h"
#include "base/work_thread.h"
#include "config/config.h"
#include "net/event_loop.h"
#include "net/timer.h"
#include "tenant/directory.h"

namespace mctenant::server {

// Written on the main thread.
struct ReloadFigures {
  base::Counter succeeded;
  base::Counter failed;
  base::Counter applied_at;  // Unix seconds: when the running configuration took effect
};

// Reads the configuration again when its file has become another, or on demand, and hands it over whole: one
// with a fault changes nothing and is told in the log.
//
//              another file, or asked to         without faults
//   watching ────────────────────────► reading ─────────────────► applying
//       ▲                                 │ faults                    │
//       └─────────────────────────────────┴───────────────────────────┘
//
// The file, and those that it names for TLS, are looked at every 250 ms, and read when it has been the same
// for 50 ms: most that is half written is not read then, and a further change shows in its times. A file that
// never rests is read after 400 ms all the same. It is read on a thread of its own, since plain passwords
// cost some milliseconds each; the destructor waits for one that is being read. All functions: on the loop's
// thread.
class Reloader {
 public:
  // Told once, on the loop's thread; without faults the configuration has taken effect.
  using Done = std::function<void(std::vector<config::Finding> faults)>;

  class Target {
   public:
    virtual ~Target() = default;
    // The tenants now.
    [[nodiscard]] virtual std::shared_ptr<const tenant::Directory> directory() const = 0;
    // Takes the configuration over as a whole, or nothing of it.
    virtual void apply(config::Config wanted, Done done) = 0;
  };

  // `read` is what the running configuration was read from. All must outlive this.
  Reloader(net::EventLoop& loop, std::string file, config::FileSet read, Target& target,
           ReloadFigures& figures);

  void start();
  void stop();
  // Reads the file though it may be the same.
  void reload();

 private:
  enum class State { watching, reading, applying };

  void look();
  [[nodiscard]] bool rests();
  void read();
  void on_read(config::Parsed& parsed);
  void on_applied(const std::vector<config::Finding>& faults);
  void refuse(const std::vector<config::Finding>& faults);

  net::EventLoop& loop_;
  const std::string file_;
  Target& target_;
  ReloadFigures& figures_;
  State state_ = State::watching;
  bool stopped_ = true;
  bool asked_ = false;
  config::FileSet read_;  // what was read last
  config::FileSet seen_;  // what stood there at the last look
  base::TimePoint seen_since_{};
  base::TimePoint unread_since_{};  // since when it is another than the one read; 0: it is not
  net::Timer timer_;
  base::WorkThread thread_;  // the first to go: it posts to this
};

}  // namespace mctenant::server
