// An open file to read from, closed when it goes; or standard input, which stays open.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace mobilenet::tools {

class input_descriptor {
 public:
  input_descriptor() = default;
  /// path     "-" is standard input. number() is negative, and errno says why, where the file cannot be opened
  explicit input_descriptor(const std::string& path)
      : number_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)), owned_(path != "-") {}
  input_descriptor(input_descriptor&& other) noexcept
      : number_(std::exchange(other.number_, -1)), owned_(other.owned_) {}
  input_descriptor& operator=(input_descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~input_descriptor() {
    if (owned_ && number_ >= 0) ::close(number_);
  }
  int number() const noexcept { return number_; }
  static constexpr int for_ever = -1;
  /// Whether something, or the end, can be read without waiting, after so many milliseconds at most.
  bool readable(int milliseconds) const noexcept {
    pollfd waiting{number_, POLLIN, 0};
    int ready = 0;
    while ((ready = ::poll(&waiting, 1, milliseconds)) < 0 && errno == EINTR) {
    }
    return ready == 1;
  }

 private:
  int number_ = -1;
  bool owned_ = false;
};

}  // namespace mobilenet::tools
