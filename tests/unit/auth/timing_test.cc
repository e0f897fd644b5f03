#include <dlfcn.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>
#include <utility>
#include <vector>

#include "auth_fixture.h"
#include "support/scram_client.h"

// Whether two sign-ins take equally long is told by what they compute, not by a clock: every call of the
// functions that cost time is noted, with the sizes of what it was given.
namespace {

thread_local bool noting = false;  // in the tests of this file
thread_local std::vector<std::string> computed;

void note(const std::string& what) {
  if (noting) computed.push_back(what);
}

}  // namespace

extern "C" {

unsigned char* HMAC(const EVP_MD* digest, const void* key, int key_length, const unsigned char* data,
                    size_t length, unsigned char* out, unsigned int* out_length) {
  using Function = decltype(&HMAC);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "HMAC"));
  note("HMAC of " + std::to_string(length));
  return real(digest, key, key_length, data, length, out, out_length);
}

int PKCS5_PBKDF2_HMAC(const char* password, int password_length, const unsigned char* salt, int salt_length,
                      int iterations, const EVP_MD* digest, int key_length, unsigned char* out) {
  using Function = decltype(&PKCS5_PBKDF2_HMAC);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "PKCS5_PBKDF2_HMAC"));
  note("PBKDF2 of " + std::to_string(password_length) + " with " + std::to_string(salt_length) + " x " +
       std::to_string(iterations));
  return real(password, password_length, salt, salt_length, iterations, digest, key_length, out);
}

}  // extern "C"

namespace mctenant::auth {
namespace {

using Computed = std::vector<std::string>;

class TimingTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Authenticator::initialize());
    users_.set("acme", "secret");
    users_.set("known", "other");
    noting = true;
  }
  void TearDown() override { noting = false; }

  // What is computed on the worker until the verdict.
  Computed on_worker(const std::string& message) {
    computed.clear();
    EXPECT_EQ(sign_in(authenticator_, worker_, "PLAIN", message).verdict, Verdict::refused);
    return computed;
  }

  Users users_;
  ManualWorker worker_;
  PasswordChecker checker_{{}};
  Authenticator authenticator_{users_, checker_, worker_};
};

TEST_F(TimingTest, AnUnknownUserAndAWrongPasswordCostTheWorkerTheSame) {
  const Computed wrong = on_worker(plain("acme", "wrongg"));
  ASSERT_EQ(wrong.size(), 2u) << "digests: whether the password is remembered, or being checked already";
  EXPECT_EQ(on_worker(plain("nobo", "wrongg")), wrong);
  ASSERT_EQ(sign_in(authenticator_, worker_, "PLAIN", plain("acme", "secret")).verdict, Verdict::accepted);
  EXPECT_EQ(on_worker(plain("acme", "wrongg")), wrong) << "also beside a password that is remembered";
  EXPECT_EQ(on_worker(plain("nobo", "secret")), wrong);
}

TEST_F(TimingTest, EveryRefusedPasswordCostsOneKeyDerivation) {
  uint64_t checks = 0;
  for (const auto& message : {plain("acme", "wrong"), plain("nobody", "wrong"), plain("nobody", "secret"),
                              plain("known", "secret"), plain("acme", "wrong"), plain("nobody", "wrong")}) {
    EXPECT_EQ(sign_in(authenticator_, worker_, "PLAIN", message).verdict, Verdict::refused);
    EXPECT_EQ(checker_.figures().checks, ++checks);
    EXPECT_EQ(checker_.figures().refusals, checks);
  }
}

TEST_F(TimingTest, ADerivationIsTheSameForARightAWrongAndAFakeVerifier) {
  const Verifier real = make_verifier("secret");
  const auto derivation = [](const Verifier& verifier, std::string_view password, bool expected) {
    computed.clear();
    EXPECT_EQ(matches(verifier, password), expected);
    return computed;
  };
  const Computed right = derivation(real, "secret", true);
  EXPECT_EQ(right, (Computed{"PBKDF2 of 6 with 16 x 10000", "HMAC of 10"}));
  EXPECT_EQ(derivation(real, "wrongg", false), right);
  EXPECT_EQ(derivation(checker_.fake(), "secret", false), right);
}

// Until the proof is refused.
TEST_F(TimingTest, AnUnknownUserAndAWrongProofCostTheSame) {
  const auto by_scram = [this](const std::string& username) {
    support::ScramClient client("SCRAM-SHA-256", username, "wrong");
    const auto conversation = authenticator_.begin(kDefaultMechanisms);
    const auto unexpected = [](const Result&) { FAIL() << "called back"; };
    const std::string first = client.first();
    computed.clear();
    const Result challenge = conversation->start("SCRAM-SHA-256", first, unexpected);
    Computed all = std::exchange(computed, {});
    const std::string proof = client.final(challenge.challenge).value_or("");
    computed.clear();
    EXPECT_EQ(conversation->step(proof, unexpected).verdict, Verdict::refused);
    all.insert(all.end(), computed.begin(), computed.end());
    return all;
  };
  const Computed wrong = by_scram("acme");
  ASSERT_EQ(wrong.size(), 2u) << "a salt that may not be needed, and the signature that the proof is of";
  EXPECT_EQ(by_scram("nobo"), wrong);
}

}  // namespace
}  // namespace mctenant::auth
