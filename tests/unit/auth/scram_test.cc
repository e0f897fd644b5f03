// SCRAM through Cyrus, with two clients: one written from the standard, and Cyrus's own.

#include <gtest/gtest.h>
#include <malloc.h>
#include <sasl/sasl.h>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "auth_fixture.h"
#include "support/scram_client.h"

namespace mctenant::auth {
namespace {

using support::ScramClient;

constexpr Hash kHashesOfAll[] = {Hash::sha_1, Hash::sha_256, Hash::sha_512};

class ScramTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto initialized = Authenticator::initialize();
    ASSERT_TRUE(initialized) << initialized.error().message;
    users_.set("acme", "pencil");
  }

  // Nothing of SCRAM may take another turn of the loop.
  static Result never(Result result) {
    EXPECT_NE(result.verdict, Verdict::pending);
    return result;
  }
  static SignIn::Done unexpected() {
    return [](const Result&) { FAIL() << "called back"; };
  }
  Result start(SignIn& conversation, std::string_view message, std::string_view mechanism = "SCRAM-SHA-256") {
    return never(conversation.start(mechanism, message, unexpected()));
  }
  Result step(SignIn& conversation, std::string_view message) {
    return never(conversation.step(message, unexpected()));
  }
  std::unique_ptr<SignIn> begin() { return authenticator_.begin(kAllMechanisms); }

  // The whole conversation; the last result.
  Result sign_in_by(ScramClient& client, std::string_view mechanism = "SCRAM-SHA-256") {
    const auto conversation = begin();
    Result result = start(*conversation, client.first(), mechanism);
    if (result.verdict != Verdict::challenge) return result;
    const auto proof = client.final(result.challenge);
    if (!proof) return {};
    result = step(*conversation, *proof);
    if (result.verdict != Verdict::challenge) return result;
    EXPECT_TRUE(client.trusts(result.challenge)) << result.challenge;
    return step(*conversation, "");
  }
  Verdict verdict_of(const std::string& username, const std::string& password,
                     std::string_view mechanism = "SCRAM-SHA-256") {
    ScramClient client(mechanism, username, password);
    return sign_in_by(client, mechanism).verdict;
  }
  // What is shown of a user.
  std::string salt_of(Authenticator& authenticator, const std::string& username,
                      std::string_view mechanism = "SCRAM-SHA-256") {
    ScramClient client(mechanism, username, "");
    const auto conversation = authenticator.begin(kAllMechanisms);
    const Result result = start(*conversation, client.first(), mechanism);
    EXPECT_EQ(result.verdict, Verdict::challenge);
    (void)client.final(result.challenge, "no derivation");
    EXPECT_EQ(client.iterations(), static_cast<int>(kIterations));
    return client.salt();
  }

  Users users_;
  ManualWorker worker_;
  PasswordChecker checker_{{}};
  Authenticator authenticator_{users_, checker_, worker_};
};

TEST_F(ScramTest, TheRightPasswordIsAcceptedAndTheServerProvesItself) {
  ScramClient client("SCRAM-SHA-256", "acme", "pencil");
  const Result result = sign_in_by(client);
  EXPECT_EQ(result.verdict, Verdict::accepted);
  EXPECT_EQ(result.username, "acme");
  EXPECT_EQ(checker_.figures().checks, 0u) << "the server derives no key";
  EXPECT_EQ(worker_.posted(), 0u);
}

TEST_F(ScramTest, EachHashSignsInByItsOwnVerifier) {
  for (const Hash hash : kHashesOfAll) {
    const auto mechanism = scheme_of(hash);
    EXPECT_EQ(verdict_of("acme", "pencil", mechanism),
              hash == Hash::sha_256 ? Verdict::accepted : Verdict::refused)
        << mechanism;
    if (hash != Hash::sha_256) users_.add("acme", "pencil", hash);
    EXPECT_EQ(verdict_of("acme", "pencil", mechanism), Verdict::accepted) << mechanism;
    EXPECT_EQ(verdict_of("acme", "pencil2", mechanism), Verdict::refused) << mechanism;
  }
}

TEST_F(ScramTest, AWrongProofAndAnUnknownUserAreRefusedAtTheSameStep) {
  for (const char* name : {"acme", "nobody"}) {
    ScramClient client("SCRAM-SHA-256", name, "wrong");
    const auto conversation = begin();
    const Result first = start(*conversation, client.first());
    ASSERT_EQ(first.verdict, Verdict::challenge) << name;
    EXPECT_EQ(first.challenge.size(), (24 + 32) + std::string_view("r=,s=,i=10000").size() + 24) << name;
    const Result second = step(*conversation, client.final(first.challenge).value_or(""));
    EXPECT_EQ(second.verdict, Verdict::refused) << name;
    EXPECT_EQ(second.claimed, name);
    EXPECT_EQ(second.username + second.challenge, "");
    EXPECT_EQ(step(*conversation, "").verdict, Verdict::refused);
  }
}

TEST_F(ScramTest, TheSaltOfAnUnknownUserIsHisOwnAndStays) {
  const std::string salt = salt_of(authenticator_, "nobody");
  EXPECT_EQ(salt.size(), kSaltSize);
  EXPECT_EQ(salt_of(authenticator_, "nobody"), salt);
  EXPECT_NE(salt_of(authenticator_, "nobody2"), salt);
  EXPECT_NE(salt_of(authenticator_, "nobody", "SCRAM-SHA-512"), salt);
  EXPECT_NE(salt_of(authenticator_, "acme", "SCRAM-SHA-512"), salt_of(authenticator_, "acme"))
      << "no verifier of that hash";
}

TEST_F(ScramTest, TheSaltOfAnUnknownUserIsThatOfTheSecret) {
  const auto salt = [this](const std::string& secret) {
    PasswordChecker checker({.salt_secret = secret});
    Authenticator authenticator(users_, checker, worker_);
    return salt_of(authenticator, "nobody");
  };
  EXPECT_EQ(salt("one"), salt("one"));
  EXPECT_NE(salt("one"), salt("another"));
  EXPECT_NE(salt(""), salt("")) << "of each process its own";
}

TEST_F(ScramTest, AUserMayActAsHimselfOnly) {
  users_.set("other", "else");
  for (const char* as : {"other", "nobody", "acm"}) {
    ScramClient client("SCRAM-SHA-256", "acme", "pencil");
    client.set_authorization(as);
    EXPECT_EQ(sign_in_by(client).verdict, Verdict::refused) << as;
  }
  ScramClient client("SCRAM-SHA-256", "acme", "pencil");
  client.set_authorization("acme");
  EXPECT_EQ(sign_in_by(client).username, "acme");
}

TEST_F(ScramTest, NamesAndPasswordsOfAnyBytesWork) {
  for (const std::string name : {"a,b=c", "\xc3\xbc\x01\xff@%s", " ", "=2C"}) {
    users_.set(name, "\xfe\r\n\t, =");
    EXPECT_EQ(verdict_of(name, "\xfe\r\n\t, ="), Verdict::accepted) << name;
    EXPECT_EQ(verdict_of(name, "\xfe\r\n\t, ?"), Verdict::refused) << name;
  }
}

TEST_F(ScramTest, WithoutAnInitialResponseItIsAskedFor) {
  ScramClient client("SCRAM-SHA-256", "acme", "pencil");
  const auto conversation = begin();
  Result result = start(*conversation, "");
  EXPECT_EQ(result.verdict, Verdict::challenge);
  EXPECT_EQ(result.challenge, "");
  result = step(*conversation, client.first());
  ASSERT_EQ(result.verdict, Verdict::challenge);
  result = step(*conversation, client.final(result.challenge).value_or(""));
  ASSERT_EQ(result.verdict, Verdict::challenge);
  EXPECT_EQ(step(*conversation, "").verdict, Verdict::accepted);
}

TEST_F(ScramTest, AMechanismThatIsNotOfferedIsRefused) {
  ScramClient client("SCRAM-SHA-256", "acme", "pencil");
  EXPECT_EQ(start(*authenticator_.begin({Mechanism::plain}), client.first()).verdict, Verdict::not_offered);
  EXPECT_EQ(start(*authenticator_.begin({Mechanism::scram_sha_512}), client.first()).verdict,
            Verdict::not_offered);
  EXPECT_EQ(start(*authenticator_.begin({}), client.first()).verdict, Verdict::not_offered);
  EXPECT_EQ(
      start(*authenticator_.begin({Mechanism::scram_sha_256}), plain("acme", "pencil"), "PLAIN").verdict,
      Verdict::not_offered);
  EXPECT_EQ(checker_.figures().checks + checker_.figures().waiting, 0u);
}

TEST_F(ScramTest, TheSameProofDoesNotServeTwice) {
  ScramClient client("SCRAM-SHA-256", "acme", "pencil");
  const auto first = begin();
  const std::string proof = client.final(start(*first, client.first()).challenge).value_or("");
  const auto second = begin();
  ASSERT_EQ(start(*second, client.first()).verdict, Verdict::challenge);
  EXPECT_EQ(step(*second, proof).verdict, Verdict::refused);
  EXPECT_EQ(step(*first, proof).verdict, Verdict::challenge);
}

TEST_F(ScramTest, ABindingToAChannelIsRefused) {
  for (const char* binding : {"p=tls-unique", "p=tls-exporter", "p=", "p"}) {
    const auto conversation = begin();
    EXPECT_EQ(start(*conversation, std::string(binding) + ",,n=acme,r=nonce").verdict, Verdict::refused);
  }
  const auto later = begin();
  ASSERT_EQ(start(*later, "").verdict, Verdict::challenge);
  EXPECT_EQ(step(*later, "p=tls-unique,,n=acme,r=nonce").verdict, Verdict::refused);
}

TEST_F(ScramTest, MalformedFirstMessagesAreRefused) {
  using namespace std::string_view_literals;
  for (const std::string_view message :
       {"n"sv, "n,,"sv, "n,,n=acme"sv, "n,,n=acme,"sv, "n,,n=,r=nonce"sv, "n,,r=nonce,n=acme"sv,
        "n,,m=x,n=acme,r=n"sv, "n,x=y,n=acme,r=n"sv, "n,a=acme"sv, "n,a==,n=acme,r=nonce"sv,
        "n,,n=ac=me,r=nonce"sv, "x,,n=acme,r=nonce"sv, "N,,n=acme,r=nonce"sv, ",,n=acme,r=nonce"sv,
        "n,,n=acme\0,r=nonce"sv, "n,,n=\0acme,r=nonce"sv, "\0acme\0pencil"sv, "n,,n=acme,r"sv}) {
    EXPECT_EQ(start(*begin(), message).verdict, Verdict::refused) << testing::PrintToString(message);
  }
}

TEST_F(ScramTest, MalformedProofsAreRefused) {
  const auto try_with = [this](const auto& change) {
    ScramClient client("SCRAM-SHA-256", "acme", "pencil");
    const auto conversation = begin();
    const Result first = start(*conversation, client.first());
    const std::string proof = change(client.final(first.challenge).value_or(""));
    EXPECT_EQ(step(*conversation, proof).verdict, Verdict::refused) << proof;
    EXPECT_EQ(step(*conversation, "").verdict, Verdict::refused);
  };
  try_with([](const std::string&) { return std::string(); });
  try_with([](const std::string&) { return std::string("c=biws"); });
  try_with([](const std::string& proof) { return proof.substr(0, proof.size() - 1); });
  try_with([](const std::string& proof) { return proof + ","; });
  try_with([](const std::string& proof) { return proof + ",x=y"; });
  try_with([](const std::string& proof) { return "c=eSws" + proof.substr(6); });
  try_with([](const std::string& proof) { return proof.substr(7); });
  try_with([](const std::string& proof) { return proof.substr(0, proof.find(",p=")); });
  try_with([](const std::string& proof) { return proof.substr(0, proof.find(",p=")) + ",p="; });
  try_with([](std::string proof) {
    proof[proof.find(",p=") + 5] ^= 1;
    return proof;
  });
  try_with([](std::string proof) {
    proof[proof.find("r=") + 30] ^= 1;
    return proof;
  });
  try_with([](const std::string& proof) { return proof + std::string(1, '\0'); });
}

TEST_F(ScramTest, TooLongMessagesAreRefused) {
  ScramClient longest("SCRAM-SHA-256", "acme", "pencil", std::string(kMaxScramMessage - 12, 'n'));
  const auto conversation = begin();
  const std::string first = longest.first();
  ASSERT_EQ(first.size(), kMaxScramMessage);
  EXPECT_EQ(start(*conversation, first).verdict, Verdict::challenge);
  ScramClient longer("SCRAM-SHA-256", "acme", "pencil", std::string(kMaxScramMessage - 11, 'n'));
  EXPECT_EQ(start(*begin(), longer.first()).verdict, Verdict::refused);
  EXPECT_EQ(start(*begin(), std::string(1 << 20, 'n')).verdict, Verdict::refused);
}

TEST_F(ScramTest, APasswordThatIsTakenAwayBetweenTheStepsIsRefused) {
  for (const bool removed : {true, false}) {
    for (const int changed_before : {1, 2}) {
      users_.set("acme", "pencil");
      ScramClient client("SCRAM-SHA-256", "acme", "pencil");
      const auto conversation = begin();
      Result result = start(*conversation, client.first());
      const auto change = [&] { removed ? users_.remove("acme") : users_.set("acme", "pencil"); };
      if (changed_before == 1) change();
      result = step(*conversation, client.final(result.challenge).value_or(""));
      if (changed_before == 2) change();
      if (result.verdict == Verdict::challenge) result = step(*conversation, "");
      EXPECT_EQ(result.verdict, Verdict::refused) << removed << changed_before;
      EXPECT_EQ(result.username, "");
    }
  }
}

TEST_F(ScramTest, AConversationOutOfOrderIsRefused) {
  ScramClient client("SCRAM-SHA-256", "acme", "pencil");
  const auto conversation = begin();
  const Result first = start(*conversation, client.first());
  ASSERT_EQ(first.verdict, Verdict::challenge);
  EXPECT_EQ(start(*conversation, client.first()).verdict, Verdict::refused);
  EXPECT_EQ(step(*conversation, client.final(first.challenge).value_or("")).verdict, Verdict::refused);
}

// 16 KiB are all that a connection may hold before it has signed in.
TEST_F(ScramTest, AConversationHoldsLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator does not say how much is in use";
#else
  constexpr size_t kCount = 200;
  std::vector<std::unique_ptr<SignIn> > held(kCount);
  ScramClient longest("SCRAM-SHA-256", "acme", "pencil", std::string(kMaxScramMessage - 12, 'n'));
  const std::string first = longest.first();
  const size_t before = mallinfo2().uordblks;
  for (auto& conversation : held) {
    conversation = begin();
    ASSERT_EQ(start(*conversation, first).verdict, Verdict::challenge);
  }
  EXPECT_LT((mallinfo2().uordblks - before) / kCount, 14 * 1024u);
#endif
}

TEST_F(ScramTest, RefusedConversationsLeaveNoMemoryBehind) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator does not say how much is in use (and looks for leaks itself)";
#else
  const auto refuse_all = [this] {
    for (const char* name : {"acme", "nobody"}) {
      ScramClient client("SCRAM-SHA-256", name, "wrong");
      const auto conversation = begin();
      const Result first = start(*conversation, client.first());
      (void)step(*conversation, client.final(first.challenge, std::string(32, 'k')).value_or(""));
    }
    for (const char* message :
         {"n,,n=acme,r=left alone", "n,,n=acme,", "n,,n=a=b,r=x", "nonsense and more"}) {
      const auto conversation = begin();
      (void)start(*conversation, message);
    }
  };
  constexpr size_t kRounds = 200;
  // What the allocator keeps at hand for the thread counts as in use: once that is full, nothing grows.
  for (size_t i = 0; i < kRounds; ++i) refuse_all();
  const size_t before = mallinfo2().uordblks;
  for (size_t i = 0; i < kRounds; ++i) refuse_all();
  EXPECT_LT(mallinfo2().uordblks, before + kRounds * 20);
#endif
}

// ---- Cyrus's own client, as libmemcached uses it.

// The callbacks' context.
struct Who {
  std::string name;
  std::vector<char> secret;  // a sasl_secret_t
};

int give_name(void* context, int, const char** result, unsigned* length) {
  const auto& who = *static_cast<const Who*>(context);
  *result = who.name.c_str();
  if (length != nullptr) *length = static_cast<unsigned>(who.name.size());
  return SASL_OK;
}

int give_secret(sasl_conn_t*, void* context, int, sasl_secret_t** secret) {
  *secret = reinterpret_cast<sasl_secret_t*>(static_cast<Who*>(context)->secret.data());
  return SASL_OK;
}

template <class Function>
int (*as_callback(Function* function))() {
  return reinterpret_cast<int (*)()>(reinterpret_cast<void (*)()>(function));
}

class CyrusClient {
 public:
  CyrusClient(std::string name, const std::string& password) : who_{std::move(name), {}} {
    who_.secret.resize(sizeof(sasl_secret_t) + password.size());
    auto* secret = reinterpret_cast<sasl_secret_t*>(who_.secret.data());
    secret->len = password.size();
    std::memcpy(secret->data, password.data(), password.size());
    sasl_client_new("memcached", "localhost", nullptr, nullptr, callbacks_, 0, &connection_);
  }
  ~CyrusClient() { sasl_dispose(&connection_); }
  CyrusClient(const CyrusClient&) = delete;
  CyrusClient& operator=(const CyrusClient&) = delete;

  // Chooses among the mechanisms that are offered.
  std::string start(std::string_view offered, std::string& mechanism) {
    const char* out = nullptr;
    unsigned length = 0;
    const char* chosen = nullptr;
    result_ = sasl_client_start(connection_, std::string(offered).c_str(), nullptr, &out, &length, &chosen);
    mechanism = chosen != nullptr ? chosen : "";
    return {out != nullptr ? out : "", length};
  }
  std::string step(const std::string& challenge) {
    const char* out = nullptr;
    unsigned length = 0;
    result_ = sasl_client_step(connection_, challenge.data(), static_cast<unsigned>(challenge.size()),
                               nullptr, &out, &length);
    return {out != nullptr ? out : "", length};
  }
  [[nodiscard]] int result() const { return result_; }

 private:
  Who who_;
  sasl_callback_t callbacks_[4] = {{SASL_CB_USER, as_callback(&give_name), &who_},
                                   {SASL_CB_AUTHNAME, as_callback(&give_name), &who_},
                                   {SASL_CB_PASS, as_callback(&give_secret), &who_},
                                   {SASL_CB_LIST_END, nullptr, nullptr}};
  sasl_conn_t* connection_ = nullptr;
  int result_ = SASL_FAIL;
};

TEST_F(ScramTest, CyrussClientSignsInAndPrefersScram) {
  // Where other tests of this program have no plugins to be found.
  const char* path = std::getenv("SASL_PATH");
  const std::string before = path != nullptr ? path : "";
  unsetenv("SASL_PATH");
  ASSERT_EQ(sasl_client_init(nullptr), SASL_OK);
  if (path != nullptr) setenv("SASL_PATH", before.c_str(), 1);
  for (const Mechanism mechanism :
       {Mechanism::scram_sha_1, Mechanism::scram_sha_256, Mechanism::scram_sha_512}) {
    const Hash hash = hash_of(mechanism).value_or(Hash::sha_256);
    if (hash != Hash::sha_256) users_.add("acme", "pencil", hash);
    for (const char* password : {"pencil", "wrong"}) {
      const Mechanisms offered{Mechanism::plain, mechanism};
      CyrusClient client("acme", password);
      std::string chosen;
      std::string message = client.start(list_of(offered), chosen);
      ASSERT_EQ(chosen, name_of(mechanism));
      const auto conversation = authenticator_.begin(offered);
      Result result = start(*conversation, message, chosen);
      while (result.verdict == Verdict::challenge) {
        message = client.step(result.challenge);
        ASSERT_TRUE(client.result() == SASL_OK || client.result() == SASL_CONTINUE) << client.result();
        result = step(*conversation, message);
      }
      const bool right = password == std::string_view("pencil");
      EXPECT_EQ(result.verdict, right ? Verdict::accepted : Verdict::refused);
      EXPECT_EQ(client.result(), right ? SASL_OK : SASL_CONTINUE) << "it trusts the server's signature";
    }
  }
}

TEST_F(ScramTest, ManyWorkersSignUsersInAtTheSameTime) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i) users_.set("user" + std::to_string(i), "password" + std::to_string(i));
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        const std::string number = std::to_string((t + i) % 8);
        const bool wrong = i % 10 == 9;
        ScramClient client("SCRAM-SHA-256", "user" + number, wrong ? "wrong" : "password" + number);
        const Result result = sign_in_by(client);
        if (wrong ? result.verdict == Verdict::refused : result.username == "user" + number) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kThreads * 40);
}

}  // namespace
}  // namespace mctenant::auth
