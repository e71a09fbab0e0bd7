// Runs a program as a user does: arguments, standard input, and what comes out of it.
#pragma once

#include "files.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace support {

struct finished_program {
  int status = -1;  ///< exit status; 128 + n where signal n ended it
  std::string out;
  std::string err;
};

struct program_input {
  std::vector<std::byte> standard_input = {};
  bool terminal_as_stderr = false;
  std::string stdout_to = {};  ///< a file to write to; empty: collected
};

namespace program_detail {
inline std::string collected(const std::string& path) {
  const auto bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string read_terminal(int terminal) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(terminal, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  return text;  // reading fails once the other side is closed
}
}  // namespace program_detail

inline finished_program run_program(const std::vector<std::string>& command, const program_input& input = {}) {
  const temporary_folder folder;
  write_file(folder / "in", input.standard_input);
  const std::string out = input.stdout_to.empty() ? folder / "out" : input.stdout_to;
  const std::string err = folder / "err";
  int terminal = -1;
  std::string terminal_name;
  if (input.terminal_as_stderr) {
    terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(terminal >= 0);
    REQUIRE(::grantpt(terminal) == 0);
    REQUIRE(::unlockpt(terminal) == 0);
    terminal_name = ::ptsname(terminal);
  }
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  std::fflush(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto become = [](int target, const std::string& path, int flags) {
      const int file = ::open(path.c_str(), flags | O_NOCTTY, 0600);
      if (file < 0 || ::dup2(file, target) < 0) ::_exit(126);
    };
    become(0, folder / "in", O_RDONLY);
    become(1, out, O_WRONLY | O_CREAT | O_TRUNC);
    become(2, terminal_name.empty() ? err : terminal_name,
           terminal_name.empty() ? O_WRONLY | O_CREAT | O_TRUNC : O_RDWR);
    ::setenv("TERM", "xterm", 1);
    ::execv(arguments.front(), arguments.data());
    ::_exit(127);
  }
  finished_program finished;
  if (terminal >= 0) {
    finished.err = program_detail::read_terminal(terminal);
    ::close(terminal);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (input.stdout_to.empty()) finished.out = program_detail::collected(out);
  if (terminal < 0) finished.err = program_detail::collected(err);
  return finished;
}

}  // namespace support
