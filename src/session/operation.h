#pragma once

#include <cstdint>
#include <string_view>

#include "base/block.h"
#include "base/free_list.h"
#include "protocol/client_request.h"
#include "protocol/message.h"
#include "protocol/text_encoder.h"
#include "session/accounting.h"
#include "session/tracked_key.h"
#include "tenant/tenant.h"
#include "upstream/pool.h"

namespace mctenant::session {

class ClientSession;

// One command of a client, from its arrival until its reply has its place in the client's output.
//
//   waiting ─► (comparing ─►)? (probing ─► growing ─►)* answered
//
// Waits in two queues at once, both intrusive: the session's, which is the order of replies, and its server
// connection's. If the session goes first, the operation is nobody's: when its reply comes it tells the
// ledger, as ever, and drops itself.
class Operation final : public upstream::Call {
 public:
  enum class Step : uint8_t {
    single,        // one request, one reply
    comparing,     // append, prepend with a CAS: asking for that alone, as a stale item is won by asking for
                   // more
    probing,       // append, prepend: asking for size and CAS
    growing,       // … and storing on condition of that CAS
    dropping_old,  // a store that is too large: removing what it would have replaced
  };

  static Operation* make(ClientSession& session, Accounting& accounting,
                         const protocol::ClientRequest& request) {
    return base::FreeList<Operation>::make(session, accounting, request);
  }
  void drop() { base::FreeList<Operation>::drop(this); }

  Operation(ClientSession& owner, Accounting& its_accounting, const protocol::ClientRequest& request)
      : session(&owner),
        accounting(&its_accounting),
        row(request.row),
        opaque(request.opaque),
        place{request.alone, request.last},
        create(request.request.create),
        invalidate(request.request.invalidate),
        tells_expiry(request.request.tells_expiry),
        unsettled(request.request.unsettled),
        cas(request.request.cas),
        initial(request.request.initial),
        expiry(request.request.expiry),
        stored_flags(request.request.flags) {
    if (request.meta != nullptr) {
      wanted = *request.meta;
    } else {
      wanted.clear();
    }
  }

  void on_reply_near() override { key.ledger->expect_now(key.hash); }
  void on_reply(const protocol::Reply& reply) override;

  // For the commands whose reply has the client's key: kept only if it is not the end of the server's.
  void return_key(std::string_view client_key) {
    if (key.tail() != client_key) {
      client_key_.assign(client_key);
    } else {
      client_key_is_tail_ = true;
    }
  }
  [[nodiscard]] std::string_view returned_key() const {
    return client_key_is_tail_ ? key.tail() : client_key_.view();
  }

  // A reply that came before its turn: its value is copied, or shared where it has an owner.
  void keep_reply(const protocol::Reply& reply);
  [[nodiscard]] const protocol::Reply& reply() const { return reply_; }

  ClientSession* session;  // null: the client has gone
  Accounting* accounting;
  Operation* next = nullptr;
  const protocol::CommandRow* row;
  tenant::Shard* shard = nullptr;  // of the tenant that asked; null before sign-in
  uint32_t opaque;                 // binary
  protocol::KeyPlace place;        // text
  protocol::MetaReturn wanted;     // meta
  Step step = Step::single;
  bool answered = false;
  bool made = false;  // a number that was made, not counted
  uint8_t attempts = 0;
  // As in the request.
  bool create;
  bool invalidate;
  bool tells_expiry;
  bool unsettled;
  bool wins_nothing = false;  // a right to make a stale item anew is given back, and not told
  uint32_t client_key_size = 0;
  uint64_t cas;  // the client's
  uint64_t initial;
  int64_t expiry;
  size_t request_bytes = 0;
  TrackedKey key;
  base::Slice value;  // of append and prepend
  // Of the item that the request under way would store: its value's size, and the CAS that it grew from.
  uint64_t stored_value = 0;
  uint32_t stored_flags;
  uint64_t grown_from = 0;
  uint64_t reserved = 0;  // in the ledger

 private:
  [[nodiscard]] bool makes_number(const protocol::Reply& reply) const;
  void tell_more(const protocol::Reply& reply, int64_t now);
  void give_back(const protocol::Reply& reply);

  KeptKey client_key_;
  bool client_key_is_tail_ = false;
  protocol::Reply reply_;
};

}  // namespace mctenant::session
