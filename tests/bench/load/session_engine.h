#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/histogram.h"
#include "client/socket.h"
#include "load/options.h"
#include "load/request_maker.h"

namespace mctenant::bench {

// What becomes of a connection once it stands (and, with users, is signed in).
enum class After {
  kHold,       // stays open and silent: idle connections
  kGetAndEnd,  // one get, then closed, and the next connection begins: a connection storm
  kEnd,        // closed at once, and the next connection begins: sign-ins, where a connection has one only
  kSignInAgain,
};

struct SessionOptions {
  After after = After::kGetAndEnd;
  // Connections that are being opened or at work at once.
  size_t parallel = 32;
  // Connections to open (kHold), or sign-ins to make (kSignInAgain); 0: until the time is over.
  uint64_t total = 0;
  double seconds = 5;
  double warmup = 0;
  // Every sign-in with a password that nobody has.
  bool wrong_password = false;
  // PLAIN or a SCRAM-SHA-….
  std::string mechanism = "PLAIN";
};

struct SessionResult {
  // Connections held, cycles finished, or sign-ins answered; within the measured window.
  uint64_t done = 0;
  // Sign-ins refused because the password was not right, or because the server was busy.
  uint64_t refused = 0;
  uint64_t busy = 0;
  uint64_t errors = 0;
  std::string first_error;
  double seconds = 0;
  // Of a whole cycle, or of one sign-in.
  Histogram latency;
};

// Opens, signs in and closes connections, many at once, in one thread.
class SessionEngine {
 public:
  SessionEngine(const LoadOptions& load, const SessionOptions& options);
  ~SessionEngine();
  SessionEngine(const SessionEngine&) = delete;
  SessionEngine& operator=(const SessionEngine&) = delete;

  // Runs until the time is over or all is done. `on_measure` is called when the warm-up has ended.
  template <class OnMeasure>
  void run(OnMeasure on_measure) {
    begin();
    while (!warm()) step();
    on_measure();
    measure();
    while (!finished()) step();
    finish();
  }

  // Keeps the held connections until standard input ends. How many the server closed meanwhile.
  uint64_t hold();

  const SessionResult& result() const { return result_; }

 private:
  struct Session;

  void begin();
  void measure();
  bool warm() const;
  bool finished() const;
  void finish();
  void step();

  void open(Session& session);
  void serve(Session& session);
  void receive(Session& session);
  void on_signed_in(Session& session);
  void on_refused(Session& session, uint16_t status);
  void sign_in(Session& session);
  void step_sign_in(Session& session, std::string_view challenge);
  void get(Session& session);
  void complete(Session& session);
  void fail(Session& session, std::string why);
  void shut(Session& session);
  void send_all(Session& session, const std::string& bytes);
  void record(Session& session);
  bool more() const;

  const LoadOptions& load_;
  const SessionOptions& options_;
  RequestMaker maker_;
  Poller poller_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::string out_;
  std::vector<char> buffer_;
  SessionResult result_;

  uint64_t started_ = 0;
  uint64_t measured_from_ = 0;
  uint64_t begun_ = 0;
  uint64_t settled_ = 0;
  size_t next_user_ = 0;
  // What SCRAM's PBKDF2 made of a user's password: derived once, so that not the client is measured.
  std::map<std::string, std::string> salted_passwords_;
  size_t opening_ = 0;
  uint64_t last_progress_ = 0;
};

}  // namespace mctenant::bench
