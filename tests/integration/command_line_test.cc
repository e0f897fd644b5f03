// What the program says to an operator who runs it by hand.

#include <string>

#include "integration/world.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace mctenant::integration {
namespace {

testing::AssertionResult tells(const std::string& output, const std::string& part) {
  if (output.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << output;
}

Finished verifier_of(const std::string& input) {
  const TempFolder folder;
  const std::string file = folder.write("input", input);
  return run({"sh", "-c", R"(exec "$0" verifier <"$1")", MctenantProcess::binary(), file});
}

TEST(CommandLine, VerifierTakesOneLineAndNoMore) {
  for (const char* one : {"secret", "secret\n"}) {
    const Finished finished = verifier_of(one);
    EXPECT_EQ(finished.exit_code, 0) << finished.output;
    EXPECT_EQ(finished.output.find("SCRAM-SHA-256$"), 0u) << finished.output;
  }
  for (const char* several : {"secret\nsecret\n", "secret\n\n", "secret\nmore", "", "\n"}) {
    const Finished finished = verifier_of(several);
    EXPECT_EQ(finished.exit_code, 1) << several;
    EXPECT_TRUE(tells(finished.output, "on one line"));
    EXPECT_EQ(finished.output.find("secret"), std::string::npos);
  }
}

TEST(CommandLine, MissingFoldersAreToldBeforeTheyAreNeeded) {
  const TempFolder folder;
  const std::string missing = folder.file("none");
  const auto text = [&](const std::string& socket, const std::string& state) {
    return R"({"listeners": [{"address": "127.0.0.1:0"}, {"address": ")" + socket + R"("}], "state": ")" +
           state + R"(", "pools": {"default": {"servers": ["127.0.0.1:1"]}}, "tenants": {}})";
  };
  const std::string file = folder.write("m.json", text(missing + "/s.sock", missing + "/state.db"));
  const Finished checked = run({MctenantProcess::binary(), "check", "--config", file});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_TRUE(tells(checked.output, "warning: " + file + ": /listeners/1/address: the folder of"));
  EXPECT_TRUE(tells(checked.output, "warning: " + file + ": /state: the folder of"));
  EXPECT_TRUE(tells(checked.output, "is missing; make \"" + missing + "\", writable by the user"));

  folder.write("m.json", text(missing + "/s.sock", folder.file("state.db")));
  const Finished served = run({MctenantProcess::binary(), "serve", "--config", file});
  EXPECT_EQ(served.exit_code, 1);
  EXPECT_TRUE(tells(served.output, "No such file or directory; make the folder " + missing + "/"));

  folder.write("m.json", text(folder.file("s.sock"), folder.file("state.db")));
  EXPECT_EQ(run({MctenantProcess::binary(), "check", "--config", file}).output.find("folder of"),
            std::string::npos);
}

TEST(CommandLine, VerboseTellsWhoseConnectionHasEnded) {
  const TempFolder folder;
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  const std::string admin = "127.0.0.1:" + std::to_string(free_port());
  MctenantOptions options;
  options.servers = {"127.0.0.1:" + std::to_string(free_port())};
  const std::string file =
      folder.write("m.json", configuration(options, address, admin, folder.file("state.db")));
  Process mctenant({MctenantProcess::binary(), "serve", "--verbose", "--config", file}, folder.file("log"));
  const auto logs = [&mctenant](const std::string& part) {
    return wait_until([&] { return mctenant.output().find(part) != std::string::npos; }, 10s);
  };
  ASSERT_TRUE(logs("listening on " + address)) << mctenant.output();
  { const BinaryClient client(address, "alice", "alice's password"); }
  EXPECT_TRUE(logs(R"( of tenant "alice", user "alice", closed: client_closed)")) << mctenant.output();
  EXPECT_TRUE(logs("client 127.0.0.1:")) << mctenant.output();
  EXPECT_EQ(mctenant.output().find("password"), std::string::npos);
  EXPECT_EQ(mctenant.stop(), 0);
}

}  // namespace
}  // namespace mctenant::integration
