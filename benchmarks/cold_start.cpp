// From fork and exec of a program to the first byte of its answer, and to its end: what a cold function costs.
//
//   cold_start_benchmark [--runs 50] [--evict FILE]... -- PROGRAM [ARGUMENT]...
//
// With --evict the named files (the model, the program) are dropped from the page cache before every run; they must
// be written back to disk already, as files that were not just made are. Prints median, best and worst of the runs.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

extern char** environ;

namespace {

using stopwatch = std::chrono::steady_clock;

double milliseconds_since(stopwatch::time_point start) {
  return std::chrono::duration<double, std::milli>(stopwatch::now() - start).count();
}

bool evict(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ::fdatasync(file);
  const bool done = ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0;
  ::close(file);
  return done;
}

struct timing {
  double first_byte = 0.0;
  double end = 0.0;
};

// Starts the program, reads its standard output to the end, waits for it. False if it failed.
bool run_once(char** command, timing& took) {
  int ends[2];
  if (::pipe(ends) != 0) return false;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  pid_t child = 0;
  const auto start = stopwatch::now();
  const int failed = ::posix_spawnp(&child, command[0], &actions, nullptr, command, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    std::fprintf(stderr, "cold_start: %s: %s\n", command[0], std::strerror(failed));
    return false;
  }
  char buffer[4096];
  bool answered = false;
  while (::read(ends[0], buffer, sizeof buffer) > 0) {
    if (!answered) took.first_byte = milliseconds_since(start);
    answered = true;
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  took.end = milliseconds_since(start);
  if (!answered || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "cold_start: %s gave no answer, or failed with status %d\n", command[0], status);
    return false;
  }
  return true;
}

void report(const char* what, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  std::printf("%-22s median %7.2f ms   best %7.2f ms   worst %7.2f ms   (%zu runs)\n", what, times[times.size() / 2],
              times.front(), times.back(), times.size());
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 50;
  std::vector<std::string> evicted;
  int i = 1;
  for (; i < argc && std::strcmp(argv[i], "--") != 0; i += 2) {
    if (i + 1 < argc && std::strcmp(argv[i], "--runs") == 0)
      runs = std::atoi(argv[i + 1]);
    else if (i + 1 < argc && std::strcmp(argv[i], "--evict") == 0)
      evicted.emplace_back(argv[i + 1]);
    else
      break;
  }
  if (i + 1 >= argc || std::strcmp(argv[i], "--") != 0 || runs < 1) {
    std::fputs("usage: cold_start_benchmark [--runs N] [--evict FILE]... -- PROGRAM [ARGUMENT]...\n", stderr);
    return 2;
  }
  char** command = argv + i + 1;
  timing took;
  if (evicted.empty() && !run_once(command, took)) return 1;  // fills the page cache
  std::vector<double> first_bytes;
  std::vector<double> ends;
  for (int run = 0; run < runs; ++run) {
    for (const std::string& path : evicted)
      if (!evict(path)) {
        std::fprintf(stderr, "cold_start: %s: cannot be dropped from the page cache\n", path.c_str());
        return 1;
      }
    if (!run_once(command, took)) return 1;
    first_bytes.push_back(took.first_byte);
    ends.push_back(took.end);
  }
  report(evicted.empty() ? "warm: to the answer" : "cold: to the answer", first_bytes);
  report(evicted.empty() ? "warm: to the end" : "cold: to the end", ends);
}
