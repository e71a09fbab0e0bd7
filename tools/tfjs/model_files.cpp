#include "tfjs/model_files.hpp"

#include "tfjs/wrong_file.hpp"

#include <mobilenet/platform/mapped_file.hpp>

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace mobilenet::tools {
namespace {

// POSIX instead of std::filesystem, which the C++ library for WebAssembly lacks.
bool is_kind(const std::string& path, mode_t kind) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

}  // namespace

folder_files::folder_files(const std::string& path) {
  const bool slash = path.empty() || path.ends_with('/');
  const std::string file = is_kind(path, S_IFDIR) ? path + (slash ? "model.json" : "/model.json") : path;
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
  if (!is_kind(shown(name), S_IFREG)) return std::optional<file_bytes>();
  auto file = read(name);
  if (!file) return std::move(file).error();
  return std::optional(*std::move(file));
}

std::string folder_files::what_is_there() const {
  constexpr std::size_t most_entries = 1000;
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(folder_.empty() ? "." : folder_.c_str()), ::closedir);
  while (folder != nullptr && names.size() < most_entries) {
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    names.push_back(entry->d_name);
  }
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
