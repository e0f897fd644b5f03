#include <dlfcn.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>
#include <vector>

#include "auth_fixture.h"

// Whether two sign-ins take equally long is told by what they compute, not by a clock: every call of the
// functions that cost time is noted, with the sizes of what it was given.
namespace {

thread_local std::vector<std::string> computed;

}  // namespace

extern "C" {

unsigned char* HMAC(const EVP_MD* digest, const void* key, int key_length, const unsigned char* data,
                    size_t length, unsigned char* out, unsigned int* out_length) {
  using Function = decltype(&HMAC);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "HMAC"));
  computed.push_back("HMAC of " + std::to_string(length));
  return real(digest, key, key_length, data, length, out, out_length);
}

int PKCS5_PBKDF2_HMAC(const char* password, int password_length, const unsigned char* salt, int salt_length,
                      int iterations, const EVP_MD* digest, int key_length, unsigned char* out) {
  using Function = decltype(&PKCS5_PBKDF2_HMAC);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "PKCS5_PBKDF2_HMAC"));
  computed.push_back("PBKDF2 of " + std::to_string(password_length) + " with " + std::to_string(salt_length) +
                     " x " + std::to_string(iterations));
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
  }

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
  ASSERT_EQ(wrong.size(), 1u) << "one digest, to look whether the password is remembered";
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

}  // namespace
}  // namespace mctenant::auth
