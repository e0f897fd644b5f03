#include "auth/password_checker.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "auth_fixture.h"

namespace mctenant::auth {
namespace {

class PasswordCheckerTest : public testing::Test {
 protected:
  // Checks and waits for the answer; nothing if the queue was full.
  std::optional<bool> check(PasswordChecker& checker, std::string_view username, const Verifier* verifier,
                            std::string_view password) {
    std::optional<bool> answer;
    if (!checker.check(username, verifier, password, worker_, [&answer](bool right) { answer = right; })) {
      return std::nullopt;
    }
    EXPECT_FALSE(answer) << "answered from inside check()";
    while (!answer) worker_.run_one();
    return answer;
  }

  ManualWorker worker_;
  const Verifier verifier_ = make_verifier("secret");
};

TEST_F(PasswordCheckerTest, RemembersWhatWasRight) {
  PasswordChecker checker({});
  EXPECT_FALSE(checker.remembers("acme", verifier_, "secret"));
  EXPECT_EQ(check(checker, "acme", &verifier_, "secret"), true);
  EXPECT_TRUE(checker.remembers("acme", verifier_, "secret"));
  EXPECT_FALSE(checker.remembers("other", verifier_, "secret"));
  const auto figures = checker.figures();
  EXPECT_EQ(figures.checks, 1u);
  EXPECT_EQ(figures.refusals, 0u);
  EXPECT_EQ(figures.remembered_hits, 1u);
  EXPECT_EQ(figures.remembered, 1u);
  EXPECT_EQ(figures.waiting, 0u);
}

TEST_F(PasswordCheckerTest, DoesNotRememberWhatWasWrong) {
  PasswordChecker checker({});
  EXPECT_EQ(check(checker, "acme", &verifier_, "wrong"), false);
  EXPECT_FALSE(checker.remembers("acme", verifier_, "wrong"));
  EXPECT_EQ(checker.figures().refusals, 1u);
  EXPECT_EQ(checker.figures().remembered, 0u);
}

TEST_F(PasswordCheckerTest, AChangedVerifierForgets) {
  PasswordChecker checker({});
  EXPECT_EQ(check(checker, "acme", &verifier_, "secret"), true);
  EXPECT_FALSE(checker.remembers("acme", make_verifier("secret"), "secret"));
}

TEST_F(PasswordCheckerTest, AnUnknownUserCostsAsMuchAndIsNeverRight) {
  PasswordChecker checker({});
  EXPECT_EQ(check(checker, "nobody", nullptr, "secret"), false);
  EXPECT_EQ(check(checker, "nobody", nullptr, ""), false);
  EXPECT_EQ(checker.figures().checks, 2u);
  EXPECT_EQ(checker.figures().refusals, 2u);
  EXPECT_FALSE(checker.remembers("nobody", checker.fake(), "secret"));
  EXPECT_EQ(checker.fake().iterations, kIterations);
  EXPECT_EQ(checker.fake().salt.size(), verifier_.salt.size());
}

TEST_F(PasswordCheckerTest, HoldsNoMoreDigestsThanItMay) {
  PasswordChecker checker({.threads = 1, .queue_length = 10, .remembered = 2});
  for (const char* user : {"one", "two", "three"})
    EXPECT_EQ(check(checker, user, &verifier_, "secret"), true);
  EXPECT_EQ(checker.figures().remembered, 2u);
  EXPECT_FALSE(checker.remembers("one", verifier_, "secret"));
  EXPECT_TRUE(checker.remembers("three", verifier_, "secret"));
}

TEST_F(PasswordCheckerTest, AFullQueueTakesNothing) {
  PasswordChecker checker({.threads = 1, .queue_length = 0});
  const auto token = std::make_shared<int>();
  EXPECT_FALSE(checker.check("acme", &verifier_, "secret", worker_, [token](bool) { FAIL(); }));
  EXPECT_FALSE(checker.check("nobody", nullptr, "secret", worker_, [token](bool) { FAIL(); }));
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(checker.figures().busy, 2u);
  EXPECT_EQ(checker.figures().checks, 0u);
}

TEST_F(PasswordCheckerTest, AFloodIsBoundedAndEachThatWasTakenIsAnswered) {
  PasswordChecker checker({.threads = 2, .queue_length = 4});
  size_t taken = 0;
  size_t answers = 0;
  for (int i = 0; i < 500; ++i) {
    const std::string wrong = "wrong " + std::to_string(i);
    if (checker.check("acme", &verifier_, wrong, worker_, [&answers](bool) { ++answers; })) ++taken;
    ASSERT_LE(checker.figures().waiting, 4u);
  }
  EXPECT_LT(taken, 500u);
  EXPECT_EQ(checker.figures().busy, 500 - taken);
  while (answers < taken) worker_.run_one();
  EXPECT_EQ(checker.figures().checks, taken);
  EXPECT_EQ(check(checker, "acme", &verifier_, "secret"), true) << "and then there is room again";
}

// A storm of one user's connections, before his password is remembered, neither fills the queue nor costs a
// check each.
TEST_F(PasswordCheckerTest, TheSameAttemptAtTheSameTimeIsCheckedOnceAndAnsweredToAll) {
  for (const bool right : {true, false}) {
    for (const Verifier* verifier : {&verifier_, static_cast<const Verifier*>(nullptr)}) {
      PasswordChecker checker({.threads = 1, .queue_length = 2});
      const std::string password = right ? "secret" : "wrong";
      size_t answers = 0;
      size_t accepted = 0;
      const auto count = [&](bool answer) {
        ++answers;
        accepted += answer ? 1 : 0;
      };
      // One that is under way, so that the next ones wait.
      ASSERT_TRUE(checker.check("busy", &verifier_, "x", worker_, [&](bool) {}));
      for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(checker.check("acme", verifier, password, worker_, count)) << i;
      }
      while (answers < 1000) worker_.run_one();
      EXPECT_EQ(accepted, right && verifier != nullptr ? 1000u : 0u);
      EXPECT_LT(checker.figures().checks, 100u) << "some may have been answered while others came";
      EXPECT_EQ(checker.figures().busy, 0u);
      EXPECT_EQ(checker.figures().waiting, 0u);
    }
  }
}

TEST_F(PasswordCheckerTest, AttemptsOfOthersAreTheirOwn) {
  PasswordChecker checker({.threads = 1, .queue_length = 10});
  const Verifier other = make_verifier("else");
  std::map<std::string, bool> answers;
  const auto attempt = [&](const std::string& name, const Verifier* verifier, const std::string& password) {
    ASSERT_TRUE(checker.check(name, verifier, password, worker_, [&answers, name, password](bool right) {
      answers[name + ":" + password] = right;
    }));
  };
  attempt("acme", &verifier_, "secret");
  attempt("acme", &verifier_, "else");
  attempt("other", &other, "secret");
  attempt("other", &other, "else");
  attempt("nobody", nullptr, "secret");
  while (answers.size() < 5) worker_.run_one();
  EXPECT_EQ(answers, (std::map<std::string, bool>{{"acme:secret", true},
                                                  {"acme:else", false},
                                                  {"other:secret", false},
                                                  {"other:else", true},
                                                  {"nobody:secret", false}}));
  EXPECT_EQ(checker.figures().checks, 5u);
}

TEST_F(PasswordCheckerTest, WhatStillWaitsAtTheEndIsDropped) {
  const auto token = std::make_shared<int>();
  size_t taken = 0;
  {
    PasswordChecker checker({.threads = 1, .queue_length = 1000});
    for (int i = 0; i < 200; ++i) {
      const std::string wrong = "wrong " + std::to_string(i / 2);  // two wait for each
      taken += checker.check("acme", &verifier_, wrong, worker_, [token](bool) {}) ? 1 : 0;
    }
  }
  EXPECT_EQ(taken, 200u);
  EXPECT_LT(worker_.posted(), 200u);
  EXPECT_EQ(static_cast<size_t>(token.use_count()), 1 + worker_.posted());
  worker_.run_posted();
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace mctenant::auth
