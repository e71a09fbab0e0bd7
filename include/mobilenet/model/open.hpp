// A packed model from a file: the only part of the library that maps one.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/platform/mapped_file.hpp>

#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

/// How open_model() reads.
struct open_options {
  page_in pages = page_in::on_demand;
  bool verify_checksums = false;  ///< read every byte and compare the sections' checksums
};

/// packed_model::from_bytes() by these options, of which `pages` means nothing here.
/// errors   those of packed_model::from_bytes, and checksum_mismatch
inline result<packed_model> model_from_bytes(std::span<const std::byte> bytes, const open_options& options = {}) {
  auto model = packed_model::from_bytes(bytes);
  if (!model || !options.verify_checksums) return model;
  if (auto same = model->verify_checksums(); !same) return std::move(same).error();
  return model;
}

/// Maps a packed model. Processes that open the same file share its memory.
/// errors   io_error; those of packed_model::from_bytes, and checksum_mismatch, with the path in front; out_of_memory
inline result<packed_model> open_model(const std::string& path, const open_options& options = {}) {
  auto file = mapped_file::open(path, options.pages);
  if (!file) return std::move(file).error();
  const std::span<const std::byte> bytes = file->bytes();
  packed_model::owner keeps(new (std::nothrow) mapped_file(*std::move(file)),
                            [](void* mapped) { delete static_cast<mapped_file*>(mapped); });
  if (keeps == nullptr) return error{errc::out_of_memory, path + ": out of memory"};

  auto model = packed_model::from_bytes(bytes, std::move(keeps));
  if (!model) return error{model.error().code, path + ": " + model.error().message};
  if (options.verify_checksums)
    if (auto same = model->verify_checksums(); !same)
      return error{same.error().code, path + ": " + same.error().message};
  return model;
}

MOBILENET_NAMESPACE_END
