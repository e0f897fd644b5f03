#include <algorithm>
#include <utility>

#include "config/sections.h"
#include "config/token_file.h"

namespace mctenant::config {
namespace {

// Port 0 is another port each time.
bool takes_one_place(const net::Address& address) {
  return address.kind == net::Address::Kind::unix_socket || address.port != 0;
}

}  // namespace

std::optional<net::Address> parse_address(const Value& value) {
  const auto text = value.text("an address, such as \"127.0.0.1:11211\"");
  if (!text) return std::nullopt;
  auto address = net::parse_address(*text);
  if (address) return *std::move(address);
  value.fault(address.error().message);
  return std::nullopt;
}

void parse_listeners(const Value& value, const std::string& folder, std::vector<Listener>& listeners,
                     FileSet& files, std::vector<PendingCredential>& bound) {
  const auto items = value.list("listeners");
  if (!items) return;
  if (items->empty()) value.fault("is empty; write at least one listener: {\"address\": \"0.0.0.0:11211\"}");
  for (const Value& item : *items) {
    Object object(item);
    const auto place = object.need("address", "\"0.0.0.0:11211\"");
    const auto address = place ? parse_address(*place) : std::nullopt;
    Listener listener;
    if (address) listener.address = *address;
    parse_access(object, folder, listener, files, bound);
    listener.sign_in = parse_sign_in(object, object.find("tls").has_value());
    object.finish();
    if (!address) continue;
    const bool twice = std::any_of(listeners.begin(), listeners.end(), [&address](const Listener& other) {
      return takes_one_place(*address) && other.address == *address;
    });
    if (twice) place->fault(in_quotes(address->text()) + " has a listener already; remove one of them");
    listeners.push_back(std::move(listener));
  }
}

std::optional<Admin> parse_admin(const Value& value, const std::string& folder) {
  Object object(value);
  if (!object.valid()) return std::nullopt;
  const auto place = object.need("address", "\"127.0.0.1:8211\"");
  const auto address = place ? parse_address(*place) : std::nullopt;
  const auto file = object.find("token_file");
  Admin admin;
  if (file) {
    if (const auto path = file->path(folder)) {
      auto token = read_token_file(*path);
      if (!token) {
        file->fault(token.error().message);
      } else {
        if (token->open_to_others)
          file->warn("anybody on this machine may read or write " + *path + ": chmod 600 it");
        admin.token = std::move(token->token);
      }
    }
  }
  object.finish();
  if (!address) return std::nullopt;
  if (!file && !address->loopback()) {
    place->fault(in_quotes(address->text()) +
                 " can be reached from other machines: add a \"token_file\", or listen on 127.0.0.1");
  }
  admin.address = *address;
  return admin;
}

}  // namespace mctenant::config
