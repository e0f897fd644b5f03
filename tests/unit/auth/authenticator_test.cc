#include "auth/authenticator.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <random>
#include <thread>
#include <vector>

#include "auth_fixture.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MCTENANT_ANOTHER_ALLOCATOR 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MCTENANT_ANOTHER_ALLOCATOR 1
#endif
#endif

namespace mctenant::auth {
namespace {

using namespace std::string_view_literals;

class AuthenticatorTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto initialized = Authenticator::initialize();
    ASSERT_TRUE(initialized) << initialized.error().message;
    users_.set("acme", "secret");
  }

  Result sign_in_with(std::string_view message) { return sign_in(authenticator_, worker_, "PLAIN", message); }
  Verdict verdict_of(std::string_view message) { return sign_in_with(message).verdict; }

  Users users_;
  ManualWorker worker_;
  PasswordChecker checker_{{}};
  Authenticator authenticator_{users_, checker_, worker_};
};

TEST_F(AuthenticatorTest, MayBeInitializedAgain) { EXPECT_TRUE(Authenticator::initialize()); }

TEST_F(AuthenticatorTest, TheRightPasswordIsAcceptedByTheCheckerThenFromMemory) {
  const auto conversation = authenticator_.begin(kDefaultMechanisms);
  Result later;
  const auto first =
      conversation->start("PLAIN", plain("acme", "secret"), [&](Result result) { later = result; });
  EXPECT_EQ(first.verdict, Verdict::pending);
  EXPECT_TRUE(first.username.empty());
  worker_.run_one();
  EXPECT_EQ(later.verdict, Verdict::accepted);
  EXPECT_EQ(later.username, "acme");

  const auto second =
      authenticator_.begin(kDefaultMechanisms)->start("PLAIN", plain("acme", "secret"), [](Result) {
        FAIL() << "answered twice";
      });
  EXPECT_EQ(second.verdict, Verdict::accepted);
  EXPECT_EQ(second.username, "acme");
  EXPECT_EQ(worker_.run_posted(), 0u);
  EXPECT_EQ(checker_.figures().checks, 1u);
}

TEST_F(AuthenticatorTest, ARefusalNamesNobody) {
  for (const auto& message : {plain("acme", "wrong"), plain("nobody", "secret"), plain("acme", "")}) {
    const Result result = sign_in_with(message);
    EXPECT_EQ(result.verdict, Verdict::refused);
    EXPECT_TRUE(result.username.empty());
    EXPECT_TRUE(result.challenge.empty());
  }
}

TEST_F(AuthenticatorTest, AWrongPasswordIsRefusedBesideARememberedOne) {
  EXPECT_EQ(verdict_of(plain("acme", "secret")), Verdict::accepted);
  for (const char* wrong : {"Secret", "secret ", "secre", "secretsecret"}) {
    EXPECT_EQ(verdict_of(plain("acme", wrong)), Verdict::refused) << wrong;
  }
  EXPECT_EQ(verdict_of(plain("acme", "secret")), Verdict::accepted);
}

TEST_F(AuthenticatorTest, ThePasswordOfOneUserIsNotAnothers) {
  users_.set("other", "else");
  EXPECT_EQ(verdict_of(plain("acme", "secret")), Verdict::accepted);
  EXPECT_EQ(verdict_of(plain("other", "secret")), Verdict::refused);
  EXPECT_EQ(verdict_of(plain("other", "else")), Verdict::accepted);
}

TEST_F(AuthenticatorTest, AUserMayActAsHimselfOnly) {
  users_.set("other", "else");
  for (int round = 0; round < 2; ++round) {  // by the checker, then from memory
    EXPECT_EQ(verdict_of(plain("acme", "secret", "other")), Verdict::refused);
    EXPECT_EQ(verdict_of(plain("acme", "secret", "nobody")), Verdict::refused);
    EXPECT_EQ(verdict_of(plain("acme", "secret", "acm")), Verdict::refused);
    EXPECT_EQ(verdict_of(plain("acme", "secret", "acme@mctenant")), Verdict::refused);
    const Result himself = sign_in_with(plain("acme", "secret", "acme"));
    EXPECT_EQ(himself.verdict, Verdict::accepted);
    EXPECT_EQ(himself.username, "acme");
  }
}

TEST_F(AuthenticatorTest, MechanismsThatAreNotOfferedAreRefused) {
  EXPECT_EQ(verdict_of(plain("acme", "secret")), Verdict::accepted);
  for (const auto mechanism : {"ANONYMOUS"sv,
                               "CRAM-MD5"sv,
                               "DIGEST-MD5"sv,
                               "LOGIN"sv,
                               "NTLM"sv,
                               "EXTERNAL"sv,
                               "SCRAM-SHA-1"sv,
                               "SCRAM-SHA-512"sv,
                               "SCRAM-SHA-224"sv,
                               "SCRAM-SHA-384"sv,
                               "scram-sha-256"sv,
                               "SCRAM-SHA-256-PLUS"sv,
                               "GSSAPI"sv,
                               "plain"sv,
                               "Plain"sv,
                               "anonymous"sv,
                               "PLAI"sv,
                               "PLAIN "sv,
                               " PLAIN"sv,
                               "PLAINX"sv,
                               "PLAIN-PLUS"sv,
                               "PLAIN\0"sv,
                               "PLAIN ANONYMOUS"sv,
                               " "sv,
                               ""sv,
                               "\xff\xfe"sv,
                               "\0"sv,
                               "%s%n"sv}) {
    for (const auto& message : {plain("acme", "secret"), std::string(), std::string("anonymous")}) {
      const Result result = sign_in(authenticator_, worker_, mechanism, message, plain("acme", "secret"));
      EXPECT_EQ(result.verdict, Verdict::not_offered) << mechanism;
      EXPECT_TRUE(result.username.empty());
    }
  }
  EXPECT_EQ(sign_in(authenticator_, worker_, std::string(1 << 20, 'P'), plain("acme", "secret")).verdict,
            Verdict::not_offered);
}

TEST_F(AuthenticatorTest, MalformedMessagesAreRefusedWithoutAPasswordCheck) {
  const std::string_view messages[] = {
      "acme"sv,
      "acme secret"sv,
      "\0"sv,
      "\0\0"sv,
      "\0\0\0"sv,
      "\0acme"sv,
      "\0acme\0"sv,
      "acme\0secret"sv,
      "\0\0secret"sv,
      "acme\0\0secret"sv,
      "\0acme\0secret\0"sv,
      "\0acme\0sec\0ret"sv,
      "\0\0acme\0secret"sv,

      "\xff\xff\xff"sv,
  };
  for (const auto message : messages) {
    EXPECT_EQ(verdict_of(message), Verdict::refused) << testing::PrintToString(message);
  }
  EXPECT_EQ(checker_.figures().checks, 0u);
}

TEST_F(AuthenticatorTest, TooLongMessagesAreRefused) {
  EXPECT_EQ(verdict_of(std::string(kMaxMessage + 1, 'a')), Verdict::refused);
  EXPECT_EQ(verdict_of(std::string(1 << 24, '\0')), Verdict::refused);
  EXPECT_EQ(verdict_of(plain("acme", std::string(1 << 20, 'x'))), Verdict::refused);
  EXPECT_EQ(verdict_of(plain(std::string(3000, 'u'), "secret")), Verdict::refused);
  EXPECT_EQ(verdict_of(plain("acme", "secret", std::string(3000, 'u'))), Verdict::refused);
}

TEST_F(AuthenticatorTest, ALongPasswordWorksUpToTheBound) {
  const std::string password(kMaxMessage - plain("acme", "").size(), 'x');
  users_.set("acme", password);
  EXPECT_EQ(verdict_of(plain("acme", password)), Verdict::accepted);
  EXPECT_EQ(verdict_of(plain("acme", password)), Verdict::accepted);
  EXPECT_EQ(verdict_of(plain("acme", password + 'x')), Verdict::refused);
}

TEST_F(AuthenticatorTest, NamesAndPasswordsOfAnyBytesWork) {
  users_.set("\xc3\xbc\x01\xff@%s", "\xfe\r\n\t ");
  const Result result = sign_in_with(plain("\xc3\xbc\x01\xff@%s", "\xfe\r\n\t "));
  EXPECT_EQ(result.verdict, Verdict::accepted);
  EXPECT_EQ(result.username, "\xc3\xbc\x01\xff@%s");
}

TEST_F(AuthenticatorTest, ANameIsItsExactBytes) {
  EXPECT_EQ(verdict_of(plain("acme", "secret")), Verdict::accepted);
  for (const char* name : {" acme", "acme ", "acme\n", "Acme", "acme@mctenant", " "}) {
    EXPECT_EQ(verdict_of(plain(name, "secret")), Verdict::refused) << name;
  }
  users_.set(" ", "blank");
  EXPECT_EQ(sign_in_with(plain(" ", "blank")).username, " ");
}

TEST_F(AuthenticatorTest, ANameMayBeAsLongAsCyrusCanHold) {
  const std::string longest(1023, 'u');
  users_.set(longest, "secret");
  EXPECT_EQ(sign_in_with(plain(longest, "secret", longest)).username, longest);
  for (const size_t size : {size_t{1024}, size_t{1025}, size_t{4000}}) {
    users_.set(std::string(size, 'u'), "secret");
    EXPECT_EQ(verdict_of(plain(std::string(size, 'u'), "secret")), Verdict::refused) << size;
  }
}

// What a stranger can repeat must not make the process grow.
TEST_F(AuthenticatorTest, RefusedMessagesLeaveNoMemoryBehind) {
#ifdef MCTENANT_ANOTHER_ALLOCATOR
  GTEST_SKIP() << "a sanitizer's allocator does not say how much is in use (and looks for leaks itself)";
#else
  PasswordChecker full({.threads = 1, .queue_length = 0});
  Authenticator authenticator(users_, full, worker_);
  const std::string messages[] = {plain(std::string(3000, 'u'), "secret"),
                                  plain("", "secret"),
                                  plain("acme", ""),
                                  plain("acme", "secret", std::string(3000, 'u')),
                                  "nonsense",
                                  plain("a", "b"),
                                  ""};
  const auto refuse_all = [&] {
    for (const auto& message : messages) {
      const auto conversation = authenticator.begin(kDefaultMechanisms);
      EXPECT_NE(conversation->start("PLAIN", message, [](Result) {}).verdict, Verdict::accepted);
    }
  };
  constexpr size_t kRounds = 200;
  refuse_all();
  const size_t before = mallinfo2().uordblks;
  for (size_t i = 0; i < kRounds; ++i) refuse_all();
  // What the allocator keeps at hand for the thread counts as in use, and is some 11 KB however many rounds
  // there are.
  EXPECT_LT(mallinfo2().uordblks, before + kRounds * 100);
#endif
}

TEST_F(AuthenticatorTest, WithoutAnInitialResponseItIsAskedFor) {
  for (int round = 0; round < 2; ++round) {  // by the checker, then from memory
    const auto conversation = authenticator_.begin(kDefaultMechanisms);
    Result later;
    const auto done = [&](Result result) { later = std::move(result); };
    const Result first = conversation->start("PLAIN", "", done);
    EXPECT_EQ(first.verdict, Verdict::challenge);
    EXPECT_TRUE(first.challenge.empty());
    const Result second = conversation->step(plain("acme", "secret"), done);
    if (round == 0) {
      EXPECT_EQ(second.verdict, Verdict::pending);
      worker_.run_one();
    } else {
      later = second;
    }
    EXPECT_EQ(later.verdict, Verdict::accepted);
    EXPECT_EQ(later.username, "acme");
  }
  EXPECT_EQ(sign_in(authenticator_, worker_, "PLAIN", "", plain("acme", "wrong")).verdict, Verdict::refused);
  EXPECT_EQ(sign_in(authenticator_, worker_, "PLAIN", "", "").verdict, Verdict::refused);
  EXPECT_EQ(sign_in(authenticator_, worker_, "PLAIN", "", "nonsense").verdict, Verdict::refused);
}

TEST_F(AuthenticatorTest, AConversationOutOfOrderIsRefused) {
  EXPECT_EQ(verdict_of(plain("acme", "secret")), Verdict::accepted);
  const std::string good = plain("acme", "secret");
  const auto unexpected = [](Result) { FAIL() << "called back"; };

  const auto never_started = authenticator_.begin(kDefaultMechanisms);
  EXPECT_EQ(never_started->step(good, unexpected).verdict, Verdict::refused);
  EXPECT_EQ(never_started->start("PLAIN", good, unexpected).verdict, Verdict::refused);

  const auto accepted = authenticator_.begin(kDefaultMechanisms);
  EXPECT_EQ(accepted->start("PLAIN", good, unexpected).verdict, Verdict::accepted);
  EXPECT_EQ(accepted->step("", unexpected).verdict, Verdict::refused);
  EXPECT_EQ(accepted->start("PLAIN", good, unexpected).verdict, Verdict::refused);

  const auto refused = authenticator_.begin(kDefaultMechanisms);
  EXPECT_EQ(refused->start("PLAIN", "nonsense", unexpected).verdict, Verdict::refused);
  EXPECT_EQ(refused->step("", unexpected).verdict, Verdict::refused);
  EXPECT_EQ(refused->start("PLAIN", good, unexpected).verdict, Verdict::refused);

  const auto challenged = authenticator_.begin(kDefaultMechanisms);
  EXPECT_EQ(challenged->start("PLAIN", "", unexpected).verdict, Verdict::challenge);
  EXPECT_EQ(challenged->start("PLAIN", good, unexpected).verdict, Verdict::refused);
  EXPECT_EQ(challenged->step(good, unexpected).verdict, Verdict::refused);

  users_.set("acme", "changed");
  const auto waiting = authenticator_.begin(kDefaultMechanisms);
  EXPECT_EQ(waiting->start("PLAIN", plain("acme", "changed"), unexpected).verdict, Verdict::pending);
  EXPECT_EQ(waiting->step(good, unexpected).verdict, Verdict::refused);
  worker_.run_one();  // the answer comes, and nobody waits any more
}

TEST_F(AuthenticatorTest, AFullQueueIsBusyWhoeverAsks) {
  PasswordChecker full({.threads = 1, .queue_length = 0});
  Authenticator authenticator(users_, full, worker_);
  EXPECT_EQ(sign_in(authenticator, worker_, "PLAIN", plain("acme", "secret")).verdict, Verdict::busy);
  EXPECT_EQ(sign_in(authenticator, worker_, "PLAIN", plain("acme", "wrong")).verdict, Verdict::busy);
  EXPECT_EQ(sign_in(authenticator, worker_, "PLAIN", plain("nobody", "secret")).verdict, Verdict::busy);
  EXPECT_EQ(sign_in(authenticator, worker_, "PLAIN", "", plain("acme", "secret")).verdict, Verdict::busy);
  EXPECT_EQ(full.figures().busy, 4u);
  EXPECT_EQ(worker_.posted(), 0u);
}

TEST_F(AuthenticatorTest, DroppingTheConversationCancels) {
  const auto token = std::make_shared<int>();
  auto conversation = authenticator_.begin(kDefaultMechanisms);
  const auto unexpected = [token](Result) { FAIL() << "called back"; };
  EXPECT_EQ(conversation->start("PLAIN", plain("acme", "secret"), unexpected).verdict, Verdict::pending);
  conversation.reset();
  worker_.run_one();  // the checker's answer
  EXPECT_EQ(worker_.posted(), 0u);
}

TEST_F(AuthenticatorTest, TheConversationMayBeDroppedInItsCallback) {
  auto conversation = authenticator_.begin(kDefaultMechanisms);
  Verdict verdict = Verdict::pending;
  const auto first = conversation->start("PLAIN", plain("acme", "secret"), [&](Result result) {
    verdict = result.verdict;
    conversation.reset();
  });
  EXPECT_EQ(first.verdict, Verdict::pending);
  worker_.run_one();
  EXPECT_EQ(verdict, Verdict::accepted);
  EXPECT_EQ(conversation, nullptr);
}

TEST_F(AuthenticatorTest, AChangedPasswordIsForgotten) {
  EXPECT_EQ(verdict_of(plain("acme", "secret")), Verdict::accepted);
  users_.set("acme", "changed");
  EXPECT_EQ(verdict_of(plain("acme", "secret")), Verdict::refused);
  EXPECT_EQ(verdict_of(plain("acme", "changed")), Verdict::accepted);
  users_.remove("acme");
  EXPECT_EQ(verdict_of(plain("acme", "changed")), Verdict::refused);
}

TEST_F(AuthenticatorTest, APasswordThatIsTakenAwayDuringItsCheckIsRefused) {
  for (const bool removed : {true, false}) {
    users_.set("acme", "secret");
    const auto conversation = authenticator_.begin(kDefaultMechanisms);
    Result later;
    const auto first =
        conversation->start("PLAIN", plain("acme", "secret"), [&](Result result) { later = result; });
    EXPECT_EQ(first.verdict, Verdict::pending);
    if (removed) {
      users_.remove("acme");
    } else {
      users_.set("acme", "changed");
    }
    later.verdict = Verdict::pending;
    worker_.run_one();
    EXPECT_EQ(later.verdict, Verdict::refused);
    EXPECT_TRUE(later.username.empty());
  }
}

TEST_F(AuthenticatorTest, RandomMessagesAreNeverAccepted) {
  PasswordChecker full({.threads = 1, .queue_length = 0});
  Authenticator authenticator(users_, full, worker_);
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string message = i % 2 == 0 ? plain("acme", "secret") : std::string(random() % 64, '\0');
    for (size_t changes = 1 + random() % 8; changes > 0 && !message.empty(); --changes) {
      message[random() % message.size()] = static_cast<char>(random() % 4 == 0 ? 0 : random());
    }
    const auto conversation = authenticator.begin(kDefaultMechanisms);
    const Verdict verdict = conversation->start("PLAIN", message, [](Result) { FAIL(); }).verdict;
    if (message.empty()) {
      EXPECT_EQ(verdict, Verdict::challenge);
    } else {
      EXPECT_TRUE(verdict == Verdict::refused || verdict == Verdict::busy) << testing::PrintToString(message);
    }
  }
}

TEST_F(AuthenticatorTest, AConversationHoldsLittleMemory) {
#ifdef MCTENANT_ANOTHER_ALLOCATOR
  GTEST_SKIP() << "a sanitizer's allocator does not say how much is in use";
#else
  constexpr size_t kCount = 200;
  PasswordChecker stalled({.threads = 1, .queue_length = kCount});
  Authenticator authenticator(users_, stalled, worker_);
  const auto ignore = [](Result) {};
  const auto held_by = [&](std::string_view message, Verdict expected) {
    std::vector<std::unique_ptr<SignIn> > held(kCount);
    const size_t before = mallinfo2().uordblks;
    for (auto& conversation : held) {
      conversation = authenticator.begin(kDefaultMechanisms);
      EXPECT_EQ(conversation->start("PLAIN", message, ignore).verdict, expected);
    }
    return (mallinfo2().uordblks - before) / kCount;
  };
  // Before its sign-in a connection may hold 16 KiB in all.
  EXPECT_LT(held_by("", Verdict::challenge), 9 * 1024u);
  EXPECT_LT(held_by(plain("acme", "x"), Verdict::pending), 2 * 1024u);
#endif
}

TEST_F(AuthenticatorTest, ManyWorkersSignUsersInAtTheSameTime) {
  constexpr int kThreads = 4;
  constexpr int kSignIns = 500;
  for (int i = 0; i < 8; ++i) users_.set("user" + std::to_string(i), "password" + std::to_string(i));
  std::array<ManualWorker, kThreads> workers;
  PasswordChecker checker({.threads = 2, .queue_length = 1024});
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      ManualWorker& worker = workers[static_cast<size_t>(t)];
      Authenticator authenticator(users_, checker, worker);
      for (int i = 0; i < kSignIns; ++i) {
        const std::string number = std::to_string((t + i) % 8);
        const bool wrong = i % 25 == 24;
        const std::string message = plain("user" + number, wrong ? "wrong" : "password" + number);
        if (i % 100 == 50) {  // and some leave while they wait
          (void)authenticator.begin(kDefaultMechanisms)->start("PLAIN", plain("nobody", "x"), [](Result) {
            FAIL();
          });
        }
        const Result result = sign_in(authenticator, worker, "PLAIN", message);
        const bool expected = wrong
                                  ? result.verdict == Verdict::refused && result.username.empty()
                                  : result.verdict == Verdict::accepted && result.username == "user" + number;
        if (expected) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kThreads * kSignIns);
  EXPECT_EQ(checker.figures().remembered, 8u);
}

}  // namespace
}  // namespace mctenant::auth
