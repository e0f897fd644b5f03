#include "session/client_connection.h"

#include <utility>

#include "base/log.h"

namespace mctenant::session {
namespace {

// Before sign-in: what one read may bring, so that a stranger can make us hold no more than one frame.
constexpr size_t kStrangersRead = protocol::kBinaryHeader + protocol::BinaryDecoder::kMaxSaslBody;
constexpr size_t kRead = 2 * 1024 * 1024;

}  // namespace

ClientConnection::ClientConnection(net::EventLoop& loop, int fd, Context& context, Owner& owner)
    : loop_(loop),
      context_(context),
      owner_(owner),
      stream_(new net::Stream(loop, fd, *this)),  // not make_unique: the handler is a private base
      session_(context, *this) {
  context_.figures.opened.add();
  context_.figures.open.add();
  on_signed_out();
}

ClientConnection::~ClientConnection() { context_.figures.open.subtract(); }

void ClientConnection::on_signed_in() {
  loop_.discard(std::move(sign_in_deadline_));
  stream_->set_read_limit(kRead);
}

void ClientConnection::on_signed_out() {
  stream_->set_read_limit(kStrangersRead);
  sign_in_deadline_ = std::make_unique<net::Timer>(loop_, [this] { session_.on_sign_in_timeout(); });
  sign_in_deadline_->start(context_.limits.sign_in_timeout);
}

void ClientConnection::finish(CloseReason reason) {
  reason_ = reason;
  if (sign_in_deadline_) sign_in_deadline_->stop();
  stream_->finish();
}

void ClientConnection::on_ended(const std::string& error) {
  context_.figures.closed[static_cast<size_t>(reason_)].add();
  if (base::log::enabled(base::log::Level::debug)) {
    base::log::debug("client of tenant \"{}\" closed: {}{}{}", session_.tenant_name(), name_of(reason_),
                     error.empty() ? "" : ", ", error);
  }
  owner_.on_connection_ended(*this);
}

}  // namespace mctenant::session
