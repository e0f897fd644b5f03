#include "session/client_connection.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "session/first_bytes.h"

namespace mctenant::session {
namespace {

// Before sign-in: what one read may bring, so that a stranger can make us hold no more than one frame.
constexpr size_t kStrangersRead = protocol::kBinaryHeader + protocol::BinaryDecoder::kMaxSaslBody;
constexpr size_t kRead = 2 * 1024 * 1024;
// Of what a certificate names: as many names are logged, and of each as many bytes.
constexpr size_t kLoggedNames = 3;
constexpr size_t kLoggedName = 64;

// A stranger chooses them: nothing of them is to end the line or to drive a terminal.
std::string for_log(const std::vector<std::string>& names) {
  if (names.empty()) return " (it has no name of that kind)";
  std::string text = " (";
  for (size_t i = 0; i < std::min(names.size(), kLoggedNames); ++i) {
    text += i == 0 ? "\"" : ", \"";
    for (const char c : names[i].substr(0, kLoggedName)) {
      const auto byte = static_cast<unsigned char>(c);
      const bool plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
      text += plain ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
    }
    text += names[i].size() > kLoggedName ? "\"…" : "\"";
  }
  return text + (names.size() > kLoggedNames ? ", …)" : ")");
}

}  // namespace

ClientConnection::ClientConnection(net::EventLoop& loop, int fd, std::shared_ptr<const ListenerTraits> traits,
                                   Context& context, Owner& owner)
    : loop_(loop),
      context_(context),
      owner_(owner),
      traits_(std::move(traits)),
      handshake_settled_(traits_->tls == nullptr),
      // not make_unique: the handler is a private base
      stream_(new net::Stream(loop, fd, *this, traits_->tls.get())),
      session_(context, *this) {
  context_.figures.opened.add();
  context_.figures.open.add();
  on_signed_out();
  if (base::log::enabled(base::log::Level::debug))
    peer_ = std::make_unique<const std::string>(stream_->peer());
  if (handshake_settled_) sign_in_by_itself();
}

ClientConnection::~ClientConnection() { context_.figures.open.subtract(); }

void ClientConnection::on_connected() {
  count_handshake();
  sign_in_by_itself();
}

void ClientConnection::count_handshake() {
  handshake_settled_ = true;
  context_.figures.handshakes_settled.add();
  const net::TlsSession& tls = *stream_->tls();
  context_.figures.handshakes[tls.version_1_3() ? 1 : 0][tls.resumed() ? 1 : 0].add();
}

void ClientConnection::sign_in_by_itself() {
  if (!traits_->signs_in()) return;
  const std::string_view username = find_identity();
  if (username.empty()) return finish(CloseReason::unknown_identity);
  if (!session_.begin_signed_in(username)) finish(CloseReason::tenant_full);
}

// A certificate has to name exactly one credential; more would leave open whom it stands for.
std::string_view ClientConnection::find_identity() {
  const tenant::Directory& directory = context_.directory();
  if (!traits_->tls || !traits_->tls->client_identity()) {
    return directory.find_by_username(traits_->credential) != nullptr ? traits_->credential
                                                                      : std::string_view();
  }
  std::string_view found;
  size_t count = 0;
  const std::vector<std::string> names = stream_->tls()->peer_names(*traits_->tls->client_identity());
  for (const std::string& name : names) {
    if (const auto credential = directory.find_credential(name)) {
      found = credential->username;  // lives as long as the directory
      ++count;
    }
  }
  if (count == 1) return found;
  log_stranger((count == 0 ? "a client's certificate names no credential"
                           : "a client's certificate names several credentials") +
               for_log(names));
  return {};
}

bool ClientConnection::judge_first_bytes(base::InputBuffer& in) {
  if (!traits_->tls && judge_first_byte(in.view()) == FirstBytes::tls) {
    log_stranger("a client speaks TLS, which this listener does not");
    finish(CloseReason::tls_in_plain);
    return false;
  }
  if (traits_->signs_in()) {
    switch (judge_first_line(in.view())) {
      case FirstBytes::undecided:
        in.expect(2 * in.view().size() + 256);
        return false;
      case FirstBytes::http:
        log_stranger("a client speaks HTTP");
        finish(CloseReason::http);
        return false;
      default:
        break;
    }
  }
  first_bytes_awaited_ = false;
  return true;
}

void ClientConnection::log_stranger(std::string_view what) {
  if (!context_.strangers.may_write(loop_.now())) return;
  const std::string peer = stream_->peer();
  const uint64_t others = context_.strangers.take_left_out();
  base::log::warn("{}: {}{}{}{}", traits_->address, what, peer.empty() ? "" : ": ", peer,
                  others == 0 ? "" : fmt::format(", and {} more such clients", others));
}

void ClientConnection::on_signed_in() {
  loop_.discard(std::move(sign_in_deadline_));
  stream_->set_read_limit(kRead);
}

void ClientConnection::on_signed_out() {
  stream_->set_read_limit(kStrangersRead);
  sign_in_deadline_ = std::make_unique<net::Timer>(loop_, [this] { on_deadline(); });
  sign_in_deadline_->start(context_.limits.sign_in_timeout);
}

void ClientConnection::on_not_offered(std::string_view mechanism) {
  const auto known = auth::find_mechanism(mechanism);
  const bool for_tls = known && traits_->sign_in.mechanisms.has(*known);
  log_stranger(fmt::format("a client wants to sign in by {}, which {} (it offers {})",
                           known ? name_of(*known) : "a mechanism that mctenant has not",
                           for_tls ? "this listener takes over TLS only" : "this listener does not offer",
                           list_of(offered())));
}

void ClientConnection::on_deadline() {
  if (stream_->handshaking()) return finish(CloseReason::handshake_timeout);
  session_.on_sign_in_timeout();
}

void ClientConnection::finish(CloseReason reason) {
  reason_ = reason;
  if (sign_in_deadline_) sign_in_deadline_->stop();
  stream_->finish();
}

void ClientConnection::on_ended(const std::string& error) {
  if (stream_->tls_failed()) tell_tls_fault(error);
  if (!handshake_settled_) context_.figures.handshakes_settled.add();
  context_.figures.closed[static_cast<size_t>(reason_)].add();
  if (base::log::enabled(base::log::Level::debug)) {
    base::log::debug("client {} of tenant \"{}\", user \"{}\", closed: {}{}{}", peer_ ? *peer_ : "",
                     session_.tenant_name(), session_.username(), name_of(reason_), error.empty() ? "" : ", ",
                     error);
  }
  owner_.on_connection_ended(*this);
}

void ClientConnection::tell_tls_fault(const std::string& error) {
  const net::TlsFault fault = stream_->tls()->fault();
  context_.figures.tls_faults[static_cast<size_t>(fault)].add();
  reason_ = CloseReason::tls_failed;
  // Whoever looks whether the port is open goes away in the same way.
  if (fault != net::TlsFault::lost) log_stranger(error);
}

}  // namespace mctenant::session
