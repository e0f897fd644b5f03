#include "server/listeners.h"

#include <utility>

#include "base/log.h"

namespace mctenant::server {
namespace {

Listeners::Traits make_traits(const net::Address& address, const config::Listener& options) {
  return std::make_shared<const session::ListenerTraits>(
      session::ListenerTraits{address.text(), options.tls, options.credential, options.sign_in});
}

}  // namespace

base::Expected<void> Listeners::open(const std::vector<config::Listener>& options) {
  for (const config::Listener& wanted : options) {
    auto listener = net::Listener::open(
        loop_, wanted.address, [this, place = open_.size()](int fd) { accept_(fd, open_[place].traits); },
        wanted.mode);
    if (!listener) return tl::unexpected(listener.error());
    const net::Address& address = (*listener)->address();
    base::log::info("listening on {}{}{}", address.text(), wanted.tls ? ", TLS" : "",
                    wanted.credential.empty() ? "" : ", as \"" + wanted.credential + "\"");
    Traits traits = make_traits(address, wanted);
    open_.push_back({std::move(*listener), std::move(traits)});
  }
  return {};
}

void Listeners::set_options(const std::vector<config::Listener>& options) {
  for (size_t i = 0; i < open_.size(); ++i) {
    open_[i].traits = make_traits(open_[i].listener->address(), options[i]);
  }
}

std::vector<net::Address> Listeners::addresses() const {
  std::vector<net::Address> addresses;
  for (const Open& open : open_) addresses.push_back(open.listener->address());
  return addresses;
}

}  // namespace mctenant::server
