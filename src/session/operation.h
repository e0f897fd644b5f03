#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/block.h"
#include "base/free_list.h"
#include "protocol/binary_decoder.h"
#include "protocol/message.h"
#include "tenant/tenant.h"
#include "upstream/pool.h"

namespace mctenant::session {

class ClientSession;

// One command of a client, from its arrival until its reply has its place in the client's output.
//
//   waiting ─► (probing ─► growing ─►)* answered
//
// Waits in two queues at once, both intrusive: the session's, which is the order of replies, and its server
// connection's. If the session goes first, the operation is nobody's and drops itself when its reply comes.
class Operation final : public upstream::Call {
 public:
  enum class Step : uint8_t {
    single,        // one request, one reply
    probing,       // append, prepend: asking for size and CAS
    growing,       // … and storing on condition of that CAS
    dropping_old,  // a store that is too large: removing what it would have replaced
  };

  static Operation* make(ClientSession& session, const protocol::BinaryRequest& request) {
    return base::FreeList<Operation>::make(session, request);
  }
  void drop() { base::FreeList<Operation>::drop(this); }

  Operation(ClientSession& owner, const protocol::BinaryRequest& request)
      : session(&owner), row(request.row), opaque(request.opaque), cas(request.request.cas) {}

  void on_reply(const protocol::Reply& reply) override;

  // The client's key, kept for the commands whose reply has it.
  void keep_key(std::string_view key) { key_.assign(key); }
  [[nodiscard]] std::string_view key() const { return key_.view(); }
  // The server's key, kept while several requests are made of it.
  void keep_server_key(std::string_view key) { server_key_.assign(key); }
  [[nodiscard]] std::string_view server_key() const { return server_key_.view(); }

  // A reply that came before its turn: its value is copied, or shared where it has an owner.
  void keep_reply(const protocol::Reply& reply);
  [[nodiscard]] const protocol::Reply& reply() const { return reply_; }

  ClientSession* session;  // null: the client has gone
  Operation* next = nullptr;
  const protocol::BinaryCommand* row;
  tenant::Counters* counters = nullptr;  // of the tenant that asked; null before sign-in
  uint32_t opaque;
  Step step = Step::single;
  bool answered = false;
  uint8_t attempts = 0;
  uint32_t client_key_size = 0;
  uint64_t cas;  // the client's
  size_t request_bytes = 0;
  upstream::Server* server = nullptr;
  base::Slice value;  // of append and prepend

 private:
  // Most keys are short and stay inside the operation.
  class Key {
   public:
    void assign(std::string_view key) {
      size_ = static_cast<uint32_t>(key.size());
      if (key.size() > inline_.size()) block_ = base::BlockRef(base::Block::take(key.size()));
      std::memcpy(key.size() > inline_.size() ? block_->data() : inline_.data(), key.data(), key.size());
    }
    [[nodiscard]] std::string_view view() const {
      return {size_ > inline_.size() ? block_->data() : inline_.data(), size_};
    }

   private:
    uint32_t size_ = 0;
    base::BlockRef block_;
    std::array<char, 96> inline_;
  };

  Key key_;
  Key server_key_;
  protocol::Reply reply_;
};

}  // namespace mctenant::session
