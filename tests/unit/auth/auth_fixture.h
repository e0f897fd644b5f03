#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/authenticator.h"

namespace mctenant::auth {

// A worker's loop that a test turns by hand.
class ManualWorker final : public base::Executor {
 public:
  void post(std::function<void()> task) override {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    posted_.notify_all();
  }

  // Waits for a task and runs it.
  void run_one() {
    std::unique_lock lock(mutex_);
    posted_.wait(lock, [this] { return !tasks_.empty(); });
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }

  // Runs what has been posted, and returns how much that was.
  size_t run_posted() {
    size_t count = 0;
    for (; posted() > 0; ++count) run_one();
    return count;
  }

  [[nodiscard]] size_t posted() const {
    std::lock_guard lock(mutex_);
    return tasks_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;
};

class Users final : public CredentialSource {
 public:
  void set(const std::string& username, std::string_view password) {
    verifiers_[username] = {make_verifier(password)};
  }
  // … and for another hash.
  void add(const std::string& username, std::string_view password, Hash hash) {
    verifiers_[username].push_back(make_verifier(password, hash));
  }
  void remove(const std::string& username) { verifiers_.erase(username); }
  [[nodiscard]] const Verifier* find_verifier(std::string_view username, Hash hash) const override {
    const auto found = verifiers_.find(username);
    if (found == verifiers_.end()) return nullptr;
    for (const Verifier& verifier : found->second) {
      if (verifier.hash == hash) return &verifier;
    }
    return nullptr;
  }

 private:
  std::map<std::string, std::vector<Verifier>, std::less<>> verifiers_;
};

inline constexpr Mechanisms kAllMechanisms{Mechanism::plain, Mechanism::scram_sha_256,
                                           Mechanism::scram_sha_512, Mechanism::scram_sha_1};

// RFC 4616.
inline std::string plain(std::string_view authcid, std::string_view password, std::string_view authzid = "") {
  std::string message(authzid);
  message.push_back('\0');
  message.append(authcid);
  message.push_back('\0');
  message.append(password);
  return message;
}

// Begins a conversation and follows it to its verdict, answering `later` to a challenge.
inline Result sign_in(Authenticator& authenticator, ManualWorker& worker, std::string_view mechanism,
                      std::string_view message, std::string_view later = "") {
  const auto conversation = authenticator.begin(kDefaultMechanisms);
  Result result;
  bool answered = false;
  const auto done = [&](Result later_result) {
    result = std::move(later_result);
    answered = true;
  };
  result = conversation->start(mechanism, message, done);
  if (result.verdict == Verdict::challenge) result = conversation->step(later, done);
  if (result.verdict != Verdict::pending) return result;
  while (!answered) worker.run_one();
  return result;
}

}  // namespace mctenant::auth
