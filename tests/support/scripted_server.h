#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/block.h"
#include "base/units.h"
#include "protocol/message.h"
#include "protocol/meta_flags.h"
#include "quota/item_limit.h"
#include "upstream/pool.h"

// Servers without sockets, for a session without one.
namespace mctenant::support {

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

}  // namespace mctenant::support
