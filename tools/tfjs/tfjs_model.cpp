#include "tfjs/tfjs_model.hpp"

#include <mobilenet/detail/half.hpp>
#include <mobilenet/platform/mapped_file.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

namespace mobilenet::tools {
namespace {

// More than any MobileNet by far, and far from overflow.
constexpr std::uint64_t most_elements = 1ull << 31;

std::size_t bytes_each(stored_as type) noexcept {
  switch (type) {
    case stored_as::float32:
    case stored_as::int32: return 4;
    case stored_as::float16:
    case stored_as::uint16: return 2;
    case stored_as::uint8:
    case stored_as::boolean: return 1;
  }
  return 4;
}

template <class T>
T read_at(std::span<const std::byte> bytes, std::size_t index) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

result<std::vector<std::uint32_t>> read_shape(const json_value& field) {
  if (!field.is_array()) return field.wrong("an array of positive integers");
  std::vector<std::uint32_t> shape;
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const auto dimension = field[i].positive_integer();
    if (!dimension) return field.wrong("an array of positive integers");
    shape.push_back(*dimension);
    elements *= *dimension;  // both factors below 2^31: never overflows
    if (elements > most_elements) return field.wrong("at most " + std::to_string(most_elements) + " elements");
  }
  return shape;
}

result<void> read_type(const json_value& entry, tfjs_weight& weight) {
  const auto dtype = entry["dtype"].string();
  if (!dtype) return dtype.error();
  weight.integers = *dtype == "int32" || *dtype == "bool";
  const json_value quantization = entry["quantization"];
  if (!quantization) {
    if (*dtype == "float32")
      weight.type = stored_as::float32;
    else if (*dtype == "int32")
      weight.type = stored_as::int32;
    else if (*dtype == "bool")
      weight.type = stored_as::boolean;
    else
      return error{errc::unsupported,
                   entry["dtype"].wrong("float32, int32 or bool, for weight '" + excerpt(weight.name) + "'").message};
    return {};
  }

  const auto stored = quantization["dtype"].string();
  if (!stored) return stored.error();
  if (*dtype != "float32" && *dtype != "int32")
    return error{errc::unsupported,
                 entry["dtype"].wrong("float32 or int32, for quantised weight '" + excerpt(weight.name) + "'").message};
  if (*stored == "float16") {
    weight.type = stored_as::float16;
    return {};
  }
  if (*stored == "uint8")
    weight.type = stored_as::uint8;
  else if (*stored == "uint16")
    weight.type = stored_as::uint16;
  else
    return error{
        errc::unsupported,
        quantization["dtype"].wrong("uint8, uint16 or float16, for weight '" + excerpt(weight.name) + "'").message};
  const auto scale = quantization["scale"].number();
  if (!scale) return scale.error();
  const auto min = quantization["min"].number();
  if (!min) return min.error();
  weight.scale = *scale;
  weight.min = *min;
  return {};
}

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      decoded += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// TensorFlow.js follows any path. Here a model.json is a file somebody downloaded, and what it names ends up
// in a packed model that is handed on: it must not be able to name the private files of this machine.
bool stays_in_folder(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) return false;
  const std::filesystem::path parts(path);
  return !parts.is_absolute() && std::none_of(parts.begin(), parts.end(), [](const auto& p) { return p == ".."; });
}

// Paths are URLs to a browser: a file named "my shard.bin" may be listed as "my%20shard.bin".
result<std::string> shard_file(const json_value& field, const std::string& folder) {
  const auto path = field.string();
  if (!path) return path.error();
  const std::string decoded = percent_decoded(*path);
  constexpr std::size_t longest_path = 4096;
  if (path->size() > longest_path) return field.wrong("a path of at most 4096 bytes");
  if (!stays_in_folder(*path) || !stays_in_folder(decoded))
    return field.wrong("a path inside the folder of model.json");
  std::error_code ignored;
  if (decoded != *path && !std::filesystem::exists(folder + *path, ignored)) return folder + decoded;
  return folder + *path;
}

}  // namespace

std::string to_string(std::span<const std::uint32_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

std::size_t tfjs_weight::elements() const noexcept {
  std::size_t n = 1;
  for (const std::uint32_t d : shape) n *= d;
  return n;
}

std::vector<float> tfjs_weight::values() const {
  std::vector<float> v(elements());
  const bool rounded = integers && (type == stored_as::uint8 || type == stored_as::uint16);
  for (std::size_t i = 0; i < v.size(); ++i) {
    switch (type) {
      case stored_as::float32: v[i] = read_at<float>(bytes, i); break;
      case stored_as::float16: v[i] = detail::half_to_float(read_at<std::uint16_t>(bytes, i)); break;
      case stored_as::uint8: v[i] = static_cast<float>(read_at<std::uint8_t>(bytes, i) * scale + min); break;
      case stored_as::uint16: v[i] = static_cast<float>(read_at<std::uint16_t>(bytes, i) * scale + min); break;
      case stored_as::int32: v[i] = static_cast<float>(read_at<std::int32_t>(bytes, i)); break;
      case stored_as::boolean: v[i] = static_cast<float>(read_at<std::uint8_t>(bytes, i)); break;
    }
    if (rounded) v[i] = std::round(v[i]);
  }
  return v;
}

result<tfjs_model> tfjs_model::open(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  tfjs_model model;
  model.path_ = fs::is_directory(path, ignored) ? (fs::path(path) / "model.json").string() : path;
  const std::size_t slash = model.path_.rfind('/');
  model.folder_ = slash == std::string::npos ? "" : model.path_.substr(0, slash + 1);

  const auto in_file = [&](const error& e) { return error{e.code, model.path_ + ": " + e.message}; };
  const auto file = mapped_file::open(model.path_);
  if (!file) return file.error();
  const auto text = file->bytes();
  auto document = json_document::parse({reinterpret_cast<const char*>(text.data()), text.size()});
  if (!document) return in_file(document.error());
  model.document_ = *std::move(document);

  if (const auto r = model.root().object(); !r) return in_file(r.error());
  if (const auto r = model.topology().object(); !r) return in_file(r.error());
  const auto manifest = model.root()["weightsManifest"].array();
  if (!manifest) return in_file(manifest.error());
  for (std::size_t i = 0; i < manifest->size(); ++i)
    if (auto r = model.read_group((*manifest)[i]); !r) return std::move(r).error();

  std::unordered_set<std::string_view> names;
  for (const tfjs_weight& weight : model.weights_)
    if (!names.insert(weight.name).second)
      return in_file({errc::invalid_argument, "weight '" + excerpt(weight.name) + "' is in weightsManifest twice"});
  return model;
}

result<void> tfjs_model::read_group(const json_value& group) {
  const auto in_file = [&](const error& e) { return error{e.code, path_ + ": " + e.message}; };
  const auto paths = group["paths"].array();
  if (!paths) return in_file(paths.error());
  const auto entries = group["weights"].array();
  if (!entries) return in_file(entries.error());

  struct place {
    std::size_t weight;
    std::size_t offset;
  };
  std::vector<place> places;
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < entries->size(); ++i) {
    const json_value entry = (*entries)[i];
    tfjs_weight weight;
    auto name = entry["name"].string();
    if (!name) return in_file(name.error());
    weight.name = *std::move(name);
    auto shape = read_shape(entry["shape"]);
    if (!shape) return in_file(shape.error());
    weight.shape = *std::move(shape);
    if (const auto r = read_type(entry, weight); !r) return in_file(r.error());

    // An optimizer's state may lie among the weights of a model that was saved while it trained.
    const json_value owner = entry["group"];
    const bool of_optimizer = owner.is_string() && *owner.string() == "optimizer";
    const std::size_t offset = expected;
    expected += std::uint64_t{weight.elements()} * bytes_each(weight.type);
    if (expected > most_elements * 4)
      return in_file({errc::invalid_argument, group.path() + ": its weights are larger than 8 GiB"});
    if (of_optimizer) continue;
    places.push_back({weights_.size(), offset});
    weights_.push_back(std::move(weight));
  }

  std::vector<std::string> names;
  std::vector<mapped_file> shards;
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < paths->size(); ++i) {
    auto name = shard_file((*paths)[i], folder_);
    if (!name) return in_file(name.error());
    auto shard = mapped_file::open(*name);
    if (!shard) return error{shard.error().code, shard.error().message + " (a shard of " + path_ + ")"};
    found += shard->bytes().size();
    names.push_back(*std::move(name));
    shards.push_back(*std::move(shard));
  }
  if (found != expected) {
    const std::string all = names.empty()       ? path_ + ": " + group.path() + " has no shards: they hold "
                            : names.size() == 1 ? names.front() + ": holds "
                                                : names.front() + " to " + names.back() + ": the " +
                                                      std::to_string(names.size()) + " shards hold ";
    return error{errc::invalid_argument, all + std::to_string(found) + " bytes, expected " + std::to_string(expected) +
                                             " for the " + std::to_string(entries->size()) + " weights of " +
                                             group.path()};
  }

  std::vector<std::byte> bytes;
  bytes.reserve(expected);
  for (const mapped_file& shard : shards) bytes.insert(bytes.end(), shard.bytes().begin(), shard.bytes().end());
  for (const place& p : places) {
    tfjs_weight& weight = weights_[p.weight];
    weight.bytes = std::span(bytes).subspan(p.offset, weight.elements() * bytes_each(weight.type));
  }
  groups_.push_back(std::move(bytes));  // moves the buffer, so the spans stay right
  shard_files_.insert(shard_files_.end(), std::make_move_iterator(names.begin()), std::make_move_iterator(names.end()));
  weight_bytes_ += expected;
  return {};
}

bool tfjs_model::has_file(const std::string& path) const {
  const auto is_it = [&](const std::string& file) {
    std::error_code not_there;
    return std::filesystem::equivalent(path, file, not_there);
  };
  return is_it(path_) || std::any_of(shard_files_.begin(), shard_files_.end(), is_it);
}

}  // namespace mobilenet::tools
