#include "workers.hpp"

#include "../log.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace serverless {

namespace {

struct worker {
  ::pid_t process = 0;  // 0: has ended
  clock::time_point started{};
};

/// The parent of the workers.
class supervisor {
 public:
  supervisor(unsigned count, const std::function<int(unsigned)>& work) : workers_(count), work_(work) {}

  int run() {
    ::sigset_t awaited;
    ::sigemptyset(&awaited);
    for (const int number : {SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&awaited, number);
    ::sigprocmask(SIG_BLOCK, &awaited, &original_);
    for (unsigned i = 0; i < workers_.size(); ++i) start(i);
    while (std::any_of(workers_.begin(), workers_.end(), [](const worker& w) { return w.process != 0; })) {
      int number = 0;
      if (::sigwait(&awaited, &number) != 0) continue;
      if (number == SIGCHLD)
        collect();
      else
        end_all(number);
    }
    return status_;
  }

 private:
  void start(unsigned index) {
    const ::pid_t parent = ::getpid();
    const ::pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != parent) std::exit(1);  // the parent ended before prctl()
      ::sigprocmask(SIG_SETMASK, &original_, nullptr);
      std::exit(work_(index));
    }
    if (child < 0) {
      log_error("worker " + std::to_string(index) + ": fork: " + std::strerror(errno));
      status_ = 1;
      return end_all(SIGTERM);
    }
    workers_[index] = {child, clock::now()};
  }

  void collect() {
    int status = 0;
    for (::pid_t ended = ::waitpid(-1, &status, WNOHANG); ended > 0; ended = ::waitpid(-1, &status, WNOHANG))
      for (unsigned i = 0; i < workers_.size(); ++i)
        if (workers_[i].process == ended) replace(i, status);
  }

  void replace(unsigned index, int status) {
    worker& w = workers_[index];
    w.process = 0;
    if (ending_) {
      if (status != 0) status_ = 1;
      return;
    }
    const bool crashed = WIFSIGNALED(status) && clock::now() - w.started > std::chrono::seconds(1);
    if (crashed) {
      log_error("worker " + std::to_string(index) + ": ended by signal " + std::to_string(WTERMSIG(status)) +
                "; another one takes its place");
      return start(index);
    }
    status_ = 1;
    end_all(SIGTERM);
  }

  void end_all(int number) {
    ending_ = true;
    for (const worker& w : workers_)
      if (w.process != 0) ::kill(w.process, number);
  }

  std::vector<worker> workers_;
  const std::function<int(unsigned)>& work_;
  ::sigset_t original_{};
  int status_ = 0;
  bool ending_ = false;
};

}  // namespace

outcome<std::uint16_t> reserve_port(const settings& s) {
  ::sockaddr_storage address{};
  ::socklen_t length = 0;
  auto* v4 = reinterpret_cast<::sockaddr_in*>(&address);
  auto* v6 = reinterpret_cast<::sockaddr_in6*>(&address);
  if (::inet_pton(AF_INET, s.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(s.port);
    length = sizeof *v4;
  } else if (::inet_pton(AF_INET6, s.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(s.port);
    length = sizeof *v6;
  } else {
    return failure{kind::unavailable, "address: found \"" + s.address + "\", expected a numeric IP address"};
  }

  const int descriptor = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  auto* generic = reinterpret_cast<::sockaddr*>(&address);
  if (descriptor < 0 || ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      ::bind(descriptor, generic, length) != 0 || ::getsockname(descriptor, generic, &length) != 0)
    return failure{kind::unavailable,
                   "cannot listen on " + s.address + " port " + std::to_string(s.port) + ": " + std::strerror(errno)};
  return ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

int run_workers(unsigned count, const std::function<int(unsigned index)>& work) {
  return supervisor(count, work).run();
}

}  // namespace serverless
