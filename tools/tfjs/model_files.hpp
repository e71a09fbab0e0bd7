// Where the bytes of a model's files come from: a folder, or a host that delivers them.
#pragma once

#include <mobilenet/convert.hpp>
#include <mobilenet/error.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace mobilenet::tools {

/// The bytes of a file, valid as long as a copy of this lives.
struct file_bytes {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};

/// The files of one model, by names relative to model.json.
class model_files {
 public:
  virtual ~model_files() = default;
  /// The name of model.json.
  virtual std::string model_json() const { return "model.json"; }
  /// A file as messages name it.
  virtual std::string shown(const std::string& name) const { return name; }
  /// errors   io_error: with the file's shown name in front
  virtual result<file_bytes> read(const std::string& name) const = 0;
  /// The same for a file that may be missing.
  virtual result<std::optional<file_bytes>> read_if_there(const std::string& name) const = 0;
  /// A sentence about what lies where model.json is missing, and what to do with it; may be empty.
  virtual std::string what_is_there() const { return {}; }
};

/// Files on disk, mapped.
class folder_files final : public model_files {
 public:
  /// path   model.json under any name, or the folder that has it
  explicit folder_files(const std::string& path);

  std::string model_json() const override { return model_json_; }
  std::string shown(const std::string& name) const override { return folder_ + name; }
  result<file_bytes> read(const std::string& name) const override;
  result<std::optional<file_bytes>> read_if_there(const std::string& name) const override;
  std::string what_is_there() const override;

 private:
  std::string folder_;  // as a prefix: "" or ends in '/'
  std::string model_json_;
};

/// Files that the host delivers.
class delivered_files final : public model_files {
 public:
  explicit delivered_files(const deliver_file& deliver) : deliver_(deliver) {}

  result<file_bytes> read(const std::string& name) const override;
  result<std::optional<file_bytes>> read_if_there(const std::string& name) const override;

 private:
  const deliver_file& deliver_;
};

}  // namespace mobilenet::tools
