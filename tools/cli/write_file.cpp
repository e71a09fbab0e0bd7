#include "cli/write_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace mobilenet::tools {
namespace {

error failure(const std::string& path, const char* what) {
  return {errc::io_error, path + ": " + what + ": " + std::strerror(errno)};
}

/// Holds back the signals that people and supervisors end a program with, so that none of them finds a
/// temporary file under a name. Writing takes a moment; they arrive right after it.
class signals_held {
 public:
  signals_held() {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&ending, signal);
    ::pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  signals_held(const signals_held&) = delete;
  signals_held& operator=(const signals_held&) = delete;
  ~signals_held() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

/// A file being written. Without a name as long as the file system allows; what has a name loses it here.
class temporary_file {
 public:
  explicit temporary_file(const std::string& folder) : folder_(folder) {
#ifdef O_TMPFILE
    if (::access("/proc/self/fd", X_OK) == 0) number_ = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (number_ >= 0) return;
#endif
    // EOPNOTSUPP, EISDIR, EINVAL: depends on kernel and file system. Any real reason comes up again here.
    name_ = next_name();
    number_ = ::open(name_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (number_ < 0) name_.clear();
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() {
    const int kept = errno;
    if (number_ >= 0) ::close(number_);
    if (!name_.empty()) ::unlink(name_.c_str());
    errno = kept;
  }

  bool is_open() const { return number_ >= 0; }

  bool write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      constexpr std::size_t piece = 1u << 30;  // Linux writes at most 2 GiB a call
      const ssize_t written = ::write(number_, bytes.data(), std::min(bytes.size(), piece));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
  }

  bool to_disk() { return ::fsync(number_) == 0; }

  /// link() cannot replace a file and rename() needs a name to start from: hence the short-lived name.
  bool rename_to(const std::string& path) {
    if (name_.empty()) {
      const std::string name = next_name();
      const std::string self = "/proc/self/fd/" + std::to_string(number_);
      if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0) return false;
      name_ = name;
    }
    if (::rename(name_.c_str(), path.c_str()) != 0) return false;
    name_.clear();
    return true;
  }

 private:
  std::string next_name() const {
    std::string name;
    for (unsigned i = 0; i == 0 || ::access(name.c_str(), F_OK) == 0; ++i)
      name = folder_ + "/.mobilenet-" + std::to_string(::getpid()) + "-" + std::to_string(i) + ".tmp";
    return name;
  }

  std::string folder_;
  std::string name_;
  int number_ = -1;
};

}  // namespace

result<void> write_file(const std::string& path, std::span<const std::byte> bytes) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const auto kind = fs::status(path, ignored).type();
  // rename() would replace /dev/null or a pipe by a file, if the user is root.
  if (kind != fs::file_type::regular && kind != fs::file_type::not_found && kind != fs::file_type::none &&
      kind != fs::file_type::unknown)
    return error{errc::invalid_argument, path + ": " +
                                             (kind == fs::file_type::directory ? "is a folder" : "is no regular file") +
                                             ", expected the name of a file to write"};
  fs::path target = path;
  if (const fs::path real = fs::canonical(path, ignored); !ignored) target = real;

  const signals_held held;
  temporary_file file(target.has_parent_path() ? target.parent_path().string() : ".");
  if (!file.is_open()) return failure(path, "cannot create");
  if (!file.write(bytes)) return failure(path, "cannot write");
  if (!file.to_disk()) return failure(path, "cannot write");
  if (!file.rename_to(target.string())) return failure(path, "cannot replace");
  return {};
}

}  // namespace mobilenet::tools
