#include "auth/password_checker.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "auth/remembered.h"
#include "auth/secret_bytes.h"
#include "base/secret.h"

namespace mctenant::auth {
namespace {

// A verifier that no password has: its keys are random, not derived.
Verifier make_fake() {
  Verifier fake;
  fake.salt.resize(16);
  base::random_bytes(fake.salt.data(), fake.salt.size());
  base::random_bytes(fake.stored_key.data(), fake.stored_key.size());
  base::random_bytes(fake.server_key.data(), fake.server_key.size());
  return fake;
}

struct Job {
  std::string username;
  Verifier verifier;
  SecretBytes password;
  bool known = false;
  base::Executor* reply_to = nullptr;
  std::function<void(bool)> done;
};

}  // namespace

struct PasswordChecker::Impl {
  explicit Impl(const PasswordCheckerOptions& options)
      : queue_length(options.queue_length), remembered(options.remembered), fake(make_fake()) {}

  void run();
  void check(Job job);

  const size_t queue_length;
  Remembered remembered;
  const Verifier fake;
  std::atomic<uint64_t> remembered_hits{0};
  std::atomic<uint64_t> checks{0};
  std::atomic<uint64_t> refusals{0};
  std::atomic<uint64_t> busy{0};

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> queue;  // under the mutex, as `stopping`
  bool stopping = false;
  std::vector<std::thread> threads;
};

void PasswordChecker::Impl::run() {
  pthread_setname_np(pthread_self(), "password-check");
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return stopping || !queue.empty(); });
    if (stopping) return;
    Job job = std::move(queue.front());
    queue.pop_front();
    checks.fetch_add(1, std::memory_order_relaxed);  // under the lock: a job is seen to wait or to be checked
    lock.unlock();
    check(std::move(job));
    lock.lock();
  }
}

void PasswordChecker::Impl::check(Job job) {
  const bool right = matches(job.verifier, job.password.view()) && job.known;
  if (right) {
    remembered.add(job.username, job.verifier, job.password.view());
  } else {
    refusals.fetch_add(1, std::memory_order_relaxed);
  }
  job.reply_to->post([done = std::move(job.done), right] { done(right); });
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
  const bool found = impl_->remembered.contains(username, verifier, password);
  if (found) impl_->remembered_hits.fetch_add(1, std::memory_order_relaxed);
  return found;
}

bool PasswordChecker::check(std::string_view username, const Verifier* verifier, std::string_view password,
                            base::Executor& reply_to, std::function<void(bool)> done) {
  Job job{.username = std::string(username),
          .verifier = verifier != nullptr ? *verifier : impl_->fake,
          .password = SecretBytes(password),
          .known = verifier != nullptr,
          .reply_to = &reply_to,
          .done = std::move(done)};
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->queue.size() >= impl_->queue_length) {
      impl_->busy.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    impl_->queue.push_back(std::move(job));
  }
  impl_->changed.notify_one();
  return true;
}

const Verifier& PasswordChecker::fake() const { return impl_->fake; }

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
