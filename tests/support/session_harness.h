#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/authenticator.h"
#include "auth/password_checker.h"
#include "base/clock.h"
#include "base/input_buffer.h"
#include "base/output_queue.h"
#include "protocol/meta_flags.h"
#include "quota/books.h"
#include "quota/item_limit.h"
#include "session/accounting.h"
#include "session/client_session.h"
#include "session/context.h"
#include "session/transport.h"
#include "support/binary_packet.h"
#include "tenant/directory.h"
#include "tenant/generation_log.h"
#include "upstream/pool.h"

// A client session without sockets: bytes in, bytes out, servers and disk that answer when they are told to.
// Header-only, so that only those who use it need the rooms that it joins.
namespace mctenant::support {

// A worker's loop that a test turns by hand.
class ManualExecutor final : public base::Executor {
 public:
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    posted_.notify_all();
  }
  // Waits for a task and runs it.
  void run_one() {
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [this] { return !tasks_.empty(); });
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }
  [[nodiscard]] bool idle() const {
    const std::lock_guard lock(mutex_);
    return tasks_.empty();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;
};

// A server whose replies come when the test says so: as it writes them, or as a real one would give them.
class ScriptedServer final : public upstream::Server {
 public:
  struct Sent {
    protocol::Request request;  // without key and value, which are below
    std::string key;
    std::string value;
    std::string meta_flags;
    upstream::Call* call;
  };
  struct Item {
    std::string value;
    uint32_t flags = 0;
    uint64_t cas = 0;
  };

  [[nodiscard]] bool ready() const override { return up_; }
  [[nodiscard]] uint64_t item_size_max() const override { return item_size_max_; }
  [[nodiscard]] uint16_t incarnation() const override { return incarnation_; }
  [[nodiscard]] uint8_t crawl() const override { return crawl_; }
  [[nodiscard]] bool crawling() const override { return crawling_; }
  void send(const protocol::Request& request, std::string_view server_key, upstream::Call& call) override {
    Sent sent{request, std::string(server_key), {}, std::string(request.meta_flags), &call};
    if (keep_contents_)
      sent.value.assign(request.value.data == nullptr ? "" : request.value.data, request.value.size);
    if (keep_slices_) slices_.push_back(request.value);
    sent.request.value = {};
    sent.request.key = {};
    sent.request.meta_flags = {};
    waiting_.push_back(std::move(sent));
    ++requests_;
  }

  // The requests without a reply, oldest first.
  [[nodiscard]] const std::deque<Sent>& waiting() const { return waiting_; }
  [[nodiscard]] size_t requests() const { return requests_; }
  [[nodiscard]] std::map<std::string, Item>& items() { return items_; }

  // Replies to the oldest request.
  void reply(const protocol::Reply& reply) {
    upstream::Call* call = waiting_.front().call;
    waiting_.pop_front();
    call->on_reply(reply);
  }
  void reply(protocol::Status status, std::string_view value = "", uint64_t cas = 0) {
    protocol::Reply made;
    made.status = status;
    made.value = {{}, value.data(), value.size()};
    made.cas = cas;
    reply(made);
  }
  // … as memcached would.
  void answer() {
    std::string value;
    protocol::Reply made = carry_out(waiting_.front(), value);
    made.value = {{}, value.data(), value.size()};
    if (value.size() >= size_t{16} * 1024) {  // as a server connection does, by reference
      const base::BlockRef block(base::Block::take(value.size()));
      std::memcpy(block->data(), value.data(), value.size());
      made.value = {block, block->data(), value.size()};
    }
    reply(made);
  }
  void go_down() {
    up_ = false;
    std::deque<Sent> lost;
    lost.swap(waiting_);
    for (const Sent& sent : lost) sent.call->on_reply({});
  }
  void set_up(bool up) { up_ = up; }
  void set_item_size_max(uint64_t bytes) { item_size_max_ = bytes; }
  void set_incarnation(uint16_t number) { incarnation_ = number; }
  void set_crawl(uint8_t number) { crawl_ = number; }
  void set_crawling(bool crawling) { crawling_ = crawling; }
  // Values are copied for the test to look at, unless it counts allocations.
  void keep_contents(bool keep) { keep_contents_ = keep; }
  // Holds on to what was sent, as a connection that can't write does.
  void keep_slices(bool keep) { keep_slices_ = keep; }
  [[nodiscard]] const std::vector<base::Slice>& slices() const { return slices_; }

 private:
  protocol::Reply carry_out(const Sent& sent, std::string& value) {
    using protocol::Command;
    using protocol::Status;
    protocol::Reply made;
    const auto found = items_.find(sent.key);
    const bool present = found != items_.end();
    const auto says = [&](Status status) {
      made.status = status;
      return made;
    };
    const auto stores = [&](std::string bytes) {
      Item& item = items_[sent.key];
      item.value = std::move(bytes);
      item.cas = made.cas = ++last_cas_;
      return says(Status::ok);
    };
    const protocol::Request& request = sent.request;
    switch (request.command) {
      case Command::get:
      case Command::get_and_touch:
      case Command::touch:
      case Command::probe:
      case Command::meta_get:
      case Command::meta_get_and_touch:
      case Command::describe:
        if (!present && request.create) {
          made.won = true;
          stores("");
          return made;
        }
        if (!present) return says(Status::not_found);
        made.flags = found->second.flags;
        made.cas = found->second.cas;
        made.number = found->second.value.size();
        if (request.command == Command::describe) {
          value = "exp=-1 la=0";
          made.number = quota::item_bytes(sent.key.size(), made.number, made.flags);
        } else if (request.command == Command::get || request.command == Command::get_and_touch ||
                   (request.meta_seen & protocol::meta_bit('v')) != 0) {
          value = found->second.value;
        }
        return says(Status::ok);
      case Command::remove:
        if (!present) return says(Status::not_found);
        if (request.cas != 0 && request.cas != found->second.cas) return says(Status::exists);
        if (request.invalidate) {
          found->second.cas = ++last_cas_;
        } else {
          items_.erase(found);
        }
        return says(Status::ok);
      case Command::add:
        if (present) return says(Status::exists);
        break;
      case Command::replace:
        if (!present) return says(Status::not_found);
        break;
      case Command::append:
      case Command::prepend:
        if (!present) return says(Status::not_stored);
        break;
      case Command::increment:
      case Command::decrement:
        return count(sent, found, made);
      default:
        break;
    }
    if (request.cas != 0 && !present) return says(Status::not_found);
    if (request.cas != 0 && request.cas != found->second.cas &&
        !(request.invalidate && request.cas < found->second.cas)) {
      return says(Status::exists);
    }
    if (request.command == Command::append) return stores(found->second.value + sent.value);
    if (request.command == Command::prepend) return stores(sent.value + found->second.value);
    items_[sent.key].flags = request.flags;
    return stores(sent.value);
  }

  protocol::Reply count(const Sent& sent, std::map<std::string, Item>::iterator found, protocol::Reply made) {
    const protocol::Request& request = sent.request;
    if (found == items_.end()) {
      made.status = request.create ? protocol::Status::ok : protocol::Status::not_found;
      if (!request.create) return made;
      made.number = request.initial;
    } else {
      uint64_t number = 0;
      for (const char digit : found->second.value) {
        if (digit < '0' || digit > '9') {
          made.status = protocol::Status::non_numeric;
          return made;
        }
        number = number * 10 + static_cast<uint64_t>(digit - '0');
      }
      const bool up = request.command == protocol::Command::increment;
      made.number = up ? number + request.delta : number - std::min(number, request.delta);
      made.status = protocol::Status::ok;
    }
    Item& item = items_[sent.key];
    item.value = std::to_string(made.number);
    item.cas = made.cas = ++last_cas_;
    return made;
  }

  bool up_ = true;
  bool keep_contents_ = true;
  bool keep_slices_ = false;
  uint64_t item_size_max_ = 2 * base::kMiB;
  uint16_t incarnation_ = 1;
  uint8_t crawl_ = 0;
  bool crawling_ = false;
  uint64_t last_cas_ = 0;
  size_t requests_ = 0;
  std::deque<Sent> waiting_;
  std::map<std::string, Item> items_;
  std::vector<base::Slice> slices_;
};

// The last byte of a key says which server has it: keys that end with '0', '1' … are spread by hand.
class ScriptedPool final : public upstream::Pool {
 public:
  explicit ScriptedPool(size_t servers) : servers_(servers) {}
  [[nodiscard]] upstream::Server& place(std::string_view server_key) override {
    return servers_[static_cast<unsigned char>(server_key.back()) % servers_.size()];
  }
  [[nodiscard]] bool can_serve() const override {
    return std::any_of(servers_.begin(), servers_.end(), [](const auto& server) { return server.ready(); });
  }
  [[nodiscard]] std::vector<ScriptedServer>& servers() { return servers_; }

 private:
  std::vector<ScriptedServer> servers_;
};

// A disk that has written when the test says so.
class ScriptedGenerationLog final : public tenant::GenerationLog {
 public:
  void advance(std::shared_ptr<tenant::Tenant> tenant, base::Executor& reply_to, Done done) override {
    waiting_.push_back({std::move(tenant), 0, &reply_to, std::move(done)});
  }
  void schedule(std::shared_ptr<tenant::Tenant> tenant, int64_t at, base::Executor& reply_to,
                Done done) override {
    waiting_.push_back({std::move(tenant), at, &reply_to, std::move(done)});
  }
  [[nodiscard]] size_t waiting() const { return waiting_.size(); }
  // When the first that waits is to happen, in Unix seconds; 0: now.
  [[nodiscard]] int64_t at() const { return waiting_.front().at; }
  void finish(bool written) {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    base::Expected<tenant::Generation> result = base::fail("the disk is full");
    if (written) {
      if (first.at == 0) first.tenant->set_generation(first.tenant->generation() + 1);
      result = first.tenant->generation();
    }
    first.reply_to->post([done = std::move(first.done), result] { done(result); });
  }

 private:
  struct Waiting {
    std::shared_ptr<tenant::Tenant> tenant;
    int64_t at;  // 0: now
    base::Executor* reply_to;
    Done done;
  };
  std::deque<Waiting> waiting_;
};

// Two tenants that every harness knows: verifiers are costly, so they are made once a process.
struct HarnessUsers {
  struct User {
    std::string name;
    std::string password;
    auth::Verifier verifier;
  };

  HarnessUsers() {
    if (const auto ready = auth::Authenticator::initialize(); !ready)
      throw std::runtime_error(ready.error().message);
    for (const char* name : {"acme", "other"}) {
      const std::string password = std::string("secret of ") + name;
      users.push_back({name, password, auth::make_verifier(password)});
    }
  }
  static HarnessUsers& instance() {
    static HarnessUsers users;
    return users;
  }

  std::vector<User> users;
  auth::PasswordChecker passwords{{}};
};

class SessionHarness final : private session::Transport {
 public:
  struct Options {
    session::Limits limits = {};
    size_t servers = 3;
    uint32_t max_connections = 0;    // of each tenant
    uint64_t memory = 0;             // of each tenant
    upstream::Pool* pool = nullptr;  // in place of the scripted one
    bool forgetful = false;          // no password is remembered from another harness: its check takes a turn
  };

  SessionHarness() : SessionHarness(Options{}) {}
  explicit SessionHarness(const Options& options)
      : context_(options),
        session_(new session::ClientSession(context_, *this)) {}  // not make_unique: the base is private
  ~SessionHarness() override {
    session_.reset();
    wait_for_password_checks();
    // Whatever is still under way gets its reply, which nobody must receive.
    for (ScriptedServer& server : context_.servers.servers()) server.go_down();
  }
  SessionHarness(const SessionHarness&) = delete;
  SessionHarness& operator=(const SessionHarness&) = delete;

  // The client sends.
  void send(std::string_view bytes) {
    backlog_ += bytes;
    turn();
  }
  void send(const Packet& packet) { send(packet.bytes()); }
  void send(const std::vector<Packet>& packets) { send(join(packets)); }
  void end_input() {
    session_->on_input_end();
    turn();
  }

  // All that the client has got since the last call.
  [[nodiscard]] std::string take_received() { return std::exchange(received_, {}); }
  [[nodiscard]] std::vector<Packet> take_replies() {
    std::vector<Packet> packets;
    std::string_view left = received_;
    size_t size = 0;
    while (auto packet = parse_packet(left, size)) {
      packets.push_back(std::move(*packet));
      left.remove_prefix(size);
    }
    received_.erase(0, received_.size() - left.size());
    return packets;
  }
  // Status of the only reply; 0xffff if there is not exactly one.
  [[nodiscard]] uint16_t take_status() {
    const auto replies = take_replies();
    return replies.size() == 1 ? replies[0].status : uint16_t{0xffff};
  }

  // Signs in as a text client does, and drops the reply, which must be that it did.
  bool sign_in_text(size_t user = 0) {
    const auto& who = HarnessUsers::instance().users[user];
    const std::string proof = who.name + " " + who.password;
    send("set any 0 0 " + std::to_string(proof.size()) + "\r\n" + proof + "\r\n");
    while (received_.empty() && !finished_) run_one();
    return take_received() == "STORED\r\n";
  }

  // Signs in and drops the reply; its status.
  uint16_t sign_in(size_t user = 0) {
    const auto& who = HarnessUsers::instance().users[user];
    send(plain(who.name, who.password));
    while (received_.empty() && !finished_) run_one();
    return take_status();
  }

  [[nodiscard]] ScriptedServer& server(size_t number) { return context_.servers.servers()[number]; }
  [[nodiscard]] ScriptedPool& pool() { return context_.servers; }
  void reply(size_t server_number, protocol::Status status, std::string_view value = "", uint64_t cas = 0) {
    server(server_number).reply(status, value, cas);
    turn();
  }
  void reply(size_t server_number, const protocol::Reply& reply) {
    server(server_number).reply(reply);
    turn();
  }
  // Every server answers as memcached would, until nothing waits.
  void answer_all() {
    for (bool answered = true; answered;) {
      answered = false;
      for (ScriptedServer& one : context_.servers.servers()) {
        while (!one.waiting().empty()) {
          one.answer();
          turn();
          answered = true;
        }
      }
    }
  }
  [[nodiscard]] size_t waiting() {
    size_t sum = 0;
    for (const ScriptedServer& one : context_.servers.servers()) sum += one.waiting().size();
    return sum;
  }

  ScriptedGenerationLog& generations() { return context_.disk; }
  // Waits for what was posted to the worker, and does it.
  void run_one() {
    context_.loop.run_one();
    turn();
  }
  [[nodiscard]] bool idle() const { return context_.loop.idle(); }

  session::ClientSession& session() { return *session_; }
  session::Context& context() { return context_; }
  base::ManualClock& clock() { return context_.time; }
  [[nodiscard]] quota::Ledger& ledger(size_t user = 0) { return *context_.books.find(tenant(user).id()); }
  [[nodiscard]] tenant::Tenant& tenant(size_t user = 0) { return *context_.tenants->entries()[user].tenant; }
  // The configuration was reloaded.
  void set_directory(std::vector<tenant::Entry> entries) {
    context_.tenants = std::make_shared<const tenant::Directory>(std::move(entries));
    for (const tenant::Entry& entry : context_.tenants->entries()) {
      context_.books.open(entry.tenant->id(), 0).set_quota(entry.plan.memory);
    }
    session_->on_directory_changed();
    turn();
  }
  void destroy_session() { session_.reset(); }

  // A client that doesn't read leaves the replies where they are.
  void set_client_reads(bool reads) {
    client_reads_ = reads;
    turn();
  }
  [[nodiscard]] bool reading() const { return reading_; }
  [[nodiscard]] size_t unsent() const { return output_.size(); }
  [[nodiscard]] size_t unread() const { return backlog_.size() + in_.view().size(); }
  [[nodiscard]] size_t pauses() const { return pauses_; }
  [[nodiscard]] std::optional<session::CloseReason> finished() const { return finished_; }
  [[nodiscard]] bool has_deadline() const { return has_deadline_; }
  // The bytes of replies are counted, not kept.
  void set_keep_received(bool keep) { keep_received_ = keep; }
  [[nodiscard]] size_t received_bytes() const { return received_bytes_; }

  // What a stream does until nothing more happens.
  void turn() {
    for (bool again = true; again;) {
      again = false;
      if (std::exchange(redeliver_, false) && reading_ && !finished_) {
        in_.commit(0, [this] { drain(); });
        again = true;
      }
      if (reading_ && !finished_ && session_ && !backlog_.empty()) {
        read();
        again = true;
      }
      if (client_reads_ && !output_.empty()) {
        write();
        again = true;
      }
      if (session_ && !finished_ && output_.size() < notify_below_) {
        notify_below_ = 0;
        session_->on_output_drained();
        again = true;
      }
    }
  }

 private:
  struct TestContext final : session::Context, auth::CredentialSource {
    explicit TestContext(const Options& options)
        : servers(options.servers),
          in_place(options.pool),
          own_passwords(options.forgetful
                            ? std::make_unique<auth::PasswordChecker>(auth::PasswordCheckerOptions{})
                            : nullptr),
          tenants(std::make_shared<const tenant::Directory>(entries(options))),
          sign_ins(*this, own_passwords ? *own_passwords : HarnessUsers::instance().passwords, loop) {
      limits = options.limits;
      authenticator = &sign_ins;
      generations = &disk;
      executor = &loop;
      clock = &time;
      accounting = &account_keeper;
      started = time.now();
      for (const tenant::Entry& entry : tenants->entries()) {
        books.open(entry.tenant->id(), static_cast<uint32_t>(account_keeper.now())).set_quota(options.memory);
      }
    }
    static std::vector<tenant::Entry> entries(const Options& options) {
      std::vector<tenant::Entry> made;
      for (const HarnessUsers::User& user : HarnessUsers::instance().users) {
        tenant::Entry entry;
        entry.tenant = std::make_shared<tenant::Tenant>(
            user.name, static_cast<tenant::TenantId>(made.size() + 1), 1, "test", 1);
        entry.plan.max_connections = options.max_connections;
        entry.credentials.push_back({user.name, user.verifier});
        made.push_back(std::move(entry));
      }
      return made;
    }
    [[nodiscard]] const tenant::Directory& directory() const override { return *tenants; }
    [[nodiscard]] const auth::Verifier* find_verifier(std::string_view username) const override {
      return tenants->find_verifier(username);
    }
    [[nodiscard]] upstream::Pool* pool(std::string_view) override {
      return in_place != nullptr ? in_place : &servers;
    }
    [[nodiscard]] bool any_pool_can_serve() const override { return servers.can_serve(); }

    base::ManualClock time;
    quota::Books books{1, 42};  // the same hashes in each run
    session::Accounting account_keeper{books, 0, time};
    ManualExecutor loop;
    ScriptedGenerationLog disk;
    ScriptedPool servers;
    upstream::Pool* in_place;
    std::unique_ptr<auth::PasswordChecker> own_passwords;
    std::shared_ptr<const tenant::Directory> tenants;
    auth::Authenticator sign_ins;
  };

  static uint64_t password_checks() {
    const auto figures = HarnessUsers::instance().passwords.figures();
    return figures.checks + figures.waiting;
  }
  // The checker outlives this harness, whose loop its answers would come to. Checks are done in turn.
  void wait_for_password_checks() {
    if (password_checks() == password_checks_before_) return;
    bool done = false;
    if (!HarnessUsers::instance().passwords.check("", nullptr, "x", context_.loop,
                                                  [&](bool) { done = true; }))
      return;
    while (!done) context_.loop.run_one();
  }

  void drain() {
    if (reading_ && !finished_) session_->on_input(in_);
  }
  void read() {
    iovec where[2];
    const int count = in_.prepare(where, size_t{2} << 20);
    size_t got = 0;
    for (int i = 0; i < count; ++i) {
      const size_t size = std::min(where[i].iov_len, backlog_.size() - got);
      std::memcpy(where[i].iov_base, backlog_.data() + got, size);
      got += size;
    }
    backlog_.erase(0, got);
    in_.commit(got, [this] { drain(); });
  }
  void write() {
    iovec pieces[64];
    const int count = output_.gather(pieces, 64);
    size_t sent = 0;
    for (int i = 0; i < count; ++i) {
      if (keep_received_) received_.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      sent += pieces[i].iov_len;
    }
    received_bytes_ += sent;
    output_.consume(sent);
  }

  base::OutputQueue& output() override { return output_; }
  void flush() override {}
  void notify_below(size_t bytes) override { notify_below_ = bytes; }
  void pause_reading() override {
    reading_ = false;
    ++pauses_;
  }
  void resume_reading() override {
    reading_ = true;
    redeliver_ = true;
  }
  void on_signed_in() override { has_deadline_ = false; }
  void on_signed_out() override { has_deadline_ = true; }
  void finish(session::CloseReason reason) override { finished_ = reason; }

  const uint64_t password_checks_before_ = password_checks();
  TestContext context_;
  base::InputBuffer in_;
  base::OutputQueue output_;
  std::string backlog_;  // in the kernel
  std::string received_;
  size_t received_bytes_ = 0;
  size_t notify_below_ = 0;
  size_t pauses_ = 0;
  bool reading_ = true;
  bool redeliver_ = false;
  bool client_reads_ = true;
  bool keep_received_ = true;
  bool has_deadline_ = true;
  std::optional<session::CloseReason> finished_;
  std::unique_ptr<session::ClientSession> session_;
};

}  // namespace mctenant::support
