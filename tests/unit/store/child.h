#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace mctenant::store {

// A process of the test's own that runs `work`, which writes its results to a pipe.
class Child {
 public:
  explicit Child(const std::function<void(int pipe)>& work) {
    int ends[2];
    if (pipe(ends) != 0) abort();
    pid_ = fork();
    if (pid_ < 0) abort();
    if (pid_ == 0) {
      close(ends[0]);
      work(ends[1]);
      _exit(0);
    }
    close(ends[1]);
    results_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) kill_now();
    close(results_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // False at the end.
  bool read(void* out, size_t size) { return ::read(results_, out, size) == static_cast<ssize_t>(size); }

  // Everything until the end, then waits for the process.
  std::string read_all() {
    std::string text;
    char block[512];
    ssize_t got = 0;
    while ((got = ::read(results_, block, sizeof(block))) > 0) text.append(block, static_cast<size_t>(got));
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
    return text;
  }

  void kill_now() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  int results_ = -1;
};

inline void send_text(int pipe, const std::string& text) {
  if (write(pipe, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(1);
}

}  // namespace mctenant::store
