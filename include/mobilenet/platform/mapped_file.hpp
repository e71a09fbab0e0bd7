// A file's bytes in the address space, shared with every other process that maps the same file.
#pragma once

#include <mobilenet/error.hpp>

#if defined(__wasi__)
#include <mobilenet/platform/read_file.hpp>
#else

#if !__has_include(<sys/mman.h>)
#error \
    "mobilenet/platform/mapped_file.hpp needs POSIX mmap(); elsewhere give packed_model::from_bytes() the file's bytes"
#endif

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

/// When the pages of a mapping are brought in.
enum class page_in : std::uint8_t {
  on_demand,   ///< each page when it is first read
  read_ahead,  ///< ask the kernel to start reading now (madvise MADV_WILLNEED), and go on
  populate,    ///< all pages before open() returns (mmap MAP_POPULATE)
};

/// A read-only memory mapping of a whole file. Move-only; the mapping ends with the object.
/// Another process that truncates the file meanwhile makes a later read end the program (SIGBUS):
/// replace model files by rename, as the converter does, never in place.
class mapped_file {
 public:
  mapped_file() = default;
  mapped_file(mapped_file&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~mapped_file() {
    if (bytes_.data() != nullptr) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }

  /// errors   io_error: the file cannot be opened or mapped, is no regular file, or is empty
  static result<mapped_file> open(const std::string& path, page_in when = page_in::on_demand) {
    // O_NONBLOCK: a pipe that nobody writes to would block here for ever, before it can be refused.
    const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.number < 0) return failure(path, "cannot open");
    struct stat status {};
    if (::fstat(file.number, &status) != 0) return failure(path, "cannot read its status");
    if (!S_ISREG(status.st_mode)) return error{errc::io_error, path + ": not a regular file"};
    if (status.st_size <= 0) return error{errc::io_error, path + ": the file is empty"};
    const auto size = static_cast<std::size_t>(status.st_size);
    int flags = MAP_PRIVATE;
#ifdef MAP_POPULATE
    if (when == page_in::populate) flags |= MAP_POPULATE;
#endif
    void* address = ::mmap(nullptr, size, PROT_READ, flags, file.number, 0);
    if (address == MAP_FAILED) return failure(path, "cannot map");
#ifdef MADV_HUGEPAGE
    // Where the file system reads files in large folios, pages of 2 MB: without them, looking up the addresses of
    // 17 MB of weights takes a twentieth of a network's time. Elsewhere it does nothing.
    (void)::madvise(address, size, MADV_HUGEPAGE);
#endif
    if (when == page_in::read_ahead) (void)::madvise(address, size, MADV_WILLNEED);
    mapped_file mapped;
    mapped.bytes_ = {static_cast<const std::byte*>(address), size};
    return mapped;
  }

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  struct descriptor {
    int number;
    explicit descriptor(int n) : number(n) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
      if (number >= 0) ::close(number);
    }
  };
  static error failure(const std::string& path, const char* what) {
    return {errc::io_error, path + ": " + what + ": " + std::strerror(errno)};
  }
  std::span<const std::byte> bytes_;
};

MOBILENET_NAMESPACE_END

#endif
