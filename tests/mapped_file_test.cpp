#include "support/files.hpp"

#include <mobilenet/platform/mapped_file.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace {

using mobilenet::mapped_file;

std::string text_of(const mapped_file& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

std::string refusal(const std::string& path) {
  const auto file = mapped_file::open(path);
  REQUIRE_FALSE(file);
  CHECK(file.error().code == mobilenet::errc::io_error);
  return file.error().message;
}

}  // namespace

TEST_CASE("a file's bytes, whatever the pages are brought in by") {
  const support::temporary_folder folder;
  support::write_file(folder / "file", "some bytes");
  for (const auto when :
       {mobilenet::page_in::on_demand, mobilenet::page_in::read_ahead, mobilenet::page_in::populate}) {
    const auto file = mapped_file::open(folder / "file", when);
    REQUIRE(file);
    CHECK(text_of(*file) == "some bytes");
  }
}

TEST_CASE("a mapping moves, and outlives the file's name") {
  const support::temporary_folder folder;
  support::write_file(folder / "a", "first");
  support::write_file(folder / "b", "second");
  mapped_file a = mapped_file::open(folder / "a").value();
  mapped_file b = mapped_file::open(folder / "b").value();
  REQUIRE(::unlink((folder / "a").c_str()) == 0);
  mapped_file moved = std::move(a);
  CHECK(text_of(moved) == "first");
  moved = std::move(b);
  CHECK(text_of(moved) == "second");
  mapped_file& self = moved;
  moved = std::move(self);
  CHECK(text_of(moved) == "second");
  CHECK(mapped_file().bytes().empty());
}

TEST_CASE("what cannot be mapped names the file and the reason") {
  const support::temporary_folder folder;
  CHECK(refusal(folder / "none") == folder / "none" + ": cannot open: No such file or directory");
  CHECK(refusal("") == ": cannot open: No such file or directory");
  CHECK(refusal(folder.path()) == folder.path() + ": not a regular file");
  CHECK(refusal("/dev/null") == "/dev/null: not a regular file");
  support::write_file(folder / "empty", "");
  CHECK(refusal(folder / "empty") == folder / "empty" + ": the file is empty");
  CHECK(refusal(folder / "empty/below") == folder / "empty/below" + ": cannot open: Not a directory");
}

TEST_CASE("a pipe that nobody writes to is refused at once") {
  const support::temporary_folder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(refusal(folder / "pipe") == folder / "pipe" + ": not a regular file");
}
