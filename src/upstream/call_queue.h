#pragma once

#include "upstream/pool.h"

namespace mctenant::upstream {

// The calls of one connection that have no reply yet, first in first out: the n-th reply is the n-th call's.
// Intrusive: queueing costs nothing. Does not own the calls.
class CallQueue {
 public:
  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] Call& front() const { return *head_; }

  void push(Call& call, protocol::Command command, base::TimePoint now) {
    call.command_ = command;
    call.sent_ = now;
    call.next_ = nullptr;
    (tail_ == nullptr ? head_ : tail_->next_) = &call;
    tail_ = &call;
    if (untold_ == nullptr) untold_ = &call;
  }
  Call& pop() {
    Call& call = *head_;
    head_ = call.next_;
    if (head_ == nullptr) tail_ = nullptr;
    if (told_ > 0) {
      --told_;
    } else {
      untold_ = head_;
    }
    return call;
  }

  // Replies are being read: the first calls hear that theirs are near, each once. Some ahead, since they
  // fetch from memory what takes as long as handling that many replies.
  void tell_first() {
    for (; told_ < kAhead && untold_ != nullptr; untold_ = untold_->next_, ++told_) untold_->on_reply_near();
  }

  // What the first call asked, and when.
  [[nodiscard]] protocol::Command front_command() const { return head_->command_; }
  [[nodiscard]] base::TimePoint front_sent() const { return head_->sent_; }

 private:
  static constexpr int kAhead = 4;

  Call* head_ = nullptr;
  Call* tail_ = nullptr;
  Call* untold_ = nullptr;  // the first that has not heard; told_ are before it
  int told_ = 0;
};

}  // namespace mctenant::upstream
