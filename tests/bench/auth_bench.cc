// What a sign-in costs: the first with a password, later ones, and Cyrus SASL's part of it.
#include <benchmark/benchmark.h>
#include <sasl/sasl.h>

#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "support/scram_client.h"

namespace mctenant::auth {
namespace {

// A worker that does nothing but sign users in.
class WaitingWorker final : public base::Executor {
 public:
  void post(std::function<void()> task) override {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    posted_.notify_one();
  }
  void run() {
    std::vector<std::function<void()>> tasks;
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [this] { return !tasks_.empty(); });
    tasks.swap(tasks_);
    lock.unlock();
    for (auto& task : tasks) task();
  }

 private:
  std::mutex mutex_;
  std::condition_variable posted_;
  std::vector<std::function<void()>> tasks_;
};

class OneUser final : public CredentialSource {
 public:
  [[nodiscard]] const Verifier* find_verifier(std::string_view username, Hash hash) const override {
    return username == "acme-production" && hash == verifier_.hash ? &verifier_ : nullptr;
  }

 private:
  const Verifier verifier_ = make_verifier("9f86d081884c7d659a2feaa0c55ad015");
};

const std::string& message() {
  static const std::string text =
      std::string(1, '\0') + "acme-production" + '\0' + "9f86d081884c7d659a2feaa0c55ad015";
  return text;
}

Verdict sign_in(Authenticator& authenticator, WaitingWorker& worker) {
  const auto conversation = authenticator.begin(kDefaultMechanisms);
  std::optional<Verdict> verdict;
  const Result now =
      conversation->start("PLAIN", message(), [&](Result result) { verdict = result.verdict; });
  if (now.verdict != Verdict::pending) return now.verdict;
  while (!verdict) worker.run();
  return *verdict;
}

void run(benchmark::State& state, size_t remembered) {
  if (!Authenticator::initialize()) return state.SkipWithError("Cyrus SASL can't be started");
  OneUser users;
  WaitingWorker worker;
  PasswordChecker checker({.threads = 1, .queue_length = 16, .remembered = remembered});
  Authenticator authenticator(users, checker, worker);
  (void)sign_in(authenticator, worker);
  for (auto _ : state) {
    if (sign_in(authenticator, worker) != Verdict::accepted) return state.SkipWithError("refused");
  }
  state.SetItemsProcessed(state.iterations());
}

void FirstPlain(benchmark::State& state) { run(state, 0); }
BENCHMARK(FirstPlain)->Unit(benchmark::kMicrosecond)->UseRealTime();

void RememberedPlain(benchmark::State& state) { run(state, 1000); }
BENCHMARK(RememberedPlain)->Unit(benchmark::kMicrosecond);

// The whole conversation on the worker, the client's part (without its PBKDF2) among it.
void Scram(benchmark::State& state) {
  if (!Authenticator::initialize()) return state.SkipWithError("Cyrus SASL can't be started");
  OneUser users;
  WaitingWorker worker;
  PasswordChecker checker({});
  Authenticator authenticator(users, checker, worker);
  const auto unexpected = [](const Result&) { std::abort(); };
  std::string salted;
  for (auto _ : state) {
    support::ScramClient client("SCRAM-SHA-256", "acme-production", "9f86d081884c7d659a2feaa0c55ad015");
    const auto conversation = authenticator.begin(kDefaultMechanisms);
    Result result = conversation->start("SCRAM-SHA-256", client.first(), unexpected);
    result = conversation->step(client.final(result.challenge, salted).value_or(""), unexpected);
    salted = client.salted_password();
    if (conversation->step("", unexpected).verdict != Verdict::accepted)
      return state.SkipWithError("refused");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Scram)->Unit(benchmark::kMicrosecond);

void CyrusNewAndDispose(benchmark::State& state) {
  if (!Authenticator::initialize()) return state.SkipWithError("Cyrus SASL can't be started");
  for (auto _ : state) {
    sasl_conn_t* connection = nullptr;
    if (sasl_server_new("memcached", "mctenant", nullptr, nullptr, nullptr, nullptr, 0, &connection) !=
        SASL_OK) {
      return state.SkipWithError("no connection");
    }
    sasl_dispose(&connection);
  }
}
BENCHMARK(CyrusNewAndDispose)->Unit(benchmark::kMicrosecond);

void RememberedLookUp(benchmark::State& state) {
  PasswordChecker checker({});
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        checker.remembers("acme-production", checker.fake(), "9f86d081884c7d659a2feaa0c55ad015"));
  }
}
BENCHMARK(RememberedLookUp)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mctenant::auth
