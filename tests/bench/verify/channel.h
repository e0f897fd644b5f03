#pragma once

#include <cstdint>
#include <string>

#include "client/frame.h"
#include "client/random.h"
#include "client/socket.h"
#include "verify/expectation.h"

namespace mctenant::bench {

// One connection that writes in pieces cut at random points, reads pieces of random size, and now and then
// does not read for a while: frames must survive any cutting.
class Channel {
 public:
  Channel(Poller& poller, void* owner, uint64_t seed) : poller_(poller), owner_(owner), random_(seed) {}
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  base::Expected<void> connect(const Address& address);
  void send(const RequestFrame& frame) { append_frame(out_, frame); }
  // Writes what the socket takes, or less of it.
  void flush();

  // Reads once and calls `each(reply)` for every whole frame. False when the connection is over; why() tells.
  template <class Each>
  bool receive(Each&& each) {
    const bool open = read_once();
    size_t size = 0;
    while (usable_ && (size = frame_size()) > 0) {
      each(front(size));
      at_ += size;
    }
    compact();
    return open && usable_;
  }

  // Goes on reading after a pause. To be called every few milliseconds.
  void wake(uint64_t now);
  const std::string& why() const { return why_; }
  bool has_partial_reply() const { return at_ < in_.size(); }
  size_t unsent() const { return out_.size() - out_at_; }

 private:
  size_t piece(size_t there);
  bool read_once();
  // Of the whole frame that the buffer begins with; 0 if there is none.
  size_t frame_size();
  Reply front(size_t size) const;
  void compact();
  void watch();

  Poller& poller_;
  void* owner_;
  Random random_;
  int fd_ = -1;
  std::string out_;
  size_t out_at_ = 0;
  std::string in_;
  size_t at_ = 0;
  bool usable_ = true;
  uint64_t paused_until_ = 0;
  uint32_t watched_ = 0;
  std::string why_;
};

}  // namespace mctenant::bench
