#include "support/files.hpp"

#include "cli/write_file.hpp"

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using mobilenet::errc;
using mobilenet::tools::write_file;

std::vector<std::byte> bytes_of(std::size_t count, int value) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

std::ptrdiff_t files_in(const std::string& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST_CASE("a file is written, and written again") {
  const support::temporary_folder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100000}, std::size_t{7}}) {
    REQUIRE(write_file(folder / "model.mnet", bytes_of(size, 42)));
    CHECK(support::read_file(folder / "model.mnet") == bytes_of(size, 42));
    CHECK(files_in(folder.path()) == 1);
  }
}

TEST_CASE("who has the old file open keeps it whole") {
  const support::temporary_folder folder;
  REQUIRE(write_file(folder / "model.mnet", bytes_of(10, 1)));
  std::FILE* old = std::fopen((folder / "model.mnet").c_str(), "rb");
  REQUIRE(old != nullptr);
  REQUIRE(write_file(folder / "model.mnet", bytes_of(5, 2)));
  std::byte read[20];
  CHECK(std::fread(read, 1, sizeof read, old) == 10);
  CHECK(read[9] == std::byte{1});
  std::fclose(old);
}

TEST_CASE("a symbolic link stays, and the file it points to is replaced") {
  const support::temporary_folder folder;
  REQUIRE(write_file(folder / "v1.mnet", bytes_of(3, 1)));
  fs::create_symlink("v1.mnet", folder / "current.mnet");
  REQUIRE(write_file(folder / "current.mnet", bytes_of(4, 2)));
  CHECK(fs::is_symlink(folder / "current.mnet"));
  CHECK(support::read_file(folder / "v1.mnet") == bytes_of(4, 2));
}

TEST_CASE("names that no file can have") {
  const support::temporary_folder folder;
  const auto missing = write_file(folder / "no/such/model.mnet", bytes_of(1, 1));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == errc::io_error);
  CHECK(missing.error().message == (folder / "no/such/model.mnet") + ": cannot create: No such file or directory");

  const auto a_folder = write_file(folder.path(), bytes_of(1, 1));
  REQUIRE_FALSE(a_folder);
  CHECK(a_folder.error().code == errc::invalid_argument);
  CHECK(a_folder.error().message == folder.path() + ": is a folder, expected the name of a file to write");

  const auto device = write_file("/dev/null", bytes_of(1, 1));
  REQUIRE_FALSE(device);
  CHECK(device.error().message == "/dev/null: is no regular file, expected the name of a file to write");
  CHECK(fs::is_character_file("/dev/null"));
  CHECK(files_in(folder.path()) == 0);
}

TEST_CASE("a full disk leaves the old file as it was, and nothing else") {
  const support::temporary_folder folder;
  REQUIRE(write_file(folder / "model.mnet", bytes_of(10, 1)));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{1000, before.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto written = write_file(folder / "model.mnet", bytes_of(100000, 2));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(written);
  CHECK(written.error().code == errc::io_error);
  CHECK(written.error().message == (folder / "model.mnet") + ": cannot write: File too large");
  CHECK(support::read_file(folder / "model.mnet") == bytes_of(10, 1));
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a program that is ended while it writes leaves whole files only") {
  const support::temporary_folder folder;
  for (const int signal : {SIGTERM, SIGINT, SIGKILL})
    for (int delay = 0; delay < 5; ++delay) {
      const auto handler = ::signal(signal, SIG_DFL);  // doctest's would print a report in the child
      const pid_t child = ::fork();
      if (child != 0 && handler != SIG_ERR) ::signal(signal, handler);
      REQUIRE(child >= 0);
      if (child == 0) {
        const auto bytes = bytes_of(1 << 20, 7);
        for (;;) (void)write_file(folder / "model.mnet", bytes);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5 + 3 * delay));
      ::kill(child, signal);
      ::waitpid(child, nullptr, 0);
      // SIGKILL cannot be held back: it may strike in the instant between a whole file's two names.
      if (signal != SIGKILL) CHECK(files_in(folder.path()) <= 1);
      for (const auto& file : fs::directory_iterator(folder.path())) {
        CHECK(file.file_size() == 1 << 20);
        fs::remove(file.path());
      }
    }
}

}  // namespace
