#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>

#include "admin/health_check.h"
#include "auth/mechanisms.h"
#include "auth/verifier.h"
#include "base/log.h"
#include "base/secret.h"
#include "config/config.h"
#include "config/places.h"
#include "server/demo.h"
#include "server/server.h"

namespace {

using namespace mctenant;

constexpr const char* kDefaultConfig = "/etc/mctenant/mctenant.json";

// The configuration, or nothing after its faults have been told.
std::optional<config::Config> load(const std::string& file) {
  config::Parsed parsed = config::load(file);
  for (const config::Finding& fault : parsed.faults) std::cerr << fault.format(file) << "\n";
  return std::move(parsed.config);
}

int serve(const std::string& file) {
  config::Parsed parsed = config::load(file);
  for (const config::Finding& warning : parsed.warnings) base::log::warn("{}", warning.format(file));
  for (const config::Finding& fault : parsed.faults) base::log::error("{}", fault.format(file));
  if (!parsed.config) return 1;
  auto server =
      server::Server::start(std::move(*parsed.config), server::ConfigFile{file, std::move(parsed.files)});
  if (!server) {
    base::log::error("{}", server.error().message);
    return 1;
  }
  return (*server)->run() ? 0 : 1;
}

int check(const std::string& file) {
  config::Parsed parsed = config::load(file);
  if (parsed.config) {
    for (config::Finding& missing : config::missing_places(*parsed.config))
      parsed.warnings.push_back(std::move(missing));
  }
  for (const config::Finding& fault : parsed.faults) std::cout << fault.format(file) << "\n";
  for (const config::Finding& warning : parsed.warnings) {
    std::cout << "warning: " << warning.format(file) << "\n";
  }
  if (parsed.config) std::cout << file << ": ok\n";
  return parsed.config ? 0 : 1;
}

int verifier(const std::string& mechanism) {
  const auto found = auth::find_mechanism(mechanism);
  const auto hash = found ? auth::hash_of(*found) : std::nullopt;
  std::string password;
  std::getline(std::cin, password);
  // Who types it ends the line, not the input.
  const bool more = isatty(STDIN_FILENO) == 0 && std::cin.good() && std::cin.peek() != EOF;
  if (password.empty() || more) {
    base::wipe(password);
    std::cerr << "give the password on standard input, on one line" << (more ? ", and nothing behind it" : "")
              << "\n";
    return 1;
  }
  std::cout << auth::format_verifier(auth::make_verifier(password, hash.value_or(auth::Hash::sha_256)))
            << "\n";
  base::wipe(password);
  return 0;
}

int health(const std::string& file) {
  const auto config = load(file);
  if (!config) return 1;
  if (!config->admin) {
    std::cerr << file << ": /admin: is missing: without an admin address nothing tells mctenant's health\n";
    return 1;
  }
  const auto ready = admin::check_health(config->admin->address);
  if (ready) return 0;
  std::cerr << ready.error().message << "\n";
  return 1;
}

int run(int argc, char** argv) {
  CLI::App app{"mctenant: one memcached fleet, shared safely by many tenants"};
  app.set_version_flag("--version", std::string("mctenant ") + MCTENANT_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // --verbose may stand behind the command, too
  bool verbose = false;
  app.add_flag("-v,--verbose", verbose, "Log every closed connection and its reason");

  std::string file = kDefaultConfig;
  std::optional<uint16_t> port;
  int status = 0;
  const auto with_file = [&file](CLI::App* command) {
    command->add_option("--config", file, "The configuration, JSON")->capture_default_str();
    return command;
  };
  auto* serve_command = with_file(
      app.add_subcommand("serve", "Run in the foreground; SIGTERM answers what is under way and ends"));
  auto* demo_command =
      app.add_subcommand("demo", "Run with a memcached of its own and one tenant, to try it out");
  demo_command->add_option("--port", port, "Loopback port to listen on; default 11211, or a free one");
  auto* check_command = with_file(app.add_subcommand(
      "check",
      "Tell every fault of a configuration as FILE: /json/pointer: what is wrong; exit 1 if there is one"));
  auto* verifier_command = app.add_subcommand(
      "verifier", "Read a password from standard input and print its verifier, for the configuration");
  std::string mechanism(name_of(auth::Mechanism::scram_sha_256));
  verifier_command
      ->add_option("--mechanism", mechanism, "What it is for; PLAIN goes by that of SCRAM-SHA-256")
      ->check(CLI::IsMember({"SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-1"}))
      ->capture_default_str();
  auto* health_command =
      with_file(app.add_subcommand("health", "Ask a running mctenant whether it is ready; exit 0 if so"));
  CLI11_PARSE(app, argc, argv);

  if (verbose) base::log::set_level(base::log::Level::debug);
  if (*serve_command) status = serve(file);
  if (*demo_command) status = server::run_demo(port);
  if (*check_command) status = check(file);
  if (*verifier_command) status = verifier(mechanism);
  if (*health_command) status = health(file);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // the system refuses threads, memory or descriptors at the start
    std::fprintf(stderr, "mctenant: %s\n", error.what());
    return 1;
  }
}
