#include "cli/read_input.hpp"

#include "cli/input_descriptor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mobilenet::tools {
namespace {

error failure(const char* what) { return {errc::io_error, std::string(what) + ": " + std::strerror(errno)}; }

}  // namespace

result<std::vector<std::byte>> read_input(const std::string& path, std::size_t limit) {
  const input_descriptor input(path);
  if (input.number() < 0) return failure("cannot open");
  struct stat status {};
  if (::fstat(input.number(), &status) != 0) return failure("cannot read");
  if (S_ISDIR(status.st_mode)) return error{errc::io_error, "is a folder, expected a file"};
  if (path == "-" && ::isatty(input.number()) == 1)
    return error{errc::io_error, "standard input is a terminal, expected a file or a pipe"};

  // A pipe tells no length, and a file may grow meanwhile: read until the end comes.
  std::vector<std::byte> bytes;
  const auto expected = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  bytes.resize(std::min(limit, std::max<std::size_t>(expected, 65535)) + 1);
  std::size_t length = 0;
  for (;;) {
    const ssize_t count = ::read(input.number(), bytes.data() + length, bytes.size() - length);
    if (count < 0 && (errno == EINTR || (errno == EAGAIN && input.readable(input_descriptor::for_ever)))) continue;
    if (count < 0) return failure("cannot read");
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
    if (length > limit)
      return error{errc::io_error, "is longer than " + std::to_string(limit) + " bytes, the most that is read"};
    if (length == bytes.size()) bytes.resize(std::min(limit, 2 * length) + 1);
  }
  if (length == 0) return error{errc::io_error, "the file is empty"};
  bytes.resize(length);
  return bytes;
}

}  // namespace mobilenet::tools
