#include "auth/password_checker.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

#include <array>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auth/remembered.h"
#include "auth/secret_bytes.h"
#include "base/scheduling.h"
#include "base/secret.h"

namespace mctenant::auth {
namespace {

// A verifier that no password has: its keys are random, not derived.
Verifier make_fake() {
  Verifier fake;
  fake.salt.resize(kSaltSize);
  base::random_bytes(fake.salt.data(), fake.salt.size());
  base::random_bytes(fake.stored_key.data(), fake.stored_key.size());
  base::random_bytes(fake.server_key.data(), fake.server_key.size());
  return fake;
}

std::string make_secret() {
  std::string secret(32, '\0');
  base::random_bytes(secret.data(), secret.size());
  return secret;
}

struct Waiter {
  base::Executor* reply_to = nullptr;
  std::function<void(bool)> done;
};

// One attempt, and all who wait for what comes of it: clients of one user that come at the same time, before
// his password is remembered, cost one check.
struct Job {
  std::string username;
  Verifier verifier;
  SecretBytes password;
  bool known = false;
  std::vector<Waiter> waiters;
};

}  // namespace

struct PasswordChecker::Impl {
  using Digest = Remembered::Digest;

  explicit Impl(const PasswordCheckerOptions& options)
      : queue_length(options.queue_length),
        remembered(options.remembered),
        fake(make_fake()),
        salt_secret(options.salt_secret.empty() ? make_secret() : options.salt_secret) {}

  void run();
  void check(const Digest& digest, const Job& job, std::unique_lock<std::mutex>& lock);

  const size_t queue_length;
  Remembered remembered;
  const Verifier fake;
  const std::string salt_secret;
  std::atomic<uint64_t> remembered_hits{0};
  std::atomic<uint64_t> checks{0};
  std::atomic<uint64_t> refusals{0};
  std::atomic<uint64_t> busy{0};

  mutable std::mutex mutex;
  std::condition_variable changed;
  // All below under the mutex. A job stays here until it is answered; of those in the queue nobody has begun.
  std::unordered_map<Digest, std::unique_ptr<Job>, Remembered::DigestHash> jobs;
  std::deque<Digest> queue;
  bool stopping = false;
  std::vector<std::thread> threads;
};

void PasswordChecker::Impl::run() {
  pthread_setname_np(pthread_self(), "password-check");
  base::give_way();
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return stopping || !queue.empty(); });
    if (stopping) return;
    const Digest digest = queue.front();
    queue.pop_front();
    checks.fetch_add(1, std::memory_order_relaxed);  // under the lock: a job is seen to wait or to be checked
    check(digest, *jobs.at(digest), lock);
  }
}

// Only the job's waiters change meanwhile.
void PasswordChecker::Impl::check(const Digest& digest, const Job& job, std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  const bool right = matches(job.verifier, job.password.view()) && job.known;
  if (right) {
    remembered.add(digest);
  } else {
    refusals.fetch_add(1, std::memory_order_relaxed);
  }
  lock.lock();
  const std::unique_ptr<Job> answered = std::move(jobs.at(digest));
  jobs.erase(digest);
  for (Waiter& waiter : answered->waiters) {
    waiter.reply_to->post([done = std::move(waiter.done), right] { done(right); });
  }
}

PasswordChecker::PasswordChecker(const PasswordCheckerOptions& options)
    : impl_(std::make_unique<Impl>(options)) {
  const size_t threads = std::max<size_t>(options.threads, 1);
  for (size_t i = 0; i < threads; ++i) impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
}

PasswordChecker::~PasswordChecker() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

bool PasswordChecker::remembers(std::string_view username, const Verifier& verifier,
                                std::string_view password) {
  const bool found = impl_->remembered.contains(impl_->remembered.digest(username, verifier, password));
  if (found) impl_->remembered_hits.fetch_add(1, std::memory_order_relaxed);
  return found;
}

bool PasswordChecker::check(std::string_view username, const Verifier* verifier, std::string_view password,
                            base::Executor& reply_to, std::function<void(bool)> done) {
  const Verifier& used = verifier != nullptr ? *verifier : impl_->fake;
  const Remembered::Digest digest = impl_->remembered.digest(username, used, password);
  {
    std::lock_guard lock(impl_->mutex);
    const auto found = impl_->jobs.find(digest);
    if (found != impl_->jobs.end()) {
      found->second->waiters.push_back({&reply_to, std::move(done)});
      return true;
    }
    if (impl_->queue.size() >= impl_->queue_length) {
      impl_->busy.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    auto job = std::make_unique<Job>(
        Job{std::string(username), used, SecretBytes(password), verifier != nullptr, {}});
    job->waiters.push_back({&reply_to, std::move(done)});
    impl_->jobs.emplace(digest, std::move(job));
    impl_->queue.push_back(digest);
  }
  impl_->changed.notify_one();
  return true;
}

const Verifier& PasswordChecker::fake() const { return impl_->fake; }

Verifier PasswordChecker::fake(std::string_view username, Hash hash) const {
  Verifier made = impl_->fake;
  made.hash = hash;
  std::string name(scheme_of(hash));
  name += '$';
  name += username;
  std::array<uint8_t, 32> digest;
  // Without a digest all strangers had the same salt, and so could be told from users.
  if (HMAC(EVP_sha256(), impl_->salt_secret.data(), static_cast<int>(impl_->salt_secret.size()),
           reinterpret_cast<const uint8_t*>(name.data()), name.size(), digest.data(), nullptr) == nullptr) {
    std::abort();
  }
  made.salt.assign(reinterpret_cast<const char*>(digest.data()), kSaltSize);
  return made;
}

PasswordChecker::Figures PasswordChecker::figures() const {
  std::lock_guard lock(impl_->mutex);
  Figures figures;
  figures.remembered_hits = impl_->remembered_hits.load(std::memory_order_relaxed);
  figures.checks = impl_->checks.load(std::memory_order_relaxed);
  figures.refusals = impl_->refusals.load(std::memory_order_relaxed);
  figures.busy = impl_->busy.load(std::memory_order_relaxed);
  figures.remembered = impl_->remembered.size();
  figures.waiting = impl_->queue.size();
  return figures;
}

}  // namespace mctenant::auth
