#include "tfjs/wrong_file.hpp"

#include <mobilenet/model/format.hpp>

#include <algorithm>
#include <cctype>

namespace mobilenet::tools {
namespace {

// The line that makes a model.json of a model of a Python framework.
std::string converter(const std::string& input_format, const std::string& source) {
  return "tensorflowjs_converter --input_format=" + input_format + " " + source + " FOLDER makes a model.json of it";
}

std::string text_of_beginning(std::span<const std::byte> bytes) {
  std::string text(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 512));
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  text.erase(0, std::min(begin, text.size()));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

constexpr const char* model_0x =
    "part of a model of version 0.x of the TensorFlow.js converter (tensorflowjs_model.pb and weights_manifest.json): "
    "convert the original model again, or run pb2json_converter.ts of the project tfjs-converter on the folder";

}  // namespace

std::string what_file_is(std::string_view name, std::span<const std::byte> bytes) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto begins = [&](std::string_view magic) { return all.starts_with(magic); };
  if (begins({reinterpret_cast<const char*>(format::magic.data()), format::magic.size()}))
    return "a packed model already: classify, embed and inspect take it";
  if (begins("\x89HDF")) return "a Keras model in HDF5: " + converter("keras", std::string(name));
  if (begins("PK\x03\x04")) {
    const std::string_view directory = all.substr(all.size() - std::min<std::size_t>(all.size(), 1u << 16));
    return name.ends_with(".keras") || directory.find("model.weights.h5") != all.npos
               ? "a Keras 3 model: " + converter("keras_keras", std::string(name))
               : "a zip archive: unpack it, and name the folder";
  }
  if (all.substr(0, 8).ends_with("TFL3"))
    return "a TensorFlow Lite model: convert the model that it was made from with tensorflowjs_converter";
  if (begins("version https://git-lfs.github.com/spec/"))
    return "a pointer to a file in Git LFS, not the file: git lfs pull fetches it";
  const std::string text = text_of_beginning(bytes);
  if (text.starts_with("<!doctype") || text.starts_with("<html"))
    return "an HTML page, not the file: download the file itself";
  if (name.ends_with("saved_model.pb")) return "a TensorFlow SavedModel: " + converter("tf_saved_model", "SAVED_MODEL");
  if (name.ends_with("tensorflowjs_model.pb") || name == "weights_manifest.json") return model_0x;
  return {};
}

std::string what_json_is(const json_value& root) {
  if (root.is_array() && root[std::size_t{0}]["weights"].is_array() && root[std::size_t{0}]["paths"].is_array())
    return "a list of weights without a network (face-api.js has its networks in its own code): expected model.json";
  if (root["labels"].is_array() && !root["modelTopology"])
    return "the metadata of a Teachable Machine model: expected model.json, which it lies beside";
  if (root["class_name"].is_string() && root["config"].is_object())
    return "a Keras model's layers without their weights: expected a model.json, as tensorflowjs_converter writes it";
  return {};
}

bool is_url(std::string_view path) {
  const std::size_t end = path.find("://");
  return end != path.npos && end > 0 &&
         std::all_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(end),
                     [](unsigned char c) { return std::isalpha(c) != 0; });
}

}  // namespace mobilenet::tools
