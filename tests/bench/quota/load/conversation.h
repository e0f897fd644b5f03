#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "client/credentials.h"
#include "client/frame.h"
#include "client/socket.h"

namespace mctenant::bench {

// One whole reply; the views are valid inside the call that hands it over.
struct WholeReply {
  ReplyHeader header;
  std::string_view extras;
  std::string_view key;
  std::string_view value;
};

// One connection of one thread: signed in, pipelined, waiting with poll.
//
// Requests carry their number as opaque, rising by one. A reply to number n says that all before it are done,
// those of them that are quiet too.
class Conversation {
 public:
  // Appends one request with this opaque; false if there is none to come.
  using Next = std::function<bool(std::string& out, uint32_t opaque)>;
  using OnReply = std::function<void(const WholeReply& reply)>;

  Conversation(const Address& address, const User& user) : address_(address), user_(user) {}
  ~Conversation() { disconnect(); }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // Connects anew and signs in; waits for both. The numbers go on where they stood.
  base::Expected<void> connect();
  void disconnect();

  // Keeps `depth` requests under way until `next` has no more and the last is answered. No two quiet ones may
  // follow each other, and `depth` is above 1 if there are any. Fails when the connection is lost or silent
  // for too long: under_way() then tells how many requests were not answered.
  base::Expected<void> run(uint32_t depth, const Next& next, const OnReply& on_reply);
  [[nodiscard]] uint32_t under_way() const { return sent_ - done_; }

  // Nanoseconds: the longest that requests under way saw no byte come, since the conversation began.
  [[nodiscard]] uint64_t longest_silence() const { return longest_silence_; }

 private:
  base::Expected<void> sign_in();
  void ask(uint32_t depth, const Next& next);
  base::Expected<void> wait();
  base::Expected<void> send_some();
  base::Expected<void> receive(const OnReply& on_reply);
  base::Expected<size_t> take_reply(const OnReply& on_reply);

  const Address address_;
  const User user_;
  int fd_ = -1;
  uint32_t sent_ = 0;
  uint32_t done_ = 0;
  bool more_ = true;
  bool closing_noop_ = false;
  std::string out_;
  size_t out_at_ = 0;
  std::string in_;
  size_t in_at_ = 0;
  uint64_t heard_at_ = 0;
  uint64_t longest_silence_ = 0;
};

}  // namespace mctenant::bench
