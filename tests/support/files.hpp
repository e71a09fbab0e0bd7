// Files in tests: the recorded reference data, and temporary ones.
#pragma once

#include <doctest/doctest.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace support {

/// The folder with reference data that is not part of the project: photos, models, what TensorFlow.js answered.
/// Empty where the environment does not name one; the test then says so and passes.
inline std::string test_data() {
  const char* folder = std::getenv("MOBILENET_TEST_DATA");
  if (folder == nullptr || *folder == '\0') {
    MESSAGE("skipped: MOBILENET_TEST_DATA does not name the folder of reference data");
    return {};
  }
  return folder;
}

/// A file's bytes. The test fails where it cannot be read.
inline std::vector<std::byte> read_file(const std::string& path) {
  std::vector<std::byte> bytes;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  REQUIRE_MESSAGE(file != nullptr, path);
  std::byte buffer[65536];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
    bytes.insert(bytes.end(), buffer, buffer + n);
  std::fclose(file);
  return bytes;
}

inline void write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  REQUIRE_MESSAGE(file != nullptr, path);
  if (!bytes.empty()) REQUIRE(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  REQUIRE(std::fclose(file) == 0);
}
inline void write_file(const std::string& path, std::string_view text) {
  write_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

/// Deletes a file, or a folder with everything in it. (POSIX instead of std::filesystem, which the C++ library for
/// WebAssembly lacks.)
inline void remove_all(const std::string& path) {
  if (const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir); folder != nullptr)
    while (const dirent* entry = ::readdir(folder.get()))
      if (const std::string name = entry->d_name; name != "." && name != "..") remove_all(path + "/" + name);
  if (::unlink(path.c_str()) != 0) ::rmdir(path.c_str());
}

/// A folder of its own for a test, deleted with everything in it at the end of the scope.
class temporary_folder {
 public:
  temporary_folder() {
    const char* parent = std::getenv("TMPDIR");
    const std::string prefix = std::string(parent != nullptr ? parent : "/tmp") + "/mobilenet_test_";
    for (unsigned i = 0; path_.empty() && i < 1000; ++i) {
      const std::string path = prefix + std::to_string(std::random_device()());
      if (::mkdir(path.c_str(), 0700) == 0) path_ = path;
    }
    REQUIRE(!path_.empty());
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() { remove_all(path_); }
  const std::string& path() const noexcept { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace support
