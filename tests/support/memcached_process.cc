#include "support/memcached_process.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace mctenant::support {
namespace {

std::string decode_percent(std::string_view text) {
  std::string plain_text;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      plain_text += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      plain_text += text[i];
    }
  }
  return plain_text;
}

bool accepts(const std::string& address) {
  try {
    Connection connection(address);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

MemcachedProcess::MemcachedProcess() : MemcachedProcess(Options{}) {}

MemcachedProcess::MemcachedProcess(Options options) : options_(std::move(options)) {
  address_ = options_.unix_socket ? folder_.file("mc.sock") : "127.0.0.1:" + std::to_string(free_port());
  start();
}

MemcachedProcess::~MemcachedProcess() { process_->kill(); }

void MemcachedProcess::kill() { process_->kill(); }

void MemcachedProcess::start() {
  std::vector<std::string> argv = {"memcached", "-t", "2", "-c", "4096"};
  if (geteuid() == 0) argv.insert(argv.end(), {"-u", "root"});
  if (options_.unix_socket) {
    argv.insert(argv.end(), {"-s", address_});
  } else {
    argv.insert(argv.end(), {"-l", "127.0.0.1", "-p", address_.substr(address_.find(':') + 1)});
  }
  argv.insert(argv.end(), options_.flags.begin(), options_.flags.end());
  process_ = std::make_unique<Process>(argv, folder_.file("output"));
  if (!wait_until([&] { return !process_->running() || accepts(address_); }, 5s) || !process_->running()) {
    throw std::runtime_error("memcached does not start: " + process_->output());
  }
}

void MemcachedProcess::fall_silent() const { process_->suspend(); }

void MemcachedProcess::wake_up() const { process_->signal(SIGCONT); }

std::string MemcachedProcess::text(const std::string& command, const std::string& end) const {
  Connection connection(address_);
  connection.send(command + "\r\n");
  return connection.read_until(end);
}

std::string MemcachedProcess::dump() const {
  std::string list;
  const auto given = [&] {
    Connection connection(address_);
    connection.send("lru_crawler metadump hash\r\n");
    list = connection.read_until("\r\n", 20s);  // lines of items end with \n alone
    return !list.starts_with("BUSY");
  };
  if (!wait_until(given, 20s)) throw std::runtime_error("memcached gives no dump: " + list);
  return list;
}

std::vector<std::string> MemcachedProcess::keys() const {
  std::vector<std::string> found;
  const std::string list = dump();
  for (size_t at = list.find("key="); at != std::string::npos; at = list.find("key=", at + 1)) {
    found.push_back(decode_percent(std::string_view(list).substr(at + 4, list.find(' ', at) - at - 4)));
  }
  return found;
}

std::optional<std::string> MemcachedProcess::value(const std::string& key) const {
  Connection connection(address_);
  connection.send("get " + key + "\r\n");
  const std::string head = connection.read_until("\r\n");
  if (head == "END\r\n") return std::nullopt;
  const size_t length = std::stoul(head.substr(head.rfind(' ')));
  while (connection.unread().size() < length) {
    if (!connection.read_some(5s)) throw std::runtime_error("value cut short: " + head);
  }
  return std::string(connection.unread().substr(0, length));
}

}  // namespace mctenant::support
