#include "cli/open_packed.hpp"

#include "tfjs/json_value.hpp"
#include "tfjs/wrong_file.hpp"

#include <mobilenet/platform/mapped_file.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <numeric>
#include <system_error>
#include <utility>

namespace mobilenet::tools {
namespace {

constexpr const char* tfjs_model =
    "a TensorFlow.js model, not a packed one: mobilenet convert makes a packed one of it";

std::string what_it_is(const std::string& path) {
  namespace fs = std::filesystem;
  if (is_url(path)) return "a URL, expected a file";
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    return fs::exists(fs::path(path) / "model.json", ignored) ? tfjs_model : "a folder, expected a packed model";
  const auto file = mapped_file::open(path);
  if (!file) return {};
  const std::string name = fs::path(path).filename().string();
  if (std::string what = what_file_is(name, file->bytes()); !what.empty()) return what;
  const auto text = file->bytes();
  const auto json = json_document::parse({reinterpret_cast<const char*>(text.data()), text.size()});
  if (!json) return {};
  if (json->root()["modelTopology"]) return tfjs_model;
  return what_json_is(json->root());
}

// How many characters must be inserted, removed or changed to make one name of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, changed});
    }
  }
  return row.back();
}

// The few names most like one that no layer has; none if nothing is like it.
std::vector<std::string_view> names_like(const packed_model& model, std::string_view wanted) {
  constexpr std::size_t most = 3;
  constexpr std::size_t longest = 256;
  std::vector<std::pair<std::size_t, std::string_view>> near;
  for (const std::string_view name : layer_names(model)) {
    if (wanted.empty() || std::max(name.size(), wanted.size()) > longest) continue;
    const bool part = name.find(wanted) != name.npos;
    const std::size_t distance = part ? 0 : edit_distance(wanted, name);
    if (distance <= std::max(wanted.size(), name.size()) / 3) near.emplace_back(distance, name);
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  near.resize(std::min(near.size(), most));
  std::vector<std::string_view> names;
  names.reserve(near.size());
  for (const auto& [distance, name] : near) names.push_back(name);
  return names;
}

}  // namespace

result<packed_model> open_packed(const std::string& path) {
  auto model = open_model(path);
  if (model) return model;
  const errc code = model.error().code;
  if (code != errc::io_error && code != errc::not_a_model) return model;
  const std::string what = what_it_is(path);
  if (what.empty()) return model;
  return error{code, path + ": this is " + what};
}

std::vector<std::string_view> layer_names(const packed_model& model) {
  std::vector<std::string_view> names;
  for (const node& n : model.nodes()) {
    std::string_view rest = n.names;
    for (std::uint32_t place = 0; !rest.empty(); ++place) {
      const std::string_view name = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(name.size() + 1, rest.size()));
      if (place >= n.folded_names) names.push_back(name);
    }
  }
  return names;
}

result<value_id> find_layer(const packed_model& model, const std::string& name) {
  auto value = model.activation_of(name);
  if (value || value.error().code != errc::invalid_argument) return value;
  std::string like;
  for (const std::string_view near : names_like(model, name))
    like += (like.empty() ? "'" : ", '") + std::string(near) + "'";
  return error{
      value.error().code,
      value.error().message + (like.empty() ? " (mobilenet inspect MODEL --layers lists all)" : ", but " + like)};
}

}  // namespace mobilenet::tools
