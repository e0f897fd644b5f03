#include "session/accounting.h"

#include <cstring>
#include <utility>

#include "base/free_list.h"
#include "quota/item_limit.h"

namespace mctenant::session {

using protocol::Command;
using protocol::Status;
using Kind = quota::Event::Kind;

// A question about one key. Drops itself with its last answer.
//
//   asking ──────────────────────────────────────────► answered
//     └─► returning ─► describing ──────────────────────▲
//
// Whoever is the first to read a stale item wins the right to make it anew, and the others are told that it
// is taken. That is for clients. So where clients mark items stale it is asked by `me`, which wins nothing,
// but tells no flags either. Where they did so before this process began, a question that has won gives it
// back: the item is marked stale once more, which gives it another CAS, and that is asked for by `me`.
class Accounting::Probe final : public upstream::Call {
 public:
  Probe(Accounting& accounting, const TrackedKey& key) : accounting_(accounting), key_(key) {}

  void ask() {
    protocol::Request question;
    question.command = Command::probe;
    send(Step::asking, question);
  }
  void describe() {
    protocol::Request question;
    question.command = Command::describe;
    send(Step::describing, question);
  }

  void give_back(uint64_t cas) {
    protocol::Request request;
    request.command = Command::remove;
    request.invalidate = true;
    request.cas = cas;
    send(Step::returning, request);
  }

  // Without an answer the connection is lost, and what it leaves in doubt is crawled.
  void on_reply(const protocol::Reply& reply) override {
    const bool ready = key_.server->ready();
    if (reply.status == Status::not_found) {
      quota::Event event;
      event.kind = Kind::removed;  // not only missed: a store whose reply is late is before that
      accounting_.tell(key_, event);
    } else if (reply.status == Status::ok && step_ == Step::returning) {
      if (ready) return describe();
    } else if (reply.status == Status::ok) {
      tell(reply);
      if (reply.won && ready) return give_back(reply.cas);
    }
    base::FreeList<Probe>::drop(this);
  }

 private:
  enum class Step : uint8_t { asking, returning, describing };

  void send(Step step, const protocol::Request& request) {
    step_ = step;
    accounting_.ask(key_);
    accounting_.figures_.probes.add();
    key_.server->send(request, key_.server_key.view(), *this);
  }
  void tell(const protocol::Reply& reply) {
    quota::Event event;
    event.kind = Kind::inspected;
    event.cas = reply.cas;
    if (step_ == Step::describing) {
      event.size = static_cast<uint32_t>(reply.number);  // of the whole item; of flags nothing is told
    } else {
      event.size =
          static_cast<uint32_t>(quota::item_bytes(key_.server_key.view().size(), reply.number, reply.flags));
      event.flags = reply.flags != 0 ? quota::Event::ClientFlags::some : quota::Event::ClientFlags::none;
    }
    event.expiry = reply.expiry < 0 ? 0 : static_cast<uint32_t>(accounting_.now() + reply.expiry);
    accounting_.tell(key_, event);
  }

  Accounting& accounting_;
  TrackedKey key_;
  Step step_ = Step::asking;
};

// The delete of one victim. Drops itself with its answer.
class Accounting::Eviction final : public upstream::Call {
 public:
  Eviction(Accounting& accounting, const Account& account) : accounting_(accounting), account_(account) {}

  // Chooses the victim. False if there is none, or it can't be deleted now.
  [[nodiscard]] bool choose() {
    quota::Ledger& ledger = *account_.ledger;
    if (!ledger.choose_victim(victim_)) return false;
    const std::string_view prefix = account_.tenant->prefix(*account_.shard);
    char server_key[tenant::kMaxServerKey];
    std::memcpy(server_key, prefix.data(), prefix.size());
    std::memcpy(server_key + prefix.size(), victim_.key_bytes.data(), victim_.key_size);
    accounting_.track(account_, victim_.generation, {server_key, prefix.size() + victim_.key_size},
                      prefix.size(), key_);
    if (account_.shard->generation == victim_.generation && key_.server->ready()) return true;
    ledger.put_back(victim_);
    return false;
  }

  [[nodiscard]] bool is(const TrackedKey& key) const {
    return victim_.hash == key.hash && victim_.key() == key.tail();
  }
  // Nothing was sent: the victim stays.
  void give_up() {
    account_.ledger->put_back(victim_);
    base::FreeList<Eviction>::drop(this);
  }

  void send() {
    key_.sent = victim_.sent;
    key_.ledger->expect(key_.hash);
    accounting_.figures_.evictions.add();
    protocol::Request removal;
    removal.command = Command::remove;
    removal.cas = victim_.cas;
    key_.server->send(removal, key_.server_key.view(), *this);
  }

  void on_reply_near() override { key_.ledger->expect_now(key_.hash); }
  void on_reply(const protocol::Reply& reply) override {
    quota::Event event;
    event.cas = victim_.cas;
    switch (reply.status) {
      case Status::ok:
        account_.shard->counters.evictions.add();
        event.kind = Kind::removed_version;
        accounting_.tell(key_, event);  // gone, or stored anew: no victim any more
        return base::FreeList<Eviction>::drop(this);
      case Status::not_found:
        event.kind = Kind::removed;
        accounting_.tell(key_, event);
        break;
      default:
        break;
    }
    account_.ledger->put_back(victim_);  // if it is still there
    base::FreeList<Eviction>::drop(this);
  }

 private:
  Accounting& accounting_;
  Account account_;
  quota::Victim victim_;
  TrackedKey key_;
};

void Accounting::track(const Account& account, tenant::Generation generation, std::string_view server_key,
                       size_t prefix_size, TrackedKey& key) const {
  key.ledger = account.ledger;
  key.server = &account.pool->place(server_key);
  key.generation = generation;
  key.prefix_size = static_cast<uint32_t>(prefix_size);
  key.hash = account.ledger->hash(server_key.substr(prefix_size));
  key.server_key.assign(server_key);
}

void Accounting::tell(const TrackedKey& key, quota::Event event) {
  event.observer = observer_;
  event.crawl = key.server->crawl();
  event.source = key.server->incarnation();
  event.sent = key.sent;
  event.hash = key.hash;
  event.key = key.tail();
  event.generation = key.generation;
  event.listing = key.server->crawling();
  if (key.ledger->apply(event)) probe(key);
}

void Accounting::probe(const TrackedKey& key) {
  if (key.ledger->marks_stale()) return describe(key);
  if (key.server->ready()) base::FreeList<Probe>::make(*this, key)->ask();
}

void Accounting::describe(const TrackedKey& key) {
  if (key.server->ready()) base::FreeList<Probe>::make(*this, key)->describe();
}

void Accounting::give_back(const TrackedKey& key, uint64_t cas) {
  if (key.server->ready()) base::FreeList<Probe>::make(*this, key)->give_back(cas);
}

uint32_t Accounting::make_room(const Account& account, const TrackedKey& spared, uint32_t most) {
  uint32_t evicted = 0;
  while (evicted < most && account.ledger->over() && evict(account, &spared)) ++evicted;
  return evicted;
}

bool Accounting::evict(const Account& account, const TrackedKey* spared) {
  auto* eviction = base::FreeList<Eviction>::make(*this, account);
  Eviction* kept = nullptr;  // counts as leaving until another is found, so that it is not chosen again
  bool found = false;
  // Other servers' items may be deleted when the first one's can't.
  for (int attempt = 0; attempt < 4; ++attempt) {
    if (!eviction->choose()) continue;
    found = spared == nullptr || !eviction->is(*spared);
    if (found) break;
    if (kept != nullptr) kept->give_up();  // another observer has put it back
    kept = std::exchange(eviction, base::FreeList<Eviction>::make(*this, account));
  }
  if (kept != nullptr) kept->give_up();
  if (found) {
    eviction->send();
  } else {
    base::FreeList<Eviction>::drop(eviction);
  }
  return found;
}

}  // namespace mctenant::session
