// Listeners with TLS: their files are read with the configuration.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "config/config.h"
#include "samples.h"
#include "support/certificates.h"
#include "support/temp_folder.h"

namespace mctenant::config {
namespace {

using support::Certificate;
using testing::Contains;
using testing::HasSubstr;

class TlsSample : public testing::Test {
 protected:
  void SetUp() override {
    Certificate({}).write(folder_, "made");
    for (const auto& [from, to] : {std::pair{"made.pem", "cert.pem"}, {"made-key.pem", "key.pem"}}) {
      std::filesystem::rename(folder_.file(from), folder_.file(to));
    }
    folder_.write("ca.pem", Certificate::authority("ca").pem());
    folder_.write("c.json", support::read_file(kSample.string()));
  }
  [[nodiscard]] Parsed load_it() const { return load(folder_.file("c.json")); }
  void replace(const std::string& what, const std::string& with) const {
    std::string text = support::read_file(folder_.file("c.json"));
    const size_t place = text.find(what);
    ASSERT_NE(place, std::string::npos) << what;
    folder_.write("c.json", text.replace(place, what.size(), with));
  }
  static void expect_fault(const Parsed& parsed, const std::string& pointer) {
    ASSERT_FALSE(parsed.faults.empty());
    EXPECT_THAT(parsed.faults, Contains(testing::Field(&Finding::pointer, pointer)));
  }

  inline static const std::filesystem::path kSample =
      std::filesystem::path(MCTENANT_SOURCE_DIR) / "config" / "mctenant-tls.json";
  const support::TempFolder folder_;
};

TEST_F(TlsSample, HasNoFaultsBesideItsFiles) {
  const Parsed parsed = load_it();
  for (const Finding& fault : parsed.faults) ADD_FAILURE() << fault.format("c.json");
  for (const Finding& warning : parsed.warnings) ADD_FAILURE() << warning.format("c.json");
  ASSERT_TRUE(parsed.config);
  const auto& listeners = parsed.config->listeners;
  ASSERT_EQ(listeners.size(), 4u);
  EXPECT_EQ(listeners[0].tls, nullptr);
  ASSERT_NE(listeners[1].tls, nullptr);
  EXPECT_FALSE(listeners[1].tls->client_identity());
  ASSERT_NE(listeners[2].tls, nullptr);
  EXPECT_EQ(listeners[2].tls->client_identity(), net::CertificateField::cn);
  EXPECT_EQ(listeners[3].credential, "acme");
  EXPECT_EQ(listeners[3].mode, 0660u);
}

TEST_F(TlsSample, NamesTheFileThatIsWrong) {
  for (const auto& [file, key] : {std::pair{"cert.pem", "certificate"}, {"key.pem", "private_key"}}) {
    const std::string good = support::read_file(folder_.file(file));
    folder_.write(file, "garbage");
    const Parsed parsed = load_it();
    expect_fault(parsed, std::string("/listeners/1/tls/") + key);
    expect_fault(parsed, std::string("/listeners/2/tls/") + key);
    folder_.write(file, good);
  }
  std::filesystem::remove(folder_.file("ca.pem"));
  expect_fault(load_it(), "/listeners/2/tls/client_ca");
}

TEST_F(TlsSample, ItsFilesAreOfWhatIsWatched) {
  for (const char* file : {"c.json", "cert.pem", "key.pem", "ca.pem"}) {
    const Parsed parsed = load_it();
    EXPECT_EQ(parsed.files.now(), parsed.files);
    folder_.write(file, support::read_file(folder_.file(file)) + " ");
    EXPECT_FALSE(parsed.files.now() == parsed.files) << file;
  }
}

TEST_F(TlsSample, FilesAreWatchedThoughTheyAreWrong) {
  folder_.write("key.pem", "garbage");
  const Parsed parsed = load_it();
  ASSERT_FALSE(parsed.config);
  folder_.write("key.pem", "better garbage");
  EXPECT_FALSE(parsed.files.now() == parsed.files);
}

TEST_F(TlsSample, WarnsOfACertificateThatHasExpired) {
  Certificate({.from_day = -10, .to_day = -1}).write(folder_, "made");
  std::filesystem::rename(folder_.file("made.pem"), folder_.file("cert.pem"));
  std::filesystem::rename(folder_.file("made-key.pem"), folder_.file("key.pem"));
  const Parsed parsed = load_it();
  EXPECT_TRUE(parsed.config);
  ASSERT_FALSE(parsed.warnings.empty());
  EXPECT_EQ(parsed.warnings[0].pointer, "/listeners/1/tls/certificate");
  EXPECT_THAT(parsed.warnings[0].message, HasSubstr("has expired"));
}

TEST_F(TlsSample, AnIdentityNeedsAnAuthorityAndAKnownField) {
  replace(R"("client_ca": "ca.pem", )", "");
  expect_fault(load_it(), "/listeners/2/tls/client_identity");
  replace(R"("client_identity": "cn")", R"("client_ca": "ca.pem", "client_identity": "subject")");
  const Parsed parsed = load_it();
  expect_fault(parsed, "/listeners/2/tls/client_identity");
  EXPECT_THAT(parsed.faults[0].message, HasSubstr(R"(There are: "cn", "san_dns", "san_email", "san_uri".)"));
}

TEST_F(TlsSample, CredentialAndIdentityExcludeEachOther) {
  replace(R"("0.0.0.0:11220",)", R"("127.0.0.1:11220", "credential": "acme",)");
  expect_fault(load_it(), "/listeners/2/credential");
}

}  // namespace
}  // namespace mctenant::config
