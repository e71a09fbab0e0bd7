// A line on standard error that tells how far a long run is, redrawn in place.
#pragma once

#include "cli/text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace mobilenet::tools {

/// Draws nothing unless standard error is a terminal that can redraw a line and there is enough to do.
/// Clear it before anything else is written to the terminal; the end of the scope clears it too.
class progress_bar {
 public:
  /// total   how many there will be; none: nobody knows yet, so there is a count but no bar
  explicit progress_bar(std::optional<std::size_t> total)
      : total_(total), enabled_(total.value_or(worth_showing) >= worth_showing && redraws()) {}
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  ~progress_bar() { clear(); }

  /// done     how many are finished
  /// current  what is being worked on
  void show(std::size_t done, std::string_view current) {
    using namespace std::chrono_literals;
    const auto now = clock::now();
    if (!enabled_ || now - last_drawn_ < 50ms) return;
    last_drawn_ = now;
    std::string line = std::to_string(done);
    if (total_) {
      const std::string total = std::to_string(*total_);
      line.insert(0, total.size() - std::min(total.size(), line.size()), ' ');
      const std::size_t filled = bar_width * done / *total_;
      line = "[" + std::string(filled, '#') + std::string(bar_width - filled, '.') + "] " + line + "/" + total;
    }
    const std::chrono::duration<double> passed = now - started_;
    if (done > 0 && passed > 200ms) {
      char rate[32];
      std::snprintf(rate, sizeof rate, "  %.3g/s", static_cast<double>(done) / passed.count());
      line += rate;
    }
    line += "  " + printable(current);
    std::fprintf(stderr, "\r\x1b[K%s", shortened(line, terminal_width() - 1).c_str());
    std::fflush(stderr);
    drawn_ = true;
  }

  void clear() {
    if (!drawn_) return;
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
    drawn_ = false;
    last_drawn_ = {};
  }

 private:
  static constexpr std::size_t worth_showing = 8;
  static constexpr std::size_t bar_width = 30;

  static bool redraws() {
    const char* terminal = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
  }
  static std::size_t terminal_width() {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return std::max<std::size_t>(known ? size.ws_col : 80, 20);
  }

  using clock = std::chrono::steady_clock;
  std::optional<std::size_t> total_;
  bool enabled_;
  bool drawn_ = false;
  clock::time_point started_ = clock::now();
  clock::time_point last_drawn_{};
};

}  // namespace mobilenet::tools
