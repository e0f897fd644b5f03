#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "integration/world.h"
#include "support/certificates.h"

namespace mctenant::integration {

// mctenant with further listeners behind the usual one, before real memcached.
struct ListenerWorld {
  // Listeners as JSON objects, in which $ADDRESS stands for a free one, $FILES for the path of `folder`.
  ListenerWorld(const support::TempFolder& folder, const std::string& listeners, MctenantOptions options = {})
      : files(folder),
        address("127.0.0.1:" + std::to_string(support::free_port())),
        options_(std::move(options)),
        world(with(options_, fill(listeners))) {}

  [[nodiscard]] BinaryClient connect(const support::TlsWish& wish = {}) const {
    return BinaryClient(support::Connection(address, wish));
  }
  [[nodiscard]] BinaryClient sign_in(const support::TlsWish& wish = {}) const {
    BinaryClient client = connect(wish);
    EXPECT_EQ(client.status_of(support::plain("alice", "alice's password")), support::status::kOk);
    return client;
  }
  // Puts other listeners, limits or tenants in the configuration's place.
  void configure(const std::string& listeners, MctenantOptions options) const {
    options.servers = {world.first.address(), world.second.address()};
    const std::string text =
        configuration(with(std::move(options), fill(listeners)), world.mctenant.address(),
                      world.mctenant.admin(), world.mctenant.folder().file("state.db"));
    const auto& folder = world.mctenant.folder();
    std::filesystem::rename(folder.write("next.json", text), folder.file("mctenant.json"));
  }

  [[nodiscard]] uint64_t metric(const std::string& name) const {
    const std::string text = "\n" + world.mctenant.metrics();
    const size_t place = text.find("\n" + name + " ");
    if (place == std::string::npos) {
      ADD_FAILURE() << "no metric " << name;
      return 0;
    }
    return std::stoull(text.substr(place + name.size() + 2));
  }
  [[nodiscard]] uint64_t closed(const std::string& reason) const {
    return metric("mctenant_client_connections_closed_total{reason=\"" + reason + "\"}");
  }
  [[nodiscard]] bool comes_to(const std::string& name, uint64_t value) const {
    return wait_until([&] { return metric(name) == value; }, 10s);
  }
  [[nodiscard]] bool closes(const std::string& reason, uint64_t count = 1) const {
    return comes_to("mctenant_client_connections_closed_total{reason=\"" + reason + "\"}", count);
  }
  [[nodiscard]] bool reloads(uint64_t count, const std::string& result = "applied") const {
    return comes_to("mctenant_config_reloads_total{result=\"" + result + "\"}", count);
  }
  [[nodiscard]] bool logs(const std::string& text) {
    return wait_until([&] { return world.mctenant.process().output().find(text) != std::string::npos; }, 5s);
  }

  const support::TempFolder& files;
  const std::string address;

 private:
  [[nodiscard]] std::string fill(std::string text) const {
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{"$ADDRESS", address}, {"$FILES", files.path().string()}}) {
      for (size_t at = 0; (at = text.find(name, at)) != std::string::npos;)
        text.replace(at, name.size(), value);
    }
    return text;
  }
  static MctenantOptions with(MctenantOptions options, const std::string& listeners) {
    options.listeners = ", " + listeners;
    return options;
  }

  MctenantOptions options_;

 public:
  World world;
};

}  // namespace mctenant::integration
