#include "tfjs/model_files.hpp"

#include "tfjs/wrong_file.hpp"

#include <mobilenet/platform/mapped_file.hpp>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace mobilenet::tools {
namespace fs = std::filesystem;

folder_files::folder_files(const std::string& path) {
  std::error_code ignored;
  const std::string file = fs::is_directory(path, ignored) ? (fs::path(path) / "model.json").string() : path;
  const std::size_t name = file.rfind('/') + 1;  // npos + 1 is 0
  folder_ = file.substr(0, name);
  model_json_ = file.substr(name);
}

result<file_bytes> folder_files::read(const std::string& name) const {
  auto file = mapped_file::open(shown(name));
  if (!file) return std::move(file).error();
  const auto owner = std::make_shared<mapped_file>(*std::move(file));
  return file_bytes{owner, owner->bytes()};
}

result<std::optional<file_bytes>> folder_files::read_if_there(const std::string& name) const {
  std::error_code ignored;
  if (!fs::is_regular_file(shown(name), ignored)) return std::optional<file_bytes>();
  auto file = read(name);
  if (!file) return std::move(file).error();
  return std::optional(*std::move(file));
}

std::string folder_files::what_is_there() const {
  constexpr std::size_t most_entries = 1000;
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(folder_.empty() ? "." : folder_, failed), end;
       !failed && entry != end && names.size() < most_entries; entry.increment(failed))
    names.push_back(entry->path().filename().string());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const auto file = read_if_there(name);
    if (!file || !*file) continue;
    const auto bytes = (*file)->bytes;
    std::string what = what_file_is(name, bytes);
    if (what.empty() && name.ends_with(".json"))
      if (const auto json = json_document::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
        what = what_json_is(json->root());
    if (what.empty()) continue;
    std::string found = "but ";
    return found.append(name).append(" is there, ").append(what);
  }
  return {};
}

result<file_bytes> delivered_files::read(const std::string& name) const {
  auto bytes = deliver_(name);
  if (!bytes) return error{bytes.error().code, name + ": " + bytes.error().message};
  if (bytes->empty()) return error{errc::io_error, name + ": the file is empty"};
  const auto owner = std::make_shared<std::vector<std::byte>>(*std::move(bytes));
  return file_bytes{owner, *owner};
}

result<std::optional<file_bytes>> delivered_files::read_if_there(const std::string& name) const {
  auto file = read(name);
  if (file) return std::optional(*std::move(file));
  if (file.error().code == errc::io_error) return std::optional<file_bytes>();
  return std::move(file).error();
}

}  // namespace mobilenet::tools
