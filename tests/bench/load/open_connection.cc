#include "load/open_connection.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "client/frame.h"

namespace mctenant::bench {
namespace {

constexpr int kPatienceMs = 10000;

// Reads exactly `size` bytes; false when they don't come.
bool read_whole(int fd, char* into, size_t size) {
  while (size > 0) {
    pollfd ready{fd, POLLIN, 0};
    if (poll(&ready, 1, kPatienceMs) != 1) return false;
    const ssize_t count = read(fd, into, size);
    if (count <= 0) return false;
    into += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

base::Expected<void> sign_in(int fd, const User& user) {
  std::string frame;
  append_frame(frame, {.opcode = Opcode::kSaslAuth, .key = "PLAIN", .value = plain_response(user)});
  if (send(fd, frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size())) {
    return base::fail("the sign-in could not be sent");
  }
  char header[kHeaderSize];
  if (!read_whole(fd, header, sizeof(header))) return base::fail("no answer to the sign-in of " + user.name);
  const ReplyHeader reply = parse_reply_header(header);
  std::string body(reply.body_length, '\0');
  if (!read_whole(fd, body.data(), body.size()))
    return base::fail("no answer to the sign-in of " + user.name);
  if (reply.status != kOk) {
    return base::fail("the sign-in of " + user.name + " was refused with status " +
                      std::to_string(reply.status));
  }
  return {};
}

}  // namespace

base::Expected<int> open_connection(const Address& address, const User* user) {
  auto fd = connect_now(address);
  if (!fd || user == nullptr) return fd;
  if (auto signed_in = sign_in(*fd, *user); !signed_in) {
    close(*fd);
    return tl::unexpected(signed_in.error());
  }
  return fd;
}

}  // namespace mctenant::bench
