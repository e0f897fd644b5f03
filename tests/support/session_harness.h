#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
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
#include "quota/books.h"
#include "session/accounting.h"
#include "session/client_session.h"
#include "session/context.h"
#include "session/transport.h"
#include "support/binary_packet.h"
#include "support/scripted_server.h"
#include "tenant/directory.h"
#include "tenant/generation_log.h"

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
    auth::Mechanisms offered = auth::kDefaultMechanisms;
    tenant::Capabilities capabilities = tenant::kDefaultCapabilities;
    bool forgetful = false;  // no password is remembered from another harness: its check takes a turn
  };

  SessionHarness() : SessionHarness(Options{}) {}
  explicit SessionHarness(const Options& options)
      : context_(options),
        offered_(options.offered),
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
        entry.credentials.push_back({.username = user.name,
                                     .verifier = user.verifier,
                                     .capabilities = options.capabilities,
                                     .figures = std::make_shared<tenant::CredentialFigures>()});
        made.push_back(std::move(entry));
      }
      return made;
    }
    [[nodiscard]] const tenant::Directory& directory() const override { return *tenants; }
    [[nodiscard]] const auth::Verifier* find_verifier(std::string_view username,
                                                      auth::Hash hash) const override {
      return tenants->find_verifier(username, hash);
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
  [[nodiscard]] auth::Mechanisms offered() const override { return offered_; }
  void on_not_offered(std::string_view) override {}
  void on_signed_in() override { has_deadline_ = false; }
  void on_signed_out() override { has_deadline_ = true; }
  void finish(session::CloseReason reason) override { finished_ = reason; }

  const uint64_t password_checks_before_ = password_checks();
  TestContext context_;
  const auth::Mechanisms offered_;
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
