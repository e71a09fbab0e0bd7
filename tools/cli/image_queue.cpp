#include "cli/image_queue.hpp"

#include "cli/read_image.hpp"
#include "cli/read_input.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace mobilenet::tools {
namespace {

constexpr std::size_t longest_path = 1u << 16;

bool is_file(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

result<image_queue> image_queue::open(const image_options& options) {
  image_queue queue;
  queue.waiting_.assign(options.images.begin(), options.images.end());
  if (options.list.empty()) return queue;
  if (options.list == "-" && std::find(options.images.begin(), options.images.end(), "-") != options.images.end())
    return error{errc::invalid_argument, "standard input cannot be both an image and the list of images"};

  queue.separator_ = options.null_separated ? '\0' : '\n';
  queue.list_name_ = options.list == "-" ? "standard input" : options.list;
  queue.list_ = input_descriptor(options.list);
  if (queue.list_.number() < 0)
    return queue.list_error(std::string("cannot open: ") + std::strerror(errno), errc::io_error);
  queue.list_ended_ = false;
  if (is_file(queue.list_.number())) queue.read_until_end();
  return queue;
}

result<std::vector<queued_image>> image_queue::next(std::size_t most) {
  while (!list_ended_ && (waiting_.empty() || (waiting_.size() < most && list_.readable(0)))) read_some();
  if (waiting_.empty() && list_failed_) return *list_failed_;
  std::vector<queued_image> images;
  for (; images.size() < most && !waiting_.empty(); waiting_.pop_front()) {
    images.push_back({std::move(waiting_.front()), std::nullopt});
    if (images.back().path == "-") images.back().read = read_input("-", longest_image_file);
  }
  taken_ += images.size();
  return images;
}

result<void> image_queue::wait_for_all() {
  read_until_end();
  if (list_failed_) return *list_failed_;
  return {};
}

void image_queue::read_until_end() {
  while (!list_ended_) read_some();
}

void image_queue::read_some() {
  if (auto r = read_lines(); !r) {
    list_failed_ = std::move(r).error();
    list_ended_ = true;
  }
}

result<void> image_queue::read_lines() {
  char buffer[65536];
  const ssize_t count = ::read(list_.number(), buffer, sizeof buffer);
  if (count < 0 && (errno == EINTR || (errno == EAGAIN && list_.readable(input_descriptor::for_ever)))) return {};
  if (count < 0) return list_error(std::string("cannot read: ") + std::strerror(errno), errc::io_error);
  list_ended_ = count == 0;
  unfinished_.append(buffer, static_cast<std::size_t>(count));
  if (list_ended_ && !unfinished_.empty()) unfinished_ += separator_;  // the last line needs none
  return add_whole_lines();
}

result<void> image_queue::add_whole_lines() {
  std::size_t begin = 0;
  for (std::size_t end; (end = unfinished_.find(separator_, begin)) != std::string::npos; begin = end + 1) {
    ++lines_;
    std::string path = unfinished_.substr(begin, end - begin);
    if (separator_ == '\n') {
      if (path.ends_with('\r')) path.pop_back();  // a list written on Windows
      if (lines_ == 1 && path.starts_with("\xef\xbb\xbf")) path.erase(0, 3);
      if (path.find('\0') != path.npos)
        return list_error("line " + std::to_string(lines_) +
                              " has a NUL byte, expected a path (--null reads what find -print0 writes)",
                          errc::invalid_argument);
    }
    if (path == "-")
      return list_error("line " + std::to_string(lines_) + " is \"-\", expected a path", errc::invalid_argument);
    if (!path.empty()) waiting_.push_back(std::move(path));
  }
  unfinished_.erase(0, begin);
  if (unfinished_.size() > longest_path)
    return list_error("line " + std::to_string(lines_ + 1) + " has more than " + std::to_string(longest_path) +
                          " bytes, expected a path",
                      errc::invalid_argument);
  return {};
}

}  // namespace mobilenet::tools
