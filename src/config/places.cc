#include "config/places.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "config/reader.h"

namespace mctenant::config {
namespace {

void look(std::string pointer, const std::string& file, std::vector<Finding>& warnings) {
  std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return;
  // What can't be looked at may be there, for the user that mctenant runs as.
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory) return;
  warnings.push_back({std::move(pointer), "the folder of " + in_quotes(file) + " is missing; make " +
                                              in_quotes(folder.string()) +
                                              ", writable by the user that mctenant runs as"});
}

}  // namespace

std::vector<Finding> missing_places(const Config& config) {
  std::vector<Finding> warnings;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const net::Address& address = config.listeners[i].address;
    if (address.kind == net::Address::Kind::unix_socket)
      look("/listeners/" + std::to_string(i) + "/address", address.host, warnings);
  }
  look("/state", config.state, warnings);
  return warnings;
}

}  // namespace mctenant::config
