// Lines for the platform's log. One write() a block, nothing kept back: the platforms want a log that is complete
// before the answer, and a process may be frozen as soon as it has answered.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace serverless {

using clock = std::chrono::steady_clock;

/// Writes everything to a file descriptor, or gives up where nobody reads any more.
inline bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ::ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

inline void log_line(std::string_view text) { write_all(STDOUT_FILENO, std::string(text) + '\n'); }
inline void log_error(std::string_view text) { write_all(STDERR_FILENO, std::string(text) + '\n'); }

/// A number with a fixed count of decimals, as no locale would change it.
inline std::string decimal(double value, int places = 3) {
  char buffer[48];
  const int n = std::snprintf(buffer, sizeof buffer, "%.*f", places, value);
  return {buffer, static_cast<std::size_t>(n)};
}

inline double milliseconds(clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

/// Resident bytes of this process, those shared with others included; 0 where /proc is not there.
inline std::size_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long total = 0;
  unsigned long resident = 0;
  const int fields = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace serverless
