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
  }
  Call& pop() {
    Call& call = *head_;
    head_ = call.next_;
    if (head_ == nullptr) tail_ = nullptr;
    return call;
  }

  // What the first call asked, and when.
  [[nodiscard]] protocol::Command front_command() const { return head_->command_; }
  [[nodiscard]] base::TimePoint front_sent() const { return head_->sent_; }

 private:
  Call* head_ = nullptr;
  Call* tail_ = nullptr;
};

}  // namespace mctenant::upstream
