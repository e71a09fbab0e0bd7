#include "tfjs/tfjs_model.hpp"

#include "tfjs/wrong_file.hpp"

#include <mobilenet/detail/half.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string_view>
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
  if (path.starts_with('/')) return false;
  for (std::size_t begin = 0, end; begin <= path.size(); begin = end + 1) {
    end = std::min(path.find('/', begin), path.size());
    if (path.compare(begin, end - begin, "..") == 0) return false;
  }
  return true;
}

// Paths are URLs to a browser: a file named "my shard.bin" may be listed as "my%20shard.bin".
struct shard {
  std::string name;
  file_bytes file;
};
result<shard> read_shard(const model_files& files, const json_value& field, const std::string& model_json) {
  const auto in_file = [&](const error& e) { return error{e.code, model_json + ": " + e.message}; };
  const auto path = field.string();
  if (!path) return in_file(path.error());
  const std::string decoded = percent_decoded(*path);
  constexpr std::size_t longest_path = 4096;
  if (path->size() > longest_path) return in_file(field.wrong("a path of at most 4096 bytes"));
  if (!stays_in_folder(*path) || !stays_in_folder(decoded))
    return in_file(field.wrong("a path inside the folder of model.json"));
  if (decoded != *path) {
    auto as_listed = files.read_if_there(*path);
    if (!as_listed) return std::move(as_listed).error();
    if (*as_listed) return shard{files.shown(*path), **std::move(as_listed)};
  }
  auto file = files.read(decoded);
  if (!file) return error{file.error().code, file.error().message + " (a shard of " + model_json + ")"};
  return shard{files.shown(decoded), *std::move(file)};
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

result<tfjs_model> tfjs_model::open(const model_files& files) {
  tfjs_model model;
  model.path_ = files.shown(files.model_json());
  if (auto read = model.read_document(files); !read) return std::move(read).error();
  const auto manifest = model.root()["weightsManifest"].array();
  if (!manifest) return model.in_file(manifest.error());
  for (std::size_t i = 0; i < manifest->size(); ++i)
    if (auto read = model.read_group(files, (*manifest)[i]); !read) return std::move(read).error();

  std::unordered_set<std::string_view> names;
  for (const tfjs_weight& weight : model.weights_)
    if (!names.insert(weight.name).second)
      return model.in_file(
          {errc::invalid_argument, "weight '" + excerpt(weight.name) + "' is in weightsManifest twice"});
  return model;
}

result<void> tfjs_model::read_document(const model_files& files) {
  if (is_url(path_))
    return error{errc::invalid_argument,
                 path_ + ": a URL, expected a file: download the model and all its files first"};
  const auto file = files.read(files.model_json());
  if (!file) {
    const std::string there = files.what_is_there();
    return error{file.error().code, file.error().message + (there.empty() ? "" : ": " + there)};
  }
  const auto is = [&](const std::string& what) { return error{errc::invalid_argument, path_ + ": this is " + what}; };
  if (const std::string what = what_file_is(files.model_json(), file->bytes); !what.empty()) return is(what);
  const auto text = file->bytes;
  auto document = json_document::parse({reinterpret_cast<const char*>(text.data()), text.size()});
  if (!document) return in_file(document.error());
  document_ = *std::move(document);
  files_read_.push_back(path_);
  if (const std::string what = what_json_is(root()); !what.empty()) return is(what);
  if (const auto r = root().object(); !r) return in_file(r.error());
  if (const auto r = topology().object(); !r) return in_file(r.error());
  return {};
}

result<tfjs_model::group_weights> tfjs_model::read_entries(const json_value& group) {
  const auto entries = group["weights"].array();
  if (!entries) return in_file(entries.error());
  group_weights made;
  made.count = entries->size();
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
    const std::uint64_t offset = made.bytes;
    made.bytes += std::uint64_t{weight.elements()} * bytes_each(weight.type);
    if (made.bytes > most_elements * 4)
      return in_file({errc::invalid_argument, group.path() + ": its weights are larger than 8 GiB"});
    if (of_optimizer) continue;
    made.places.push_back({weights_.size(), static_cast<std::size_t>(offset)});
    weights_.push_back(std::move(weight));
  }
  return made;
}

// The bytes of a group's shards, one after the other.
result<file_bytes> tfjs_model::read_shards(const model_files& files, const json_value& group,
                                           const group_weights& expected) {
  const auto paths = group["paths"].array();
  if (!paths) return in_file(paths.error());
  std::vector<shard> shards;
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < paths->size(); ++i) {
    auto next = read_shard(files, (*paths)[i], path_);
    if (!next) return std::move(next).error();
    found += next->file.bytes.size();
    files_read_.push_back(next->name);
    shards.push_back(*std::move(next));
  }
  if (found != expected.bytes) {
    for (const shard& s : shards)
      if (const std::string what = what_file_is(s.name, s.file.bytes); !what.empty())
        return error{errc::invalid_argument, s.name + ": this is " + what + " (a shard of " + path_ + ")"};
    const std::string all = shards.empty()       ? path_ + ": " + group.path() + " has no shards: they hold "
                            : shards.size() == 1 ? shards.front().name + ": holds "
                                                 : shards.front().name + " to " + shards.back().name + ": the " +
                                                       std::to_string(shards.size()) + " shards hold ";
    return error{errc::invalid_argument, all + std::to_string(found) + " bytes, expected " +
                                             std::to_string(expected.bytes) + " for the " +
                                             std::to_string(expected.count) + " weights of " + group.path()};
  }
  if (shards.size() == 1) return shards.front().file;
  const auto joined = std::make_shared<std::vector<std::byte>>();
  joined->reserve(static_cast<std::size_t>(found));
  for (const shard& s : shards) joined->insert(joined->end(), s.file.bytes.begin(), s.file.bytes.end());
  return file_bytes{joined, *joined};
}

result<void> tfjs_model::read_group(const model_files& files, const json_value& group) {
  if (const auto paths = group["paths"].array(); !paths) return in_file(paths.error());
  const auto entries = read_entries(group);
  if (!entries) return entries.error();
  auto shards = read_shards(files, group, *entries);
  if (!shards) return std::move(shards).error();
  for (const auto& place : entries->places) {
    tfjs_weight& weight = weights_[place.weight];
    weight.bytes = shards->bytes.subspan(place.offset, weight.elements() * bytes_each(weight.type));
  }
  groups_.push_back(*std::move(shards));
  weight_bytes_ += entries->bytes;
  return {};
}

}  // namespace mobilenet::tools
