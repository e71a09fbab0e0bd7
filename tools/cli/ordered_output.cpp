#include "cli/ordered_output.hpp"

#include "cli/text.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace mobilenet::tools {

ordered_output::ordered_output(std::span<const queued_image> images, progress_bar& progress)
    : images_(images),
      progress_(progress),
      shares_terminal_(::isatty(STDOUT_FILENO) == 1),
      outputs_(images.size()),
      finished_(images.size()) {}

void ordered_output::finish(std::size_t i, image_output&& output) noexcept {
  outputs_[i] = std::move(output);
  finished_[i].store(true, std::memory_order_release);
  finished_count_.fetch_add(1, std::memory_order_relaxed);
}

void ordered_output::finish_without_memory(std::size_t i) noexcept {
  lost_.store(true, std::memory_order_relaxed);
  finish(i, {});
}

void ordered_output::write() {
  const std::size_t first = written_;
  for (; written_ < outputs_.size() && finished_[written_].load(std::memory_order_acquire); ++written_) {
    if (!outputs_[written_].error.empty()) write_error(written_);
    if (shares_terminal_) progress_.clear();
    const std::string out = std::exchange(outputs_[written_], {}).out;
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size()) write_errno_ = errno;
  }
  if (written_ != first && std::fflush(stdout) != 0) write_errno_ = errno;
}

void ordered_output::write_error(std::size_t i) {
  all_answered_ = false;
  progress_.clear();
  const std::string& path = images_[i].path;
  std::fprintf(stderr, "mobilenet: %s: %s\n", path.empty() ? "\"\"" : printable(path).c_str(),
               printable(outputs_[i].error).c_str());
}

result<void> ordered_output::status() const {
  if (write_errno_ != 0)
    return error{errc::io_error, std::string("standard output: cannot write: ") + std::strerror(write_errno_)};
  if (lost_) return error{errc::out_of_memory, "no memory to write what became of an image"};
  return {};
}

}  // namespace mobilenet::tools
