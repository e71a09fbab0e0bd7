// mapped_file for a platform that cannot map files: part of mapped_file.hpp, which is what to include.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/tensor.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

/// When a file is read. Here always as populate: all of it before open() returns.
enum class page_in : std::uint8_t { on_demand, read_ahead, populate };

/// The bytes of a whole file, read into memory because WASI maps no files. Move-only.
class mapped_file {
 public:
  mapped_file() = default;

  /// errors   io_error: the file cannot be opened or read, is not a regular file, or is empty; out_of_memory
  static result<mapped_file> open(const std::string& path, page_in = page_in::on_demand) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    if (file == nullptr) return failure(path, "cannot open");
    if (std::fseek(file.get(), 0, SEEK_END) != 0) return error{errc::io_error, path + ": not a regular file"};
    const long size = std::ftell(file.get());
    if (size < 0 || std::fseek(file.get(), 0, SEEK_SET) != 0)
      return error{errc::io_error, path + ": not a regular file"};
    if (size == 0) return error{errc::io_error, path + ": the file is empty"};
    auto memory = buffer::create(static_cast<std::uint64_t>(size), path.c_str());
    if (!memory) return std::move(memory).error();
    if (std::fread(memory->data(), 1, memory->size(), file.get()) != memory->size())
      return failure(path, "cannot read");
    mapped_file read;
    read.bytes_ = *std::move(memory);
    return read;
  }

  std::span<const std::byte> bytes() const noexcept { return {bytes_.data(), bytes_.size()}; }

 private:
  static error failure(const std::string& path, const char* what) {
    return {errc::io_error, path + ": " + what + ": " + std::strerror(errno)};
  }
  buffer bytes_;
};

MOBILENET_NAMESPACE_END
