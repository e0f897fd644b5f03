// Any bytes of a client, in any pieces, with servers that answer, fail and come back at any time: whole
// replies come out, never more than were asked for, and nothing is left behind. Input: a byte of switches (1:
// signed in, 2: as a text client), the length of the script, the script, then the client's bytes.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "session/client_session.h"
#include "support/session_harness.h"

namespace {

using namespace mctenant;

void require(bool holds) {
  if (!holds) std::abort();
}

class Play {
 public:
  explicit Play(std::string_view bytes) : left_(bytes) {}

  void sign_in(bool as_text) {
    require(as_text ? harness_.sign_in_text() : harness_.sign_in() == support::status::kOk);
  }
  void act(uint8_t step) {
    const uint8_t argument = step >> 3;
    auto& server = harness_.server(argument % 3);
    switch (step & 7) {
      case 0:
      case 1:
        return feed(argument + 1U);
      case 2:
        return feed((argument + 1U) * 16U);
      case 3:
        if (!server.waiting().empty()) server.answer();
        return harness_.turn();
      case 4:
        if (!server.waiting().empty())
          server.reply(static_cast<protocol::Status>(argument % 7), "odd", argument);
        return harness_.turn();
      case 5:
        return harness_.set_client_reads(argument % 2 == 0);
      case 6:
        if (argument % 2 == 0) server.go_down();
        server.set_up(true);
        return harness_.turn();
      default:
        return happen(argument % 5);
    }
  }
  void finish() {
    harness_.set_client_reads(true);
    feed(left_.size());
    while (harness_.generations().waiting() > 0) happen(0);
    harness_.answer_all();
    check();
  }

 private:
  void feed(size_t size) {
    const std::string_view piece = left_.substr(0, size);
    harness_.send(piece);
    left_.remove_prefix(piece.size());
  }
  void happen(uint8_t what) {
    switch (what) {
      case 0:
      case 1:
        if (harness_.generations().waiting() == 0) return;
        harness_.generations().finish(what == 0);
        return harness_.run_one();
      case 2:
        if (!harness_.finished()) harness_.end_input();
        return;
      case 3:
        if (!harness_.finished()) harness_.session().drain();
        return harness_.turn();
      default:
        if (!harness_.finished() && !harness_.session().signed_in()) harness_.session().on_sign_in_timeout();
        return harness_.turn();
    }
  }
  void check() {
    size_t replies = 0;
    for (const support::Packet& packet : harness_.take_replies()) {
      require(packet.magic == 0x81);
      if (packet.opcode != support::op::kStat || packet.key.empty()) ++replies;
    }
    const std::string rest = harness_.take_received();
    require(rest.empty() || (replies == 0 && rest.ends_with("\r\n")));
    // One may be to a frame that was no request.
    require(replies <= harness_.context().figures.requests.get() + 1);
    require(harness_.unsent() == 0);
    const auto tenants = {&harness_.tenant(0), &harness_.tenant(1)};
    harness_.destroy_session();
    for (const tenant::Tenant* tenant : tenants) require(tenant->connections() == 0);
  }

  support::SessionHarness harness_{{.limits = {.item_size = 500, .pipeline = 4, .connection_buffer = 3000}}};
  std::string_view left_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size < 2U + data[1]) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Play play(input.substr(2U + data[1]));
  if ((data[0] & 1) != 0) play.sign_in((data[0] & 2) != 0);
  for (const char step : input.substr(2, data[1])) play.act(static_cast<uint8_t>(step));
  play.finish();
  return 0;
}
