#include "net/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/certificates.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace mctenant::net {
namespace {

using support::Certificate;
using testing::HasSubstr;
using testing::IsEmpty;
using Part = TlsContext::Part;

class TlsContextTest : public testing::Test {
 protected:
  void SetUp() override { certificate_.write(folder_, "server"); }

  void expect_fault(Part part, const std::string& text) {
    const auto loaded = TlsContext::load(options_);
    EXPECT_EQ(loaded.context, nullptr);
    ASSERT_EQ(loaded.faults.size(), 1u);
    EXPECT_EQ(loaded.faults[0].part, part);
    EXPECT_THAT(loaded.faults[0].message, HasSubstr(text));
  }
  void expect_warning(Part part, const std::string& text) {
    const auto loaded = TlsContext::load(options_);
    EXPECT_NE(loaded.context, nullptr);
    ASSERT_EQ(loaded.warnings.size(), 1u);
    EXPECT_EQ(loaded.warnings[0].part, part);
    EXPECT_THAT(loaded.warnings[0].message, HasSubstr(text));
  }

  const support::TempFolder folder_;
  const Certificate certificate_{support::CertificateWish{}};
  TlsOptions options_{folder_.file("server.pem"), folder_.file("server-key.pem"), "", std::nullopt};
};

TEST_F(TlsContextTest, TakesWhatFitsTogether) {
  const auto loaded = TlsContext::load(options_);
  EXPECT_NE(loaded.context, nullptr);
  EXPECT_THAT(loaded.faults, IsEmpty());
  EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST_F(TlsContextTest, TakesCertificateAndKeyFromOneFile) {
  const std::string path = folder_.write("both.pem", certificate_.key_pem() + certificate_.pem());
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  options_.certificate = options_.private_key = path;
  EXPECT_NE(TlsContext::load(options_).context, nullptr);
}

TEST_F(TlsContextTest, TellsWhatIsMissing) {
  options_.certificate = folder_.file("none.pem");
  expect_fault(Part::certificate, "none.pem can't be read: No such file");
  options_.certificate = folder_.path().string();
  expect_fault(Part::certificate, "is not a file");
  options_.certificate = options_.private_key;
  expect_fault(Part::certificate, "holds no certificate in PEM");
  options_.certificate = folder_.write("cut.pem", certificate_.pem() + certificate_.pem().substr(0, 200));
  expect_fault(Part::certificate, "holds no certificate in PEM");
}

TEST_F(TlsContextTest, AKeyHasToBeTheCertificates) {
  Certificate({}).write(folder_, "other");
  options_.private_key = folder_.file("other-key.pem");
  expect_fault(Part::private_key, "other-key.pem is not the key of the certificate in");
  options_.private_key = options_.certificate;
  expect_fault(Part::private_key, "holds no private key in PEM");
}

TEST_F(TlsContextTest, AKeyWithAPassphraseIsRefusedWithoutAsking) {
  options_.private_key = folder_.file("locked.pem");
  const auto made = support::run({"openssl", "pkey", "-in", folder_.file("server-key.pem"), "-aes128",
                                  "-passout", "pass:x", "-out", options_.private_key});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  expect_fault(Part::private_key, "asks for a passphrase");
}

TEST_F(TlsContextTest, AuthoritiesOfClientsAreReadTogether) {
  options_.client_ca =
      folder_.write("ca.pem", Certificate::authority("a").pem() + Certificate::authority("b").pem());
  EXPECT_NE(TlsContext::load(options_).context, nullptr);
  options_.client_ca = options_.private_key;
  expect_fault(Part::client_ca, "holds no certificate in PEM");
}

TEST_F(TlsContextTest, WarnsOfDatesAndOfAnOpenKey) {
  Certificate({.from_day = -10, .to_day = -1}).write(folder_, "server");
  expect_warning(Part::certificate, "has expired on ");
  Certificate({.from_day = 1, .to_day = 10}).write(folder_, "server");
  expect_warning(Part::certificate, "is not valid before ");
  certificate_.write(folder_, "server");
  std::filesystem::permissions(options_.private_key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  expect_warning(Part::private_key, "chmod 600");
}

}  // namespace
}  // namespace mctenant::net
